"""Small changes to the words of a message."""

import random
import re
from collections.abc import Mapping, Sequence

from qirat.sample.dialogues import Message
from qirat.sample.typing_habits import swapped


def before_closing(reply: str, sentence: str) -> str:
    """The sentence put before the reply's last one, which asks whether anything is left."""
    place = max((m.start() for m in re.finditer(r"(?<=[.!?؟])\s+\S", reply)), default=0)
    return f"{reply[:place]} {sentence}{reply[place:]}" if place else f"{sentence} {reply}"


def tongue_of(language: str) -> str:
    """The phrase bank that serves a language; mixed conversations take the English one."""
    return "ar" if language == "ar" else "en"


def replies(messages: Sequence[Message]) -> list[int]:
    """Places of the messages in which the agent says something."""
    return [i for i, m in enumerate(messages) if m["role"] == "assistant" and "tool_calls" not in m]


def replaced(messages: Sequence[Message], old: str, new: str) -> list[Message]:
    """The messages with a whole word replaced wherever it stands."""
    return [{**m, "content": re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new, m["content"])} for m in messages]


def reworded(text: str, words: Mapping[str, str]) -> str:
    """The text with whole words replaced, whatever their case."""
    for old, new in words.items():
        text = re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new, text, flags=re.IGNORECASE)
    return text


def misspelt(text: str, rng: random.Random) -> str:
    """One plain word with two of its letters swapped."""
    found = rng.choice([m for m in re.finditer(r"[^\W\d_]{5,}", text) if m[0] == m[0].lower()] or [None])
    if found is None:
        return text
    word = swapped(found[0], rng.randrange(1, len(found[0]) - 2))
    return text[: found.start()] + word + text[found.end() :]


def garbled(text: str, kind: str, rng: random.Random) -> str:
    """Text as it looks after a wrong decoding. English gets typographic marks first: plain ASCII survives anything."""
    text = text.replace("'", "’").replace(" - ", " – ").replace(". ", "… ", 1)
    if kind == "replacement_characters":
        return "".join("�" if c.isalpha() and rng.random() < 0.08 else c for c in text)
    wrong = "cp1252" if kind == "utf8_as_western" else "cp1256"
    return text.encode().decode(wrong, errors="replace")
