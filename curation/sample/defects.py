"""Plants defects in conversations and keeps the truth about each raw row.

Every spoiler draws a fresh clean conversation and answers the row it makes of it, with the kind of the defect.
Duplicates and leaks start from a row or an evaluation conversation that exists.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from curation.sample import private_data
from curation.sample.dialogues import ESCALATED, SHORT, Author, Conversation, Message, shingles
from curation.sample.grammar import EASTERN_DIGITS, choose, load, tidy
from curation.sample.scenario import INTENTS

CHANNELS = {"chat": 26, "sharegpt": 18, "tickets": 21, "pairs": 16, "helpdesk": 19}  # per cent of the rows

# Rows by defect in an export of 3,600.
COUNTS = {
    "exact_duplicate": 45, "cross_file_duplicate": 40, "near_duplicate": 50, "swapped_reply": 45, "wrong_label": 55,
    "truncated": 45, "empty_turn": 30, "role_mistake": 40, "wrong_language": 45, "pii": 56, "profanity": 36,
    "refusal": 36, "stale_fact": 52, "playbook_break": 60, "repetition": 28, "leak": 36, "encoding": 36,
    "unreadable": 32,
}  # fmt: skip
TWINS = 60
_CONFUSABLE = {
    "order_status": "late_delivery", "late_delivery": "order_status", "return_item": "refund_status",
    "refund_status": "return_item", "damaged_item": "warranty_repair", "warranty_repair": "damaged_item",
    "wrong_item": "complaint", "complaint": "wrong_item", "payment_problem": "promo_code",
    "promo_code": "payment_problem", "cancel_order": "return_item", "change_address": "order_status",
}  # fmt: skip


@dataclass
class Row:
    """One raw row: what it holds and the truth about it. `row_id` is known once the files are written."""

    messages: list[Message]
    conversation: Conversation
    channel: str
    created_at: datetime
    label: str
    defect: str = "clean"
    kind: str = ""
    note: str = ""
    partner: "Row | None" = None
    row_id: str = field(default="", repr=False)

    @classmethod
    def of(cls, written: Conversation, messages: list[Message] | None = None, kind: str = "", note: str = "") -> "Row":
        """A row of the conversation as it was written, or with other messages in its place."""
        scenario = written.scenario
        kept = messages if messages is not None else written.messages
        return cls(kept, written, written.channel, scenario.created_at, scenario.intent, kind=kind, note=note)

    @property
    def language(self) -> str:
        return self.conversation.scenario.language

    @property
    def intent(self) -> str:
        return self.conversation.scenario.intent

    @property
    def half(self) -> int:
        """Files that are split hold the first or the second half of the year."""
        return 1 if self.created_at.month <= 6 else 2


def plant(author: Author, evaluation: Sequence[Conversation], total: int, rng: random.Random) -> list[Row]:
    """All rows of the export in the order of time."""
    counts = {defect: max(2, round(n * total / 3600)) for defect, n in COUNTS.items()}
    twins = max(3, round(TWINS * total / 3600))
    clean = [Row.of(draw(author, rng)) for _ in range(total - sum(counts.values()) - 2 * twins)]
    copied = [
        *_exact_duplicates(clean, counts.pop("exact_duplicate"), rng),
        *_cross_file_duplicates(clean, counts.pop("cross_file_duplicate"), rng),
        *_near_duplicates(clean, counts.pop("near_duplicate"), rng),
        *_leaks(author, evaluation, counts.pop("leak"), rng),
    ]
    paired = [row for n in range(twins) for row in _twins(author, n, rng)]
    spoilt = [_spoil(defect, n, author, rng) for defect, count in counts.items() for n in range(count)]
    return sorted([*clean, *copied, *paired, *spoilt], key=lambda row: (row.created_at, row.conversation.subject))


def draw(author: Author, rng: random.Random, language: str | None = None, **wanted: Any) -> Conversation:
    """A fresh clean conversation of some language and channel."""
    language = language or rng.choices(("en", "ar", "mixed"), weights=(58, 39, 3))[0]
    channel = wanted.pop("channel", None) or rng.choices(list(CHANNELS), weights=list(CHANNELS.values()))[0]
    return author.draw(language, channel, **wanted)


# -- copies ------------------------------------------------------------------------------------------------------------


def _exact_duplicates(clean: Sequence[Row], count: int, rng: random.Random) -> list[Row]:
    def copy(row: Row) -> Row:
        later = row.created_at + timedelta(minutes=rng.randrange(2, 600))
        copied = replace(row, created_at=later, defect="exact_duplicate", kind="same_file", partner=row, row_id="")
        return copied if copied.half == row.half else replace(copied, created_at=row.created_at)

    return [copy(row) for row in rng.sample(clean, count)]


def _cross_file_duplicates(clean: Sequence[Row], count: int, rng: random.Random) -> list[Row]:
    def copy(row: Row) -> Row:
        fits = [c for c in CHANNELS if c != row.channel and (c != "pairs" or len(row.messages) == 2)]
        other = rng.choice(fits)
        kind = f"{row.channel}_to_{other}"
        return replace(row, channel=other, defect="cross_file_duplicate", kind=kind, partner=row, row_id="")

    plain = [row for row in clean if row.conversation.plain]
    return [copy(row) for row in rng.sample(plain, count)]


def _near_duplicates(clean: Sequence[Row], count: int, rng: random.Random) -> list[Row]:
    made: list[Row] = []
    for row in rng.sample(clean, len(clean)):
        if len(made) == count:
            break
        kind = ("typo", "politeness", "reworded")[len(made) % 3]
        messages = near_copy(row, kind, rng)
        if messages is not None:
            later = row.created_at + timedelta(days=rng.randrange(1, 5))
            copied = replace(row, messages=messages, created_at=later, partner=row, row_id="")
            made.append(replace(copied, defect="near_duplicate", kind=kind))
    return made


def near_copy(row: Row, kind: str, rng: random.Random) -> list[Message] | None:
    """The messages with a few words changed; None when this row offers no place for that, or too much would change."""
    bank = load("defects")["near"]
    tongue = _tongue(row.language)
    asked = [i for i, m in enumerate(row.messages) if m["role"] == "user"]
    messages = [dict(m) for m in row.messages]
    if kind == "politeness":
        last = messages[asked[-1]]
        last["content"] = f"{last['content']} {rng.choice(bank['polite_end'][tongue])}"
    elif kind == "typo":
        first = messages[asked[0]]
        first["content"] = _misspelt(first["content"], rng)
    else:
        for m in messages:
            if m["role"] == "assistant":
                m["content"] = _reworded(m["content"], bank["reworded"][tongue])
    before, after = shingles(row.messages), shingles(messages)
    close = len(before & after) / len(before | after) >= 0.75
    return messages if messages != row.messages and close else None


def _leaks(author: Author, evaluation: Sequence[Conversation], count: int, rng: random.Random) -> list[Row]:
    """Evaluation conversations that found their way into the export, word for word or nearly."""
    made = []
    for n, source in enumerate(rng.sample(list(evaluation), count)):
        fits = [c for c in CHANNELS if c != "pairs" or len(source.messages) == 2]
        row = replace(Row.of(source), channel=rng.choice(fits), defect="leak", kind="verbatim")
        row.note = f"support_eval.jsonl: {evaluation_id(evaluation.index(source))}"
        near = near_copy(row, ("typo", "politeness")[n // 2 % 2], rng) if n % 2 else None
        made.append(replace(row, messages=near, kind="light") if near else row)
    return made


def evaluation_id(index: int) -> str:
    """The id of the evaluation conversation of that index, counted from 0."""
    return f"eval-{index + 1:03}"


def _twins(author: Author, n: int, rng: random.Random) -> tuple[Row, Row]:
    """Two clean rows that differ in a number, a negation or a name only, and so must both stay."""
    kind = ("number", "negation", "name")[n % 3]
    while True:
        row = Row.of(draw(author, rng, rng.choice(("en", "ar"))))
        twin = _TWINS[kind](row, n, rng)
        if twin is not None:
            later = row.created_at + timedelta(days=rng.randrange(1, 9))
            return row, replace(row, messages=twin, created_at=later, kind="twin", note=kind, partner=row, row_id="")


def _other_number(row: Row, n: int, rng: random.Random) -> list[Message] | None:
    stated = row.conversation.scenario.slots["order"]
    if not row.conversation.plain or stated not in row.messages[0]["content"]:
        return None
    digits = str(int(re.sub(r"\D", "", stated)) + rng.randrange(1_001, 9_999))
    other = stated[: -len(digits)] + (digits if stated[-1].isascii() else digits.translate(EASTERN_DIGITS))
    return _replaced(row.messages, stated, other)


def _opposite(row: Row, n: int, rng: random.Random) -> list[Message]:
    said, denied = rng.choice(load("defects")["negation"][row.language])
    asked = next(i for i, m in enumerate(row.messages) if m["role"] == "user")
    opening = row.messages[asked]["content"]
    twin = [dict(m) for m in row.messages]
    row.messages = [dict(m) for m in row.messages]
    row.messages[asked]["content"] = f"{opening} {said}"
    twin[asked]["content"] = f"{opening} {denied}"
    return twin


def _other_name(row: Row, n: int, rng: random.Random) -> list[Message] | None:
    scenario = row.conversation.scenario
    name = scenario.customer.name(row.language)
    people = load("people")["customers"][scenario.customer.gender]
    names = [n for pair in people.items() for n in pair[row.language == "ar" :][:1] if n != name]
    return _replaced(row.messages, name, rng.choice(names)) if name in row.messages[-1]["content"] else None


_TWINS: Mapping[str, Callable[[Row, int, random.Random], list[Message] | None]] = {
    "number": _other_number,
    "negation": _opposite,
    "name": _other_name,
}


# -- single defects ----------------------------------------------------------------------------------------------------


def _spoil(defect: str, n: int, author: Author, rng: random.Random) -> Row:
    """A fresh conversation with the nth row of that defect planted in it."""
    row = _SPOILERS[defect](n, author, rng)
    row.defect = defect
    return row


def _swapped_reply(n: int, author: Author, rng: random.Random) -> Row:
    written = draw(author, rng, ("en", "ar")[n % 2])
    others = [intent for intent in INTENTS if intent != written.scenario.intent]
    intent = rng.choice(others)
    donor = draw(author, rng, written.scenario.language, channel=written.channel, flow=SHORT, intent=intent)
    messages = [*written.messages[:-1], donor.messages[-1]]
    return Row.of(written, messages, kind="last_reply", note=f"reply of a conversation about {intent}")


def _wrong_label(n: int, author: Author, rng: random.Random) -> Row:
    written = draw(author, rng)
    intent = written.scenario.intent
    confusable = n % 2 == 0 and intent in _CONFUSABLE
    wrong = _CONFUSABLE[intent] if confusable else rng.choice([i for i in INTENTS if i != intent])
    row = Row.of(written, kind="confusable" if confusable else "random", note=f"labelled {wrong}")
    row.label = wrong
    return row


def _truncated(n: int, author: Author, rng: random.Random) -> Row:
    written = draw(author, rng)
    messages = [dict(m) for m in written.messages]
    words = messages[-1]["content"].split(" ")
    kept = words[: max(3, round(len(words) * rng.uniform(0.35, 0.75)))]
    while len(kept) > 3 and kept[-1][-1:] in ".!?؟":
        kept.pop()
    messages[-1]["content"] = " ".join(kept).rstrip(",،;؛")
    return Row.of(written, messages, kind="last_reply")


def _empty_turn(n: int, author: Author, rng: random.Random) -> Row:
    written = draw(author, rng)
    messages = [dict(m) for m in written.messages]
    messages[rng.choice(_replies(messages))]["content"] = ("", " ")[n % 2]
    return Row.of(written, messages, kind=("empty", "blank")[n % 2])


def _role_mistake(n: int, author: Author, rng: random.Random) -> Row:
    if n % 2:
        written = draw(author, rng, channel=rng.choice(("chat", "sharegpt", "tickets", "helpdesk")))
        asked = [m for m in written.messages if m["role"] in ("user", "system")]
        return Row.of(written, asked, kind="no_assistant")
    while not (written := draw(author, rng)).plain:
        pass
    swap = {"user": "assistant", "assistant": "user"}
    return Row.of(written, [{**m, "role": swap[m["role"]]} for m in written.messages], kind="roles_swapped")


def _wrong_language(n: int, author: Author, rng: random.Random) -> Row:
    """Short conversations, so that the same scenario told in the other language gives fitting replies."""
    language, other = ("en", "ar") if n % 2 else ("ar", "en")
    flow = SHORT if n % 3 else ("open+", "solve", "thanks", "farewell")
    channel = rng.choice(("sharegpt", "tickets", "helpdesk", *(("pairs",) if flow == SHORT else ())))
    while not (written := draw(author, rng, language, channel=channel, flow=flow)).plain:
        pass
    sibling = author.write(written.scenario.told_in(other, author.cast.agent(other)), channel, flow)
    spoken = [m for m in sibling.messages if m["role"] == "assistant"]
    messages = [dict(m) for m in written.messages]
    for place, m in zip(_replies(messages), spoken, strict=True):
        messages[place]["content"] = m["content"]
    return Row.of(written, messages, kind=f"{language}_answered_in_{other}")


def _pii(n: int, author: Author, rng: random.Random) -> Row:
    bank = load("defects")["pii"]
    kind = private_data.KINDS[n % len(private_data.KINDS)]
    written = draw(author, rng, ("en", "ar")[n // len(private_data.KINDS) % 2])
    language = written.scenario.language
    value = private_data.invent(kind, written.scenario.customer.latin, rng)
    messages = [dict(m) for m in written.messages]
    asked = next(m for m in messages if m["role"] == "user")
    asked["content"] += " " + rng.choice(bank[kind][language]).replace("{value}", value)
    if n % 4 == 0:
        messages[-1]["content"] = before_closing(
            messages[-1]["content"], rng.choice(bank["repeated"][language]).replace("{value}", value)
        )
    return Row.of(written, messages, kind=kind, note=value)


def _profanity(n: int, author: Author, rng: random.Random) -> Row:
    bank = load("defects")["profanity"]
    kind = ("mild", "strong", "strong", "agent")[n % 4]
    written = draw(author, rng, ("en", "ar")[n // 4 % 2])
    said = rng.choice(bank[kind][written.scenario.language])
    messages = [dict(m) for m in written.messages]
    if kind == "agent":
        messages[-1]["content"] = before_closing(messages[-1]["content"], said)
    else:
        next(m for m in messages if m["role"] == "user")["content"] += f" {said}"
    return Row.of(written, messages, kind=kind, note=said)


def _refusal(n: int, author: Author, rng: random.Random) -> Row:
    written = draw(author, rng, ("en", "ar")[n % 2])
    phrase = rng.choice(load("defects")["refusal"][written.scenario.language])
    messages = [dict(m) for m in written.messages]
    messages[-1]["content"] = tidy(choose(phrase, rng).replace("{product}", written.scenario.slots["product"]))
    return Row.of(written, messages, kind="last_reply")


def _stale_fact(n: int, author: Author, rng: random.Random) -> Row:
    bank = load("defects")["stale"]
    kind = list(bank)[n % len(bank)]
    written = draw(author, rng, ("en", "ar")[n // 4 % 2])
    language = written.scenario.language
    value = private_data.stale_value(kind, language, rng)
    phrase = re.sub(r"\{fake_\w+\}", lambda m: value, choose(rng.choice(bank[kind][language]), rng))
    messages = [dict(m) for m in written.messages]
    messages[-1]["content"] = before_closing(messages[-1]["content"], phrase)
    return Row.of(written, messages, kind=kind, note=value)


def _playbook_break(n: int, author: Author, rng: random.Random) -> Row:
    kind = _BREAKS[n % len(_BREAKS)]
    language = ("en", "ar")[n // len(_BREAKS) % 2]
    written = draw(author, rng, language, intent=rng.choice(_broken_in(kind)))
    bank = load("defects")
    if kind in _LEFT_OUT:
        without = frozenset({_LEFT_OUT[kind]})
        messages = author.write(written.scenario, written.channel, written.flow, without).messages
    elif kind == "missing_escalation":
        words = bank["escalation_words"][language]
        messages = [{**m, "content": _reworded(m["content"], words)} for m in written.messages]
    else:
        *earlier, last = written.messages
        messages = [*earlier, {**last, "content": before_closing(last["content"], rng.choice(bank[kind][language]))}]
    return Row.of(written, messages, kind=kind)


_LEFT_OUT = {"missing_greeting": "greet", "missing_closing": "closing", "missing_apology": "apology"}
_BREAKS = (*_LEFT_OUT, "missing_escalation", "undue_escalation", "forbidden_phrase")


def _broken_in(kind: str) -> Sequence[str]:
    """The intents in which the playbook can be broken that way."""
    if kind == "missing_apology":
        return ("late_delivery", "damaged_item", "wrong_item", "payment_problem", "complaint")
    if kind == "missing_escalation":
        return ESCALATED
    return [intent for intent in INTENTS if intent not in ESCALATED]


def _repetition(n: int, author: Author, rng: random.Random) -> Row:
    written = draw(author, rng, ("en", "ar")[n % 2])
    messages = [dict(m) for m in written.messages]
    said = re.split(r"(?<=[.!?؟])\s+", messages[-1]["content"])
    looped = max(said[:-1] or said, key=len)
    messages[-1]["content"] = " ".join([*said[:-1], *[looped] * rng.randrange(4, 11)])
    return Row.of(written, messages, kind="sentence_loop")


def _encoding(n: int, author: Author, rng: random.Random) -> Row:
    kind = ("utf8_as_western", "utf8_as_arabic", "replacement_characters")[n % 3]
    written = draw(author, rng, "ar" if n % 4 else "en")
    messages = [dict(m) for m in written.messages]
    for m in messages if n % 2 else messages[-1:]:
        m["content"] = _garbled(m["content"], kind, rng)
    return Row.of(written, messages, kind=kind)


def _unreadable(n: int, author: Author, rng: random.Random) -> Row:
    """Only the writer of the file can break a row so that it cannot be read; see exporters."""
    kind, channel = (
        ("broken_json", "chat"), ("unknown_author", "tickets"), ("no_messages", "sharegpt"), ("not_an_object", "chat"),
        ("no_messages", "helpdesk"), ("unknown_author", "tickets"), ("no_messages", "chat"), ("no_messages", "pairs"),
    )[n % 8]  # fmt: skip
    return Row.of(draw(author, rng, channel=channel), kind=kind)


_SPOILERS: Mapping[str, Callable[[int, Author, random.Random], Row]] = {
    "swapped_reply": _swapped_reply,
    "wrong_label": _wrong_label,
    "truncated": _truncated,
    "empty_turn": _empty_turn,
    "role_mistake": _role_mistake,
    "wrong_language": _wrong_language,
    "pii": _pii,
    "profanity": _profanity,
    "refusal": _refusal,
    "stale_fact": _stale_fact,
    "playbook_break": _playbook_break,
    "repetition": _repetition,
    "encoding": _encoding,
    "unreadable": _unreadable,
}


# -- words -------------------------------------------------------------------------------------------------------------


def before_closing(reply: str, sentence: str) -> str:
    """The sentence put before the reply's last one, which asks whether anything is left."""
    place = max((m.start() for m in re.finditer(r"(?<=[.!?؟])\s+\S", reply)), default=0)
    return f"{reply[:place]} {sentence}{reply[place:]}" if place else f"{sentence} {reply}"


