"""Text that was decoded with the wrong table somewhere on its way."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks.check import Context, check
from curation.core.record.conversation import turns

# UTF-8 Arabic read as Windows-1256: each letter becomes one of these two followed by something else.
_ARABIC_TWICE = re.compile("[طظ][^\\s\u0621-\u0630\u0632-\u0636]")
ARABIC_TWICE_SHARE = 0.25  # of a text's letters; real Arabic stays below 0.05 ...
# A table without the letter gave a question mark: in the middle of a word, or for each letter of several words.
_LETTER_LOST = re.compile(r"(?<=[^\W\d_])\?+(?=[^\W\d_A-Z])|(?<![^\s(\"'])\?(?=[a-z]{2})")
# A mark after which a word of its own begins is a space forgotten ("really?ok"); of a broken word the rest is no word.
_WHOLE_WORDS = re.compile(
    r"\?(?:and|any|are|as|at|but|by|can|could|did|do|does|for|from|go|has|have|he|hello|hey|hi|how|i|if|im|in|is|it|just|let|lol|me"
    r"|my|no|not|of|oh|ok|okay|on|or|our|please|pls|she|should|so|sure|thank|thanks|that|the|then|there|they|this|to|up|us|was|we"
    r"|well|what|when|where|which|who|why|will|with|would|ya|yeah|yes|yet|you|your)(?![a-z'])"
)
_LATIN_LOST = re.compile(r"\?[a-z]")
_WORDS_LOST = re.compile(r"(?<!\?)\?{2,}+(?:\s\?++){2,}+")  # each row of marks is looked at once, from its first
# What stands in a text beside letters of a script and common marks when ftfy has anything to say: its signs of damage
# are all outside of ASCII and of Arabic.
_STRANGE = r"[^\x00-\x7f\x{0600}-\x{06ff}]"
# What stands in every text that has lost letters, and at times in others.
_QUESTIONED = r"\?(?:[^\x00-\x40]|(?s:.)\?)"
_RUN, _IN_ADDRESS = re.compile(r"(?<!\S)\S{3,}+"), re.compile(r"://|\.\w++/")
ARABIC_TWICE_LEAST = 4  # ... but for a word or two


@check("encoding", version=3, source="ftfy.badness (Speer 2019); for Arabic the byte patterns of UTF-8 in Windows-1256")
def encoding(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Mojibake, by ftfy's heuristic and for UTF-8 Arabic read as Windows-1256; characters lost as U+FFFD or as "?".

    `value` = marks of damage in the turn. Not seen: a single wrong letter or "?" in Arabic, a "?" for a word's
    last letter.
    """
    from ftfy.badness import badness

    said = turns(conversations).with_columns(strange=pl.col("content").str.contains(_STRANGE))
    twice = pl.col("content").str.count_matches(_ARABIC_TWICE.pattern) >= ARABIC_TWICE_LEAST
    suspects = said.filter(pl.col("strange") | pl.col("content").str.contains(_QUESTIONED) | twice)
    for key, turn, _, text, strange in suspects.iter_rows():
        seen = {"conversation_id": key, "turn": turn, "evidence": text[:80]}
        bad = (badness(text) if strange else 0) + (0 if text.isascii() else _arabic_read_twice(text))
        if bad:
            yield {**seen, "code": "mojibake", "value": bad, "threshold": 1}
        if lost := text.count("\ufffd"):
            yield {**seen, "code": "lost_characters", "value": lost, "threshold": 1}
        if marks := _letters_lost(text):
            yield {**seen, "code": "lost_letters", "value": marks, "threshold": 1}


def _arabic_read_twice(text: str) -> int:
    found = len(_ARABIC_TWICE.findall(text))
    return found if found >= max(ARABIC_TWICE_LEAST, ARABIC_TWICE_SHARE * len(text) / 2) else 0


def _unless_address(run: re.Match[str]) -> str:
    return "" if _IN_ADDRESS.search(run.group(), 1) else run.group()


def _letters_lost(text: str) -> int:
    if "?" not in text:
        return 0
    plain = _WHOLE_WORDS.sub(" ", _RUN.sub(_unless_address, text))
    in_words: list[str] = _LETTER_LOST.findall(plain)
    for_words: list[str] = _WORDS_LOST.findall(plain)
    marks = len(in_words) + sum(words.count("?") for words in for_words)
    return marks if marks > 1 or _LATIN_LOST.search(plain) else 0  # whole Arabic words are not known here
