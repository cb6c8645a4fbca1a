"""Plants defects in conversations and keeps the truth about each raw row.

Every spoiler draws a fresh clean conversation and answers the row it makes of it, with the kind of the defect.
"""

import random
import re
from collections.abc import Sequence

from qirat.sample import private_data
from qirat.sample.copies import cross_file_duplicates, exact_duplicates, leaks, near_duplicates, twins
from qirat.sample.dialogues import ESCALATED, SHORT, Author, Conversation
from qirat.sample.grammar import choose, load, tidy
from qirat.sample.rows import SampleRow, draw
from qirat.sample.scenario import INTENTS
from qirat.sample.wording import before_closing, garbled, replies, reworded

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


def plant(author: Author, evaluation: Sequence[Conversation], total: int, rng: random.Random) -> list[SampleRow]:
    """All rows of the export in the order of time."""
    counts = {defect: max(2, round(n * total / 3600)) for defect, n in COUNTS.items()}
    pairs = max(3, round(TWINS * total / 3600))
    clean = [SampleRow.of(draw(author, rng)) for _ in range(total - sum(counts.values()) - 2 * pairs)]
    copied = [
        *exact_duplicates(clean, counts.pop("exact_duplicate"), rng),
        *cross_file_duplicates(clean, counts.pop("cross_file_duplicate"), rng),
        *near_duplicates(clean, counts.pop("near_duplicate"), rng),
        *leaks(author, evaluation, counts.pop("leak"), rng),
    ]
    paired = [row for n in range(pairs) for row in twins(author, n, rng)]
    spoilt = [_spoil(defect, n, author, rng) for defect, count in counts.items() for n in range(count)]
    return sorted([*clean, *copied, *paired, *spoilt], key=lambda row: (row.created_at, row.conversation.subject))


# -- single defects ----------------------------------------------------------------------------------------------------


def _spoil(defect: str, n: int, author: Author, rng: random.Random) -> SampleRow:
    """A fresh conversation with the nth row of that defect planted in it."""
    row = _SPOILERS[defect](n, author, rng)
    row.defect = defect
    return row


def _swapped_reply(n: int, author: Author, rng: random.Random) -> SampleRow:
    written = draw(author, rng, ("en", "ar")[n % 2])
    others = [intent for intent in INTENTS if intent != written.scenario.intent]
    intent = rng.choice(others)
    donor = draw(author, rng, written.scenario.language, channel=written.channel, flow=SHORT, intent=intent)
    messages = [*written.messages[:-1], donor.messages[-1]]
    return SampleRow.of(written, messages, kind="last_reply", note=f"reply of a conversation about {intent}")


def _wrong_label(n: int, author: Author, rng: random.Random) -> SampleRow:
    row = SampleRow.of(draw(author, rng))
    confusable = n % 2 == 0 and row.intent in _CONFUSABLE
    row.label = _CONFUSABLE[row.intent] if confusable else rng.choice([i for i in INTENTS if i != row.intent])
    row.kind, row.note = "confusable" if confusable else "random", f"labelled {row.label}"
    return row


def _truncated(n: int, author: Author, rng: random.Random) -> SampleRow:
    row = SampleRow.of(draw(author, rng), kind="last_reply")
    words = row.messages[-1]["content"].split(" ")
    kept = words[: max(3, round(len(words) * rng.uniform(0.35, 0.75)))]
    while len(kept) > 3 and kept[-1][-1:] in ".!?؟":
        kept.pop()
    row.messages[-1]["content"] = " ".join(kept).rstrip(",،;؛")
    return row


def _empty_turn(n: int, author: Author, rng: random.Random) -> SampleRow:
    row = SampleRow.of(draw(author, rng), kind=("empty", "blank")[n % 2])
    row.messages[rng.choice(replies(row.messages))]["content"] = ("", " ")[n % 2]
    return row


def _role_mistake(n: int, author: Author, rng: random.Random) -> SampleRow:
    if n % 2:
        written = draw(author, rng, channel=rng.choice(("chat", "sharegpt", "tickets", "helpdesk")))
        asked = [m for m in written.messages if m["role"] in ("user", "system")]
        return SampleRow.of(written, asked, kind="no_assistant")
    while not (written := draw(author, rng)).plain:
        pass
    swap = {"user": "assistant", "assistant": "user"}
    return SampleRow.of(written, [{**m, "role": swap[m["role"]]} for m in written.messages], kind="roles_swapped")


def _wrong_language(n: int, author: Author, rng: random.Random) -> SampleRow:
    """Short conversations, so that the same scenario told in the other language gives fitting replies."""
    language, other = ("en", "ar") if n % 2 else ("ar", "en")
    flow = SHORT if n % 3 else ("open+", "solve", "thanks", "farewell")
    channel = rng.choice(("sharegpt", "tickets", "helpdesk", *(("pairs",) if flow == SHORT else ())))
    while not (written := draw(author, rng, language, channel=channel, flow=flow)).plain:
        pass
    sibling = author.write(written.scenario.told_in(other, author.cast.agent(other)), channel, flow)
    spoken = [m for m in sibling.messages if m["role"] == "assistant"]
    row = SampleRow.of(written, kind=f"{language}_answered_in_{other}")
    for place, m in zip(replies(row.messages), spoken, strict=True):
        row.messages[place]["content"] = m["content"]
    return row


