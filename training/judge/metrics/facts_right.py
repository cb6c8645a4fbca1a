"""How many facts of the conversation a reply copies right."""

from training.judge.metrics import Answered, Metric, Score


@Metric(
    "replies",
    better=1,
    decides=False,  # in many a set no reply takes a fact from the conversation
    bounds=(0.0, 1.0),
    title={
        "en": "Facts of the conversation stated right, share (higher is better)",
        "ar": "نسبة ما ذُكر صحيحاً من حقائق المحادثة (الأعلى أفضل)",
    },
    explanation={
        "en": "Of the facts that the team's reply takes from what stands before it, those that the written reply at "
        "the same turn states too, in whatever spelling.",
        "ar": "من الحقائق التي أخذها رد الفريق مما قبله، ما ذكره الرد المكتوب في الموضع نفسه أيضاً بأي كتابة كانت.",
    },
)
def facts_right(talk: Answered) -> Score:
    """Share of the facts."""
    given = sum(one.given for one in talk.stated)
    return (sum(one.right for one in talk.stated), given) if given else None
