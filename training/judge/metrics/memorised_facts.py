"""How many facts of training a reply repeats where they have no place."""

from training.judge.metrics import Answered, Metric, Score


@Metric(
    "replies",
    better=-1,
    decides=False,  # all of them are among the ungrounded ones
    bounds=(0.0, float("inf")),
    title={
        "en": "Facts in a reply that nothing grounds and training replies state (lower is better)",
        "ar": "حقائق في الرد لا سند لها وقد وردت في ردود التدريب (الأقل أفضل)",
    },
    explanation={
        "en": "Of the facts that nothing grounds, those that stand in a reply of the training set. What the base "
        "model, which never saw it, repeats is chance.",
        "ar": "ما ورد في ردود مجموعة التدريب من الحقائق التي لا سند لها. وما يكرره منها النموذج الأساس، وهو لم يرها، "
        "مصادفة.",
    },
)
def memorised_facts(talk: Answered) -> Score:
    """Facts a reply, each value once."""
    return sum(len(one.taught) for one in talk.stated), len(talk.replies)
