"""The defects. Each takes a clean row and gives it back spoilt, or None where the row is not fit for it.

Everything is drawn from a generator seeded by the defect and the row. None of the code or of the words (phrases.yaml)
is shared with the checks.
"""

import base64
import random
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from benchmarks.corruption.values import facts, personal
from benchmarks.rows import Row, jaccard, shingles
from qirat.sample.typing_habits import swapped

Phrases = Mapping[str, Any]  # the words to plant, by defect and language; see phrases.yaml
PHRASES = Path(__file__).with_name("phrases.yaml")
PERSONAL = ("email", "phone", "card", "iban", "national_id")
LETTERS = {"en": string.ascii_lowercase, "ar": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"}
RETYPED = ("greeted", "dropped", "misspelt")
NEGATIONS = set("no not never nor none neither cannot لا لم لن ليس ليست غير ما دون بدون".split())


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
        """A row about something else."""
        for other in self.rng.sample(self.pool, min(200, len(self.pool))):
            if other.label and row.label and not other.topics & row.topics and fit(other):
                return other
        return None


Spoil = Callable[[Row, Draw], Row | None]
DEFECTS: dict[str, Spoil] = {}


def defect(name: str) -> Callable[[Spoil], Spoil]:
    def register(spoil: Spoil) -> Spoil:
        DEFECTS[name] = spoil
        return spoil

    return register


def phrases(path: Path = PHRASES) -> Phrases:
    found: Phrases = yaml.safe_load(path.read_text("utf-8"))
    return found


def planted(rows: Sequence[Row], rate: float, seed: int, words: Phrases) -> tuple[list[Row], list[Row]]:
    """The rows of one language with every defect in `rate` of them, and the evaluation set that some leaked from.

    A row has one defect at most. The evaluation set holds as many rows again that are nowhere in the rows.
    """
    rng = random.Random(seed)
    order = rng.sample(range(len(rows)), len(rows))
    count = max(1, round(rate * len(rows)))
    held_out = {order.pop() for _ in range(count)}
    spoilt: dict[int, Row] = {}
    copies: list[Row] = []
    for name, spoil in DEFECTS.items():
        done = 0
        for number in list(order):
            if done == count:
                break
            drawn = Draw(random.Random(f"{seed} {name} {rows[number].id}"), rows, words)
            if (found := spoil(rows[number], drawn)) is None:
                continue
            done += 1
            order.remove(number)
            found = replace(found, defect=name)
            if found.twin:
                copies.append(found)
            else:
                spoilt[number] = found
    kept = [spoilt.get(number, row) for number, row in enumerate(rows) if number not in held_out]
    mixed = kept + copies
    rng.shuffle(mixed)
    leaked = [row for row in kept if row.defect == "evaluation_leak"]
    quoted = [_quoted(row, Draw(random.Random(f"{seed} quote {row.id}"), rows, words)) for row in leaked]
    return mixed, quoted + [rows[number] for number in sorted(held_out)]


def reply(row: Row, draw: Draw, words: int = 1) -> int | None:
    """A reply of at least so many words, at random."""
    fit = [turn for turn in row.said("assistant") if len(row.messages[turn]["content"].split()) >= words]
    return draw.rng.choice(fit) if fit else None


def longest_reply(row: Row) -> int:
    return max(row.said("assistant"), key=lambda turn: len(row.messages[turn]["content"]))


def with_content(row: Row, changed: Mapping[int, str], **fields: Any) -> Row:
    messages = tuple({**m, "content": changed.get(turn, m["content"])} for turn, m in enumerate(row.messages))
    return replace(row, messages=messages, **fields)


# -- copies ------------------------------------------------------------------------------------------------------------


@defect("near_copy")
def near_copy(row: Row, draw: Draw) -> Row | None:
    """The same conversation typed again: a word dropped or misspelt, a greeting in front; no number, no negation."""
    copy = row
    for how in draw.rng.sample(RETYPED, draw.rng.randint(1, 3)):
        copy = _retyped(copy, how, draw)
    alike = jaccard(shingles(row.text), shingles(copy.text))
    return replace(copy, id=f"{row.id} again", twin=row.id) if 0.72 <= alike < 1 else None


def _retyped(row: Row, how: str, draw: Draw) -> Row:
    rng, turn = draw.rng, draw.rng.choice(row.said("user"))
    words = row.messages[turn]["content"].split(" ")
    plain = [k for k, word in enumerate(words) if k and _is_plain(word)]
    if how == "greeted" or not plain:
        words = [draw.phrase("near_copy", row), *words]
    elif how == "dropped":
        del words[rng.choice(plain)]
    else:
        k = rng.choice(plain)
        words[k] = swapped(words[k], rng.randrange(len(words[k]) - 1))
    return with_content(row, {turn: " ".join(words)})


def _is_plain(word: str) -> bool:
    """Whether a word may go or be misspelt: no number, no negation (dialects end it in sheen), no English name."""
    return len(word) > 3 and word.isalpha() and word == word.lower() and word not in NEGATIONS and word[-1] != "ش"


@defect("exact_copy")
def exact_copy(row: Row, draw: Draw) -> Row | None:
    return replace(row, id=f"{row.id} again", twin=row.id)


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
    nothing = draw.rng.choice(["", "", "  ", "...", "-", "N/A" if row.language == "en" else "لا يوجد"])
    return with_content(row, {turn: nothing}) if (turn := reply(row, draw)) is not None else None


@defect("loop")
def loop(row: Row, draw: Draw) -> Row | None:
    """A reply, a phrase or a word over and over."""
    turn = reply(row, draw, words=5)
    if turn is None:
        return None
    text, rng = row.messages[turn]["content"], draw.rng
    words = text.split()
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


@defect("gibberish")
def gibberish(row: Row, draw: Draw) -> Row | None:
    turn = reply(row, draw, words=6)
    if turn is None:
        return None
    rng, words = draw.rng, row.messages[turn]["content"].split()
    letters = LETTERS[row.language]
    noise = [
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
    defect(_kind)(partial(_phrase_in_reply, _kind))


@defect("spam")
def spam(row: Row, draw: Draw) -> Row | None:
    """An advert as the reply, behind it, or as what the customer says."""
    advert = draw.phrase("spam", row)
    turn = draw.rng.choice(row.said("user")) if draw.rng.random() < 0.3 else reply(row, draw)
    if turn is None:
        return None
    behind = draw.rng.random() < 0.4
    return with_content(row, {turn: f"{row.messages[turn]['content']} {advert}" if behind else advert})


@defect("other_language")
def other_language(row: Row, draw: Draw) -> Row | None:
    turn = reply(row, draw, words=4)
    return with_content(row, {turn: draw.phrase("other_language", row)}) if turn is not None else None


def _personal(kind: str, row: Row, draw: Draw) -> Row | None:
    rng = draw.rng
    role = "user" if rng.random() < 0.7 else "assistant"
    turn, value = rng.choice(row.said(role)), personal(kind, rng, row.language)
    sentence = rng.choice(draw.phrases["pii"][kind][row.language][role]).replace("{value}", value)
    return with_content(row, {turn: f"{row.messages[turn]['content']} {sentence}"}, traces=(value,))


for _kind in PERSONAL:
    defect(f"pii_{_kind}")(partial(_personal, _kind))


@defect("invented_fact")
def invented_fact(row: Row, draw: Draw) -> Row | None:
    """A price, a date, a link or a code that nobody had mentioned."""
    turn = reply(row, draw, words=4)
    if turn is None:
        return None
    sentence = draw.phrase("invented_fact", row).format(**facts(draw.rng, row.language))
    return with_content(row, {turn: f"{row.messages[turn]['content']} {sentence}"})


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
    other = {"user": "assistant", "assistant": "user"}
    if len(row.messages) < 4:
        return None
    return replace(row, messages=tuple({**m, "role": other[m["role"]]} for m in row.messages))


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
    other = draw.stranger(row, lambda candidate: len(candidate.said("assistant")) >= len(turns))
    if other is None or len(turns) < 2:
        return None
    said = [other.messages[turn]["content"] for turn in other.said("assistant")]
    return with_content(row, dict(zip(turns, said, strict=False)))


@defect("wrong_label")
def wrong_label(row: Row, draw: Draw) -> Row | None:
    other = draw.stranger(row, lambda candidate: True)
    return replace(row, label=other.label) if other else None


@defect("evaluation_leak")
def evaluation_leak(row: Row, draw: Draw) -> Row | None:
    """The row itself is clean; `planted` puts it, or most of it, into the evaluation set."""
    return row if len(row.text.split()) >= 30 else None


def _quoted(row: Row, draw: Draw) -> Row:
    """As evaluation sets have it: whole, retyped, or without what follows the last reply."""
    how = draw.rng.randrange(3)
    if how == 1:
        return _retyped(row, draw.rng.choice(RETYPED), draw)
    if how == 2:
        return replace(row, messages=row.messages[: row.said("assistant")[-1] + 1])
    return row


def as_json(row: Row) -> dict[str, Any]:
    """The row as a raw file holds it; nothing of the truth."""
    label = {"label": row.label} if row.label else {}
    return {"id": row.id, "messages": [dict(m) for m in row.messages], **label}


def renamed(rows: Iterable[Row]) -> list[Row]:
    """The rows under ids that tell nothing."""
    listed = list(rows)
    new = {row.id: f"{row.language}-{number:05}" for number, row in enumerate(listed, 1)}
    return [replace(r, id=new[r.id], twin=new[r.twin] if r.twin else None) for r in listed]
