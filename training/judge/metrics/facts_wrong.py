"""How many facts of the conversation a reply replaces by others."""

from training.judge.metrics import Answered, Metric, Score


@Metric(
    "replies",
    better=-1,
    decides=False,  # in many a set no reply takes a fact from the conversation
    bounds=(0.0, 1.0),
    title={
        "en": "Facts of the conversation stated wrong, share (lower is better)",
        "ar": "نسبة ما ذُكر خطأً من حقائق المحادثة (الأقل أفضل)",
    },
    explanation={
        "en": "Of the facts that the team's reply takes from what stands before it, those in whose place the written "
        "reply states another fact of the kind; the rest are stated right or left unsaid.",
        "ar": "من الحقائق التي أخذها رد الفريق مما قبله، ما ذكر الرد المكتوب مكانه حقيقة أخرى من نوعه، وأما الباقي "
        "فذُكر صحيحاً أو لم يُذكر.",
    },
)
def facts_wrong(talk: Answered) -> Score:
    """Share of the facts."""
    given = sum(one.given for one in talk.stated)
    return (sum(one.wrong for one in talk.stated), given) if given else None
