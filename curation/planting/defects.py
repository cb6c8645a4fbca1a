"""Defects with which checks are tried. Each takes a clean row and gives it back spoilt, or None where it is not fit.

Everything is drawn from a generator seeded by the defect and the row. None of the code or of the words (phrases.yaml)
is shared with the checks.
"""

import base64
import random
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml

from curation.planting.rows import Row
from curation.planting.values import facts, personal

Phrases = Mapping[str, Any]  # the words to plant, by defect and language; see phrases.yaml
PHRASES = Path(__file__).with_name("phrases.yaml")
PERSONAL = ("email", "phone", "card", "iban", "national_id")
LETTERS = {"en": string.ascii_lowercase, "ar": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"}
ELSEWHERE = 0.1  # of two customers' words, up to which they speak of different things where no label tells


@dataclass(frozen=True)
class Draw:
    """What a defect may draw from."""

    rng: random.Random
    pool: Sequence[Row]  # the clean rows of the same language
    phrases: Phrases

    def phrase(self, kind: str, row: Row) -> str:
        found: str = self.rng.choice(self.phrases[kind][row.language])
        return found

    def stranger(self, row: Row, fit: Callable[[Row], bool]) -> Row | None:
        """A row of another topic; where a label is lacking, one whose customer has other words."""
        for other in self.rng.sample(self.pool, min(200, len(self.pool))):
            if other.id != row.id and _elsewhere(row, other) and fit(other):
                return other
        return None


def _elsewhere(row: Row, other: Row) -> bool:
    if row.label and other.label:
        return not other.topics & row.topics
    one, two = (set(re.findall(r"\w+", r.of("user").lower())) for r in (row, other))
    return len(one & two) <= ELSEWHERE * len(one | two)


Spoil = Callable[[Row, Draw], Row | None]
DEFECTS: dict[str, Spoil] = {}


def defect(name: str, *, worded: bool = False) -> Callable[[Spoil], Spoil]:
    """Registers a defect. A row is clean: both sides speak. `worded`: of rows in a language whose letters are here."""

    def register(spoil: Spoil) -> Spoil:
        DEFECTS[name] = partial(_in_words, spoil) if worded else spoil
        return spoil

    return register


def _in_words(spoil: Spoil, row: Row, draw: Draw) -> Row | None:
    return spoil(row, draw) if row.language in LETTERS else None


@cache
def phrases(path: Path = PHRASES) -> Phrases:
    """The words to plant."""
    found: Phrases = yaml.safe_load(path.read_text("utf-8"))
    return found


def reply(row: Row, draw: Draw, words: int = 1) -> int | None:
    """A reply of at least so many words, at random."""
    fit = [turn for turn in row.said("assistant") if len(row.messages[turn]["content"].split()) >= words]
    return draw.rng.choice(fit) if fit else None


def longest_reply(row: Row) -> int:
    """The turn of the reply that says most."""
    return max(row.said("assistant"), key=lambda turn: len(row.messages[turn]["content"]))


def with_content(row: Row, changed: Mapping[int, str], **fields: Any) -> Row:
    """The row with other words in these turns."""
    messages = tuple({**m, "content": changed.get(turn, m["content"])} for turn, m in enumerate(row.messages))
    return replace(row, messages=messages, **fields)


# -- broken replies ----------------------------------------------------------------------------------------------------


@defect("truncated_reply")
def truncated_reply(row: Row, draw: Draw) -> Row | None:
    """Cut in mid-sentence or mid-word; mostly the export ends there, sometimes one field was too short."""
    turn = reply(row, draw, words=12)
    if turn is None:
        return None
    text = row.messages[turn]["content"]
    cut = text[: int(len(text) * draw.rng.uniform(0.45, 0.8))].rstrip()
    if not cut[-1].isalpha() or len(cut.split()) < 7 or re.match(r"\s*[.!?؟]", text[len(cut) :]):
        return None
    shorter = with_content(row, {turn: cut})
    return replace(shorter, messages=shorter.messages[: turn + 1]) if draw.rng.random() < 0.7 else shorter


@defect("empty_reply")
def empty_reply(row: Row, draw: Draw) -> Row | None:
    """A reply that says nothing."""
    nothing = draw.rng.choice(["", "", "  ", "...", "-", "N/A" if row.language == "en" else "لا يوجد"])
    return with_content(row, {turn: nothing}) if (turn := reply(row, draw)) is not None else None


@defect("loop")
def loop(row: Row, draw: Draw) -> Row | None:
    """A reply, a phrase or a word over and over."""
    turn = reply(row, draw, words=5)
    if turn is None:
        return None
    text: str = row.messages[turn]["content"]
    words, rng = text.split(), draw.rng
    how = rng.randrange(4)
    if how == 0:
        return with_content(row, {turn: " ".join([text] * rng.randint(4, 9))})
    if how == 1:
        at = rng.randrange(len(words) - 3)
        return with_content(row, {turn: " ".join(words[: at + 3] + words[at : at + 3] * rng.randint(6, 15))})
    if how == 2:
        return with_content(row, {turn: " ".join(words + [words[-1]] * rng.randint(12, 40))})
    replies = row.said("assistant")
    return with_content(row, dict.fromkeys(replies, text)) if len(replies) >= 4 else None


@defect("gibberish", worded=True)
def gibberish(row: Row, draw: Draw) -> Row | None:
    """Letters that are no words, or no text at all."""
    turn = reply(row, draw, words=6)
    if turn is None:
        return None
    rng, words = draw.rng, row.messages[turn]["content"].split()
    letters = LETTERS[row.language]
    noise: list[Callable[[], str]] = [
        lambda: " ".join("".join(rng.choices(letters, k=rng.randint(3, 10))) for _ in words),
        lambda: " ".join("".join(rng.sample(w, len(w))) for w in words),
        lambda: base64.b64encode(rng.randbytes(90)).decode(),
        lambda: "".join(rng.choices(letters[:6], k=rng.randint(30, 70))),
        lambda: " ".join("".join(rng.choices(letters + string.punctuation + string.digits, k=6)) for _ in words),
    ]
    return with_content(row, {turn: rng.choice(noise)()})


# -- broken characters -------------------------------------------------------------------------------------------------


@defect("mojibake")
def mojibake(row: Row, draw: Draw) -> Row | None:
    """UTF-8 read as Windows-1252 or Windows-1256: all turns or one reply."""
    typeset = with_content(row, {turn: _typeset(m["content"]) for turn, m in enumerate(row.messages)})
    code = "cp1252" if row.language == "en" else draw.rng.choice(["cp1252", "cp1256"])
    turns = range(len(row.messages)) if draw.rng.random() < 0.5 else [longest_reply(row)]
    changed = {turn: misread(typeset.messages[turn]["content"], code) for turn in turns}
    if all(text == typeset.messages[turn]["content"] for turn, text in changed.items()):
        return None
    spoilt = with_content(typeset, changed)
    return replace(spoilt, traces=tuple({w for t in changed.values() for w in t.split() if not w.isascii()}))


def _typeset(text: str) -> str:
    return re.sub(r'"(.*?)"', r"“\1”", text.replace("'", "’")).replace(" - ", " – ")


def misread(text: str, code: str) -> str:
    """A text as a reader has it that takes its UTF-8 for another code."""
    return "".join(_decoded(byte, code) for byte in text.encode("utf-8"))


def _decoded(byte: int, code: str) -> str:
    try:
        return bytes([byte]).decode(code)
    except UnicodeDecodeError:
        return chr(byte)  # as browsers do


@defect("lost_characters")
def lost_characters(row: Row, draw: Draw) -> Row | None:
    """Characters that some step could not write: U+FFFD, or question marks inside or instead of words."""
    turn, rng = reply(row, draw, words=6), draw.rng
    if turn is None:
        return None
    text = _typeset(row.messages[turn]["content"])
    if rng.random() < 0.5:
        lost = "".join("\ufffd" if c.isalpha() and rng.random() < 0.08 else c for c in text)
    elif row.language == "ar":
        lost = "".join("?" if ord(c) > 127 else c for c in text)
    else:
        lost = "".join("?" if ord(c) > 127 or (c in "aeiou" and rng.random() < 0.1) else c for c in text)
    return with_content(row, {turn: lost}) if lost != text else None


@defect("html_remains")
def html_remains(row: Row, draw: Draw) -> Row | None:
    """Tags and entities of the page that the reply stood on."""
    turn = reply(row, draw, words=4)
    if turn is None:
        return None
    text = row.messages[turn]["content"]
    first, _, rest = text.partition(" ")
    wrapped, traces = draw.rng.choice(
        [
            (f"<p>{text}</p><br/>", ("<p>", "<br")),
            (f'<div class="comment" style="color:#333">{text}</div>', ("<div",)),
            (f"{first}&nbsp;{rest}<br>", ("&nbsp;", "<br>")),
            (f'{text} <a href="#top" target="_blank">{first}</a>', ("<a href",)),
            (f"&lt;p&gt;{text}&lt;/p&gt;", ("&lt;p",)),
            (f"<table><tr><td>{text}</td></tr></table>", ("<td>",)),
            (f'<span dir="auto"><b>{first}</b> {rest}</span>', ("<span",)),
            (f"<!-- signature --> {text} &amp;quot;{first}&amp;quot;", ("<!--", "&amp;quot;")),
        ]
    )
    return with_content(row, {turn: wrapped}, traces=traces)


# -- words that must not stand there -----------------------------------------------------------------------------------


def _phrase_in_reply(kind: str, row: Row, draw: Draw) -> Row | None:
    turn = reply(row, draw, words=3)
    if turn is None:
        return None
    return with_content(row, {turn: draw.phrase(kind, row).replace("{reply}", row.messages[turn]["content"])})


for _kind in ("profanity", "model_refusal", "placeholder"):
    defect(_kind, worded=True)(partial(_phrase_in_reply, _kind))


@defect("spam", worded=True)
def spam(row: Row, draw: Draw) -> Row | None:
    """An advert as the reply, behind it, or as what the customer says."""
    advert = draw.phrase("spam", row)
    turn = draw.rng.choice(row.said("user")) if draw.rng.random() < 0.3 else reply(row, draw)
    if turn is None:
        return None
    behind = draw.rng.random() < 0.4
    return with_content(row, {turn: f"{row.messages[turn]['content']} {advert}" if behind else advert})


@defect("other_language", worded=True)
def other_language(row: Row, draw: Draw) -> Row | None:
    """A reply in a language that nobody here speaks."""
    turn = reply(row, draw, words=4)
    return with_content(row, {turn: draw.phrase("other_language", row)}) if turn is not None else None


def _personal(kind: str, row: Row, draw: Draw) -> Row | None:
    rng = draw.rng
    role = "user" if rng.random() < 0.7 else "assistant"
    turn, value = rng.choice(row.said(role)), personal(kind, rng, row.language)
    sentence = rng.choice(draw.phrases["pii"][kind][row.language][role]).replace("{value}", value)
    return with_content(row, {turn: f"{row.messages[turn]['content']} {sentence}"}, traces=(value,))


for _kind in PERSONAL:
    defect(f"pii_{_kind}", worded=True)(partial(_personal, _kind))


@defect("invented_fact", worded=True)
def invented_fact(row: Row, draw: Draw) -> Row | None:
    """A price, a date, a link or a code that nobody had mentioned."""
    turn = reply(row, draw, words=4)
    if turn is None:
        return None
    phrase, values = draw.phrase("invented_fact", row), facts(draw.rng, row.language)
    stated = tuple(value for name, value in values.items() if f"{{{name}}}" in phrase)
    return with_content(row, {turn: f"{row.messages[turn]['content']} {phrase.format(**values)}"}, traces=stated)


# -- the wrong words in the wrong place --------------------------------------------------------------------------------


@defect("echo")
def echo(row: Row, draw: Draw) -> Row | None:
    """The agent says what the customer just said."""
    turns = [turn for turn in row.said("assistant") if turn and row.messages[turn - 1]["role"] == "user"]
    long = [turn for turn in turns if len(row.messages[turn - 1]["content"].split()) >= 6]
    if not long:
        return None
    turn = draw.rng.choice(long)
    asked = row.messages[turn - 1]["content"]
    return with_content(row, {turn: draw.rng.choice([asked, asked, asked.lower().rstrip(".!?؟"), f"Re: {asked}"])})


@defect("roles_swapped")
def roles_swapped(row: Row, draw: Draw) -> Row | None:
    """Customer and team exchanged."""
    other = {"user": "assistant", "assistant": "user"}
    if len(row.messages) < 4:
        return None
    return replace(row, messages=tuple({**m, "role": other.get(m["role"], m["role"])} for m in row.messages))


@defect("wrong_reply")
def wrong_reply(row: Row, draw: Draw) -> Row | None:
    """The reply that says most is one to somebody else's question, about something else."""
    turn = longest_reply(row)

    def fit(candidate: Row) -> bool:
        return len(candidate.messages[longest_reply(candidate)]["content"].split()) >= 8

    if not fit(row) or (other := draw.stranger(row, fit)) is None:
        return None
    return with_content(row, {turn: other.messages[longest_reply(other)]["content"]})


@defect("wrong_conversation")
def wrong_conversation(row: Row, draw: Draw) -> Row | None:
    """All replies are those of another conversation, about something else: two tickets joined by a wrong key."""
    turns = row.said("assistant")
    if len(turns) < 2:
        return None
    other = draw.stranger(row, lambda candidate: len(candidate.said("assistant")) >= len(turns))
    if other is None:
        return None
    said = [other.messages[turn]["content"] for turn in other.said("assistant")]
    return with_content(row, dict(zip(turns, said, strict=False)), replies_of=other.id)


@defect("wrong_label")
def wrong_label(row: Row, draw: Draw) -> Row | None:
    """The label of a row about something else."""
    other = draw.stranger(row, lambda candidate: candidate.label is not None) if row.label else None
    return replace(row, label=other.label) if other else None
