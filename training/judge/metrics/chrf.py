"""How like the team's reply a written one is, letter by letter."""

from functools import cache
from typing import Any

from curation.core.text.folding import fold
from training.judge.metrics import Answered, Metric, Score


@Metric(
    "replies",
    better=1,
    bounds=(0.0, 100.0),
    title={
        "en": "Likeness to the team's replies, chrF 0 to 100 (higher is better)",
        "ar": "الشبه بردود الفريق، chrF من 0 إلى 100 (الأعلى أفضل)",
    },
    explanation={
        "en": "chrF++ with the team's reply at the same turn: letters and words in common, Arabic spelling folded.",
        "ar": "مقياس chrF++ مع رد الفريق في الموضع نفسه: ما يشتركان فيه من حروف وكلمات بعد توحيد الإملاء العربي.",
    },
)
def chrf(talk: Answered) -> Score:
    """chrF++ a reply."""
    messages = talk.conversation["messages"]
    found = (likeness(reply["text"], messages[reply["turn"]]["content"]) for reply in talk.replies)
    return sum(found), len(talk.replies)


def likeness(written: str, reference: str) -> float:
    """chrF++ of two texts, 0..100, with Arabic spelling variants, case and digits folded."""
    return float(_chrf().sentence_score(fold(written), [fold(reference)]).score)


@cache
def _chrf() -> Any:
    from sacrebleu.metrics import CHRF  # type: ignore[attr-defined]

    return CHRF(word_order=2)
