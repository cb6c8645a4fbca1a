"""Which Arabic a text is in: Gulf, Levant, Egypt, Maghreb or standard, by function words, verbs and negations."""

import functools
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from curation.core.text.folding import fold

STANDARD, UNKNOWN = "standard", "unknown"
WEIGHTS = {"sure": 2.0, "likely": 1.0}
UNMARKED = 0.08  # of a word on no list, for standard Arabic: whoever writes a dialect marks about one word in five
LEAST = 2.0  # evidence below which too little is said
LEAD = 1.0  # over the next dialect

_WORD = re.compile(r"[\u0620-\u064a]{2,}")


def dialect_of(text: str) -> str:
    """gulf, levant, egypt, maghreb or standard; "unknown" where too little is said, or two are as likely.

    Arabic in Latin letters is unknown too. A customer's turns together tell more than each of them alone.
    """
    scores = evidence(text)
    first, second = sorted(scores, key=lambda dialect: -scores[dialect])[:2]
    return first if scores[first] >= LEAST and scores[first] - scores[second] >= LEAD else UNKNOWN


def evidence(text: str) -> dict[str, float]:
    """How much speaks for each dialect: WEIGHTS of its words, each word once however often it is said.

    Standard words are never sure, as whoever writes a dialect falls into standard Arabic too.
    """
    folded = fold(text)
    scores, marked = dict[str, float](), set[str]()
    for dialect, kinds in _markers().items():
        found = {kind: {match[1] for match in pattern.finditer(folded)} for kind, pattern in kinds.items()}
        found["likely"] -= found.get("sure", set())
        scores[dialect] = sum(WEIGHTS[kind] * len(words) for kind, words in found.items())
        marked |= set().union(*found.values())
    scores[STANDARD] += UNMARKED * len(set(_WORD.findall(folded)) - marked)
    return scores


@functools.cache
def _markers() -> Mapping[str, Mapping[str, re.Pattern[str]]]:
    """What marks each dialect in folded text, by kind."""
    lists = yaml.safe_load((Path(__file__).parent / "dialect.yaml").read_text("utf-8"))
    return {
        dialect: {
            kind: re.compile(rf"(?<!\w)[وف]?({'|'.join(fold(word) for word in words.split('/'))})(?!\w)")
            for kind, words in kinds.items()
        }
        for dialect, kinds in lists.items()
    }