def _pii(n: int, author: Author, rng: random.Random) -> SampleRow:
    bank = load("defects")["pii"]
    kind = private_data.KINDS[n % len(private_data.KINDS)]
    row = SampleRow.of(draw(author, rng, ("en", "ar")[n // len(private_data.KINDS) % 2]), kind=kind)
    row.note = private_data.invent(kind, row.conversation.scenario.customer.latin, rng)
    asked, reply = next(m for m in row.messages if m["role"] == "user"), row.messages[-1]
    asked["content"] += " " + rng.choice(bank[kind][row.language]).replace("{value}", row.note)
    if n % 4 == 0:
        repeated = rng.choice(bank["repeated"][row.language]).replace("{value}", row.note)
        reply["content"] = before_closing(reply["content"], repeated)
    return row


def _profanity(n: int, author: Author, rng: random.Random) -> SampleRow:
    bank = load("defects")["profanity"]
    kind = ("mild", "strong", "strong", "agent")[n % 4]
    row = SampleRow.of(draw(author, rng, ("en", "ar")[n // 4 % 2]), kind=kind)
    row.note = rng.choice(bank[kind][row.language])
    if kind == "agent":
        row.messages[-1]["content"] = before_closing(row.messages[-1]["content"], row.note)
    else:
        next(m for m in row.messages if m["role"] == "user")["content"] += f" {row.note}"
    return row


def _refusal(n: int, author: Author, rng: random.Random) -> SampleRow:
    row = SampleRow.of(draw(author, rng, ("en", "ar")[n % 2]), kind="last_reply")
    phrase = choose(rng.choice(load("defects")["refusal"][row.language]), rng)
    row.messages[-1]["content"] = tidy(phrase.replace("{product}", row.conversation.scenario.slots["product"]))
    return row


def _stale_fact(n: int, author: Author, rng: random.Random) -> SampleRow:
    bank = load("defects")["stale"]
    kind = list(bank)[n % len(bank)]
    row = SampleRow.of(draw(author, rng, ("en", "ar")[n // 4 % 2]), kind=kind)
    row.note = private_data.stale_value(kind, row.language, rng)
    phrase = re.sub(r"\{fake_\w+\}", lambda m: row.note, choose(rng.choice(bank[kind][row.language]), rng))
    row.messages[-1]["content"] = before_closing(row.messages[-1]["content"], phrase)
    return row


def _playbook_break(n: int, author: Author, rng: random.Random) -> SampleRow:
    kind = _BREAKS[n % len(_BREAKS)]
    language = ("en", "ar")[n // len(_BREAKS) % 2]
    written = draw(author, rng, language, intent=rng.choice(_broken_in(kind)))
    bank = load("defects")
    if kind in _LEFT_OUT:
        without = frozenset({_LEFT_OUT[kind]})
        messages = author.write(written.scenario, written.channel, written.flow, without).messages
    elif kind == "missing_escalation":
        words = bank["escalation_words"][language]
        messages = [{**m, "content": reworded(m["content"], words)} for m in written.messages]
    else:
        *earlier, last = written.messages
        messages = [*earlier, {**last, "content": before_closing(last["content"], rng.choice(bank[kind][language]))}]
    return SampleRow.of(written, messages, kind=kind)


_LEFT_OUT = {"missing_greeting": "greet", "missing_closing": "closing", "missing_apology": "apology"}
_BREAKS = (*_LEFT_OUT, "missing_escalation", "undue_escalation", "forbidden_phrase")


def _broken_in(kind: str) -> Sequence[str]:
    """The intents in which the playbook can be broken that way."""
    if kind == "missing_apology":
        return ("late_delivery", "damaged_item", "wrong_item", "payment_problem", "complaint")
    if kind == "missing_escalation":
        return ESCALATED
    return [intent for intent in INTENTS if intent not in ESCALATED]


def _repetition(n: int, author: Author, rng: random.Random) -> SampleRow:
    row = SampleRow.of(draw(author, rng, ("en", "ar")[n % 2]), kind="sentence_loop")
    said = re.split(r"(?<=[.!?؟])\s+", row.messages[-1]["content"])
    looped = max(said[:-1] or said, key=len)
    row.messages[-1]["content"] = " ".join([*said[:-1], *[looped] * rng.randrange(4, 11)])
    return row


def _encoding(n: int, author: Author, rng: random.Random) -> SampleRow:
    kind = ("utf8_as_western", "utf8_as_arabic", "replacement_characters")[n % 3]
    row = SampleRow.of(draw(author, rng, "ar" if n % 4 else "en"), kind=kind)
    for m in row.messages if n % 2 else row.messages[-1:]:
        m["content"] = garbled(m["content"], kind, rng)
    return row


def _unreadable(n: int, author: Author, rng: random.Random) -> SampleRow:
    """Only the writer of the file can break a row so that it cannot be read; see exporters."""
    kind, channel = (
        ("broken_json", "chat"), ("unknown_author", "tickets"), ("no_messages", "sharegpt"), ("not_an_object", "chat"),
        ("no_messages", "helpdesk"), ("unknown_author", "tickets"), ("no_messages", "chat"), ("no_messages", "pairs"),
    )[n % 8]  # fmt: skip
    return SampleRow.of(draw(author, rng, channel=channel), kind=kind)


_ALONE = (
    _swapped_reply, _wrong_label, _truncated, _empty_turn, _role_mistake, _wrong_language, _pii, _profanity, _refusal,
    _stale_fact, _playbook_break, _repetition, _encoding, _unreadable,
)  # fmt: skip
_SPOILERS = {spoiler.__name__.removeprefix("_"): spoiler for spoiler in _ALONE}
