"""Plants defects in conversations and keeps the truth about each raw row.

Every spoiler draws a fresh clean conversation and answers the row it makes of it, with the kind of the defect.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence

from qirat.sample import private_data
from qirat.sample.copies import cross_file_duplicates, exact_duplicates, leaks, near_duplicates, twins
from qirat.sample.dialogues import ESCALATED, SHORT, Author, Conversation
from qirat.sample.grammar import choose, load, tidy
from qirat.sample.rows import Row, draw
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


def plant(author: Author, evaluation: Sequence[Conversation], total: int, rng: random.Random) -> list[Row]:
    """All rows of the export in the order of time."""
    counts = {defect: max(2, round(n * total / 3600)) for defect, n in COUNTS.items()}
    pairs = max(3, round(TWINS * total / 3600))
    clean = [Row.of(draw(author, rng)) for _ in range(total - sum(counts.values()) - 2 * pairs)]
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
    messages[rng.choice(replies(messages))]["content"] = ("", " ")[n % 2]
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
    for place, m in zip(replies(messages), spoken, strict=True):
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
        messages = [{**m, "content": reworded(m["content"], words)} for m in written.messages]
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
        m["content"] = garbled(m["content"], kind, rng)
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
