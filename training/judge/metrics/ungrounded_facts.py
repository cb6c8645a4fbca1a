"""How many facts a reply makes up."""

from training.judge.metrics import Answered, Metric, Score


@Metric(
    "replies",
    better=-1,
    bounds=(0.0, float("inf")),
    title={
        "en": "Facts in a reply that nothing grounds (lower is better)",
        "ar": "حقائق في الرد لا سند لها (الأقل أفضل)",
    },
    explanation={
        "en": "Prices, percentages, days, times, links, codes, numbers, contacts and stock in a written reply that "
        "stand in nothing before it, nor in the written prompt or among the facts that a person has confirmed.",
        "ar": "ما في الرد المكتوب من أسعار ونسب وأيام وأوقات وروابط ورموز وأرقام ووسائل اتصال ومخزون، مما لم يرد في "
        "شيء قبله ولا في التلقين المكتوب ولا بين الحقائق التي أكّدها شخص.",
    },
)
def ungrounded_facts(talk: Answered) -> Score:
    """Facts a reply, each value once."""
    return sum(len(one.ungrounded) for one in talk.stated), len(talk.replies)
