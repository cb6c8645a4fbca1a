"""Replies that say the same thing over and over, as loops of a bot or a copying mistake do."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks import Context, check
from curation.conversation import turns
from curation.text import fold

WINDOW = 4  # words
SHORTEST = 16  # words; below, a repeated phrase is emphasis
REPORTED_FROM = 0.1
_WORD = re.compile(r"\w+")


@check(
    "repetition",
    {"repetition": "doubt"},
    source="Rae et al. 2021, Scaling Language Models: Methods, Analysis & Insights from Training Gopher, table A1",
)
def repetition(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Four-word runs that stood before in the same reply. `value` = their share, of the worst reply.

    Replies of less than 16 words are not judged.
    """
    words = pl.col("content").str.count_matches(r"[\p{L}\p{N}_]+")
    folds_to_more = pl.col("content").str.contains(r"[^\x00-\x7f]")  # such as the fraction ½, which folds to 1/2
    long = (words >= SHORTEST) | (folds_to_more & (words >= SHORTEST // 2))
    worst: dict[str, tuple[float, int, str]] = {}
    replies = turns(conversations).filter(pl.col("role") == "assistant")
    for key, turn, _, text in replies.filter(long).iter_rows():
        share, most = _repeated(text)
        worst[key] = max(worst.get(key, (0.0, 0, "")), (share, turn, most))
    for key, (share, turn, most) in worst.items():
        if share >= REPORTED_FROM:
            seen = {"conversation_id": key, "turn": turn, "code": "repetition", "value": share}
            yield {**seen, "threshold": REPORTED_FROM, "evidence": most}


def _repeated(text: str) -> tuple[float, str]:
    words = _WORD.findall(fold(text))
    if len(words) < SHORTEST:
        return 0.0, ""
    runs = Counter(zip(*(words[k:] for k in range(WINDOW)), strict=False))
    most, times = runs.most_common(1)[0]
    return 1 - len(runs) / runs.total(), f"{' '.join(most)} (x{times})"
