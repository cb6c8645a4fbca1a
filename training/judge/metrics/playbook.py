"""How many of the playbook's rules the written replies keep."""

from training.judge.metrics import Answered, Metric, Score


@Metric(
    "replies",
    better=1,
    bounds=(0.0, 1.0),
    margin=0.05,
    title={"en": "Playbook rules kept, share (higher is better)", "ar": "نسبة قواعد الدليل المتبعة (الأعلى أفضل)"},
    explanation={
        "en": "Of the playbook's rules that apply to the team's own replies, those that the written ones keep.",
        "ar": "ما التزمت به الردود المكتوبة من قواعد الدليل التي تنطبق على ردود الفريق.",
    },
)
def playbook(talk: Answered) -> Score:
    """Share of the rules."""
    return sum(talk.kept.values()), len(talk.kept)
