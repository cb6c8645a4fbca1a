"""How many conversations break none of the playbook's rules."""

from training.judge.metrics import Answered, Metric, Score


@Metric(
    "replies",
    better=1,
    bounds=(0.0, 1.0),
    title={
        "en": "Conversations without a broken rule, share (higher is better)",
        "ar": "نسبة المحادثات التي لم تُخل بأي قاعدة (الأعلى أفضل)",
    },
    explanation={
        "en": "Conversations whose written replies keep every rule of the playbook that applies to them.",
        "ar": "المحادثات التي تلتزم ردودها المكتوبة بكل قاعدة من الدليل تنطبق عليها.",
    },
)
def playbook_pass(talk: Answered) -> Score:
    """Share of the conversations."""
    return all(talk.kept.values()), 1
