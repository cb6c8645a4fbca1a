"""How long a reply is."""

from training.judge.metrics import Answered, Metric, Score


@Metric(
    "replies",
    better=0,
    title={"en": "Words in a reply", "ar": "عدد كلمات الرد"},
    explanation={
        "en": "The length of a written reply; neither long nor short is better.",
        "ar": "طول الرد المكتوب، ولا فضل لطوله ولا لقصره.",
    },
)
def words(talk: Answered) -> Score:
    """Words a reply."""
    return sum(len(reply["text"].split()) for reply in talk.replies), len(talk.replies)
