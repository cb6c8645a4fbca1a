"""How customers type: neatly, casually or with typing mistakes. Numbers, names of days and codes are left alone."""

import random
import re

from qirat.sample.grammar import sentences
from qirat.sample.scenario import Scenario

_PLAIN = re.compile(r"[a-z]{5,}")
_SHORT_FORMS = {"please": "pls", "you": "u", "are": "r", "your": "ur", "thanks": "thx", "because": "cause"}
_MARKS = re.compile("[\u064b-\u0652]")


def typed(text: str, scenario: Scenario, manner: str, rng: random.Random) -> str:
    """The text as somebody of that manner (neat, casual or typos) would have typed it."""
    if scenario.language == "mixed" or manner == "neat":
        return sentences(text) if scenario.language == "en" else text
    if scenario.language == "ar":
        return _arabic(text, manner, rng)
    return _casual(text, rng) if manner == "casual" else _slips(sentences(text), rng)


def _casual(text: str, rng: random.Random) -> str:
    """Small letters where sentences begin, no apostrophes, short forms, no last full stop."""
    if rng.random() < 0.7:
        text = re.sub(r"(^|[.!?,]\s+|\n)([A-Z])(?=[a-z' ])", lambda m: m[1] + m[2].lower(), text)
    text = re.sub(r"(?<=\w)'(?=\w)", "", text)
    words = [_SHORT_FORMS.get(word, word) if rng.random() < 0.4 else word for word in text.split(" ")]
    return " ".join(words).removesuffix(".")


def _slips(text: str, rng: random.Random) -> str:
    """One or two plain words with two letters swapped, one lost or one doubled."""
    for _ in range(rng.choice((1, 1, 2))):
        found = list(_PLAIN.finditer(text))
        if not found:
            break
        word = rng.choice(found)
        at = rng.randrange(1, len(word[0]) - 1)
        letters = word[0]
        slip = rng.choice((
            swapped(letters, at),
            letters[:at] + letters[at + 1 :],
            letters[:at] + letters[at] + letters[at:],
        ))  # fmt: skip
        text = text[: word.start()] + slip + text[word.end() :]
    return text


def swapped(word: str, at: int) -> str:
    """The word with the letter at that place and the next one in each other's place."""
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _arabic(text: str, manner: str, rng: random.Random) -> str:
    """Without hamza and marks, now and then h for ta marbuta and commas left out, as people type on a phone."""
    text = _MARKS.sub("", text)
    text = re.sub("[أإآ]", lambda m: "ا" if rng.random() < 0.8 else m[0], text)
    if manner == "typos":
        text = re.sub(r"ة(?!\w)", lambda m: "ه" if rng.random() < 0.6 else m[0], text)
        text = text.replace("،", "") if rng.random() < 0.5 else text
    return text.removesuffix(".")
