"""How far an arm's way of writing is from the team's.

Measured is the Jensen-Shannon distance (Lin 1991; 0 = alike, 1 = nothing in common) between two profiles: how often
the letter triples of folded text stand in an arm's replies, and in the team's replies to the same customers. Frequent
letter n-grams carry an author's habits better than chosen words do and need no word list, so they serve Arabic and
English alike (Stamatatos 2009, A Survey of Modern Authorship Attribution Methods). The topic is the same on both
sides, since the customers are. A short text has a rough profile: read the figure against the other arms', not as such.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from curation.core.text.folding import fold
from training.judge.metrics import Metric
from training.judge.rules import replies

if TYPE_CHECKING:
    import numpy as np

FEATURES = 300  # most frequent letter triples of the team; all others count as one
LETTERS = 3

Distances = Mapping[str, tuple[float, "np.ndarray"]]  # arm -> distance, and with each conversation left out


@Metric(
    "corpus",
    better=-1,
    bounds=(0.0, 1.0),
    title={
        "en": "Distance of the way of writing from the team's, 0 to 1 (lower is closer)",
        "ar": "بُعد أسلوب الكتابة عن أسلوب الفريق، من 0 إلى 1 (الأقل أقرب)",
    },
    explanation={
        "en": "Jensen-Shannon distance of letter triples from the team's replies to the same customers.",
        "ar": "مسافة جنسن-شانون بين ثلاثيات الحروف في الردود المكتوبة وفي ردود الفريق على العملاء أنفسهم.",
    },
)
def style(predictions: pl.DataFrame, conversations: pl.DataFrame) -> Distances:
    """Of every arm over these conversations, which all arms answered; {} for a single one."""
    written = replies(predictions)
    messages = dict(conversations.select("conversation_id", "messages").iter_rows())
    answered = sorted({conversation for _, conversation in written} & set(messages))
    if len(answered) < 2:
        return {}
    arms = sorted({arm for arm, _ in written})
    team = [_triples(messages[c][turn]["content"] for turn in written[arms[0], c]) for c in answered]
    whole: Counter[str] = sum(team, Counter())
    ranked = sorted(whole, key=lambda triple: (-whole[triple], triple))
    places = {triple: place for place, triple in enumerate(ranked[:FEATURES])}
    theirs = _counts(team, places)
    return {
        arm: _distance(_counts([_triples(written[arm, c].values()) for c in answered], places), theirs) for arm in arms
    }


def _triples(texts: Iterable[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for text in texts:
        said = f" {fold(text)} "
        found.update(said[at : at + LETTERS] for at in range(len(said) - LETTERS + 1))
    return found


def _counts(profiles: Sequence[Counter[str]], places: Mapping[str, int]) -> "np.ndarray":
    """One row a conversation; the last column counts what has no place."""
    import numpy as np

    counts = np.zeros((len(profiles), len(places) + 1))
    for row, profile in zip(counts, profiles, strict=True):
        for triple, number in profile.items():
            row[places.get(triple, -1)] += number
    return counts


def _distance(ours: "np.ndarray", theirs: "np.ndarray") -> tuple[float, "np.ndarray"]:
    whole = _jensen_shannon(ours.sum(axis=0)[None], theirs.sum(axis=0)[None])
    return float(whole[0]), _jensen_shannon(ours.sum(axis=0) - ours, theirs.sum(axis=0) - theirs)


def _jensen_shannon(ours: "np.ndarray", theirs: "np.ndarray") -> "np.ndarray":
    """Row by row, in bits, as a distance (the square root); an arm that says nothing is as far as can be."""
    import numpy as np

    totals = ours.sum(axis=1), theirs.sum(axis=1)
    p, q = (side / np.maximum(total, 1)[:, None] for side, total in zip((ours, theirs), totals, strict=True))
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        each = [np.nansum(side * np.log2(side / middle), axis=1) for side in (p, q)]
    divergence = np.clip((each[0] + each[1]) / 2, 0, 1)
    return np.where((totals[0] > 0) & (totals[1] > 0), np.sqrt(divergence), 1.0)