def _tongue(language: str) -> str:
    return "ar" if language == "ar" else "en"


def _replies(messages: Sequence[Message]) -> list[int]:
    return [i for i, m in enumerate(messages) if m["role"] == "assistant" and "tool_calls" not in m]


def _replaced(messages: Sequence[Message], old: str, new: str) -> list[Message]:
    return [{**m, "content": re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new, m["content"])} for m in messages]


def _reworded(text: str, words: Mapping[str, str]) -> str:
    for old, new in words.items():
        text = re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new, text, flags=re.IGNORECASE)
    return text


def _misspelt(text: str, rng: random.Random) -> str:
    """One plain word with two of its letters swapped."""
    found = rng.choice([m for m in re.finditer(r"[^\W\d_]{5,}", text) if m[0] == m[0].lower()] or [None])
    if found is None:
        return text
    at = rng.randrange(1, len(found[0]) - 2)
    word = found[0][:at] + found[0][at + 1] + found[0][at] + found[0][at + 2 :]
    return text[: found.start()] + word + text[found.end() :]


def _garbled(text: str, kind: str, rng: random.Random) -> str:
    """Text as it looks after a wrong decoding. English gets typographic marks first: plain ASCII survives anything."""
    text = text.replace("'", "’").replace(" - ", " – ").replace(". ", "… ", 1)
    if kind == "replacement_characters":
        return "".join("�" if c.isalpha() and rng.random() < 0.08 else c for c in text)
    wrong = "cp1252" if kind == "utf8_as_western" else "cp1256"
    return text.encode().decode(wrong, errors="replace")
