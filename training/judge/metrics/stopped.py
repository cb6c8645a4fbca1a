"""How many replies end by themselves."""

from training.judge.metrics import Answered, Metric, Score


@Metric(
    "replies",
    better=1,
    bounds=(0.0, 1.0),
    margin=0.05,
    title={
        "en": "Replies that end by themselves, share (higher is better)",
        "ar": "نسبة الردود التي تنتهي من تلقاء نفسها (الأعلى أفضل)",
    },
    explanation={
        "en": "Replies that the model ended before the limit of tokens cut them off.",
        "ar": "الردود التي أنهاها النموذج قبل أن يقطعها حد الرموز.",
    },
)
def stopped(talk: Answered) -> Score:
    """Share of the replies."""
    return sum(reply["stopped"] for reply in talk.replies), len(talk.replies)
