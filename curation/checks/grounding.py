"""Facts a reply states that no earlier turn contains: they go stale, and tuning does not teach them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from curation.checks.check import Context, check, read
from curation.record.conversation import turns
from curation.text.folding import fold, folded
from curation.text.lexicon import (
    ARABIC_MONTHS,
    CURRENCY_CODES,
    CURRENCY_NAMES,
    CURRENCY_SIGNS,
    ENGLISH_MONTHS,
    LEVANTINE_MONTHS,
    NUMBERS,
    THOUSANDS,
)

SHARED_LEAST, SHARED_SHARE = 10, 0.005  # a fact that so many conversations and this share of them state is the house's
_FACT = {"turn": pl.Int32, "kind": pl.String, "words": pl.String}
NUMBER = "number"  # of a kind that only the service's own systems know: order, balance, reference

_CURRENCY = (
    rf"(?:{'|'.join(CURRENCY_CODES)}|eur|gbp|sr|qar|omr|bhd|mad|tnd|[{CURRENCY_SIGNS}₪﷼]|ر\.س\.?|د\.ا\.?|ج\.م\.?|د\.ك\.?"
    r"|dollars?|euros?|riyals?|dirhams?|dinars?|pounds?|cents?|bucks"
    rf"|(?:{'|'.join((*CURRENCY_NAMES, 'دولار'))})\p{{L}}*|دراهم|دنانير|يورو|قرش|هلله)"
).replace(r"\p{L}", "[^\\W\\d_]")
_AMOUNT = r"\d+(?:[.,]\d+)*"
_ENGLISH_NUMBERS = "|".join(NUMBERS[str(n)].split()[0] for n in (*range(1, 13), 15, *range(20, 101, 10), 1000))
_COUNTED = (
    rf"(?:(?:{_ENGLISH_NUMBERS})[ -](?:and )?){{1,5}}"
    r"|(?:و?(?:خمس|عشر|ثلاث|اربع|ست|سبع|ثمان|تسع|ماي|مي|الف)[^\W\d_]* ){1,4}"
)
_MONTH_OF = {
    fold(name): number
    for names in (ENGLISH_MONTHS, [month[:3] for month in ENGLISH_MONTHS], ARABIC_MONTHS, LEVANTINE_MONTHS)
    for number, name in enumerate(names, 1)
} | {"sept": 9}
_MONTH = "|".join(sorted(_MONTH_OF, key=len, reverse=True))
_DAY = r"(?<![\d.,])(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_NAMED_DAY = rf"{_DAY}(?: of)? (?:{_MONTH})\b|\b(?!may \d+\b)(?:{_MONTH})\.? {_DAY}(?![\d:])"
_NUMERIC_DAY = r"(?<!\d)\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})(?!\d)|(?<!\d)\d{4}[/-]\d{1,2}[/-]\d{1,2}(?!\d)"
_FACTS = {
    "price": rf"{_CURRENCY}\s?{_AMOUNT}|(?:{_AMOUNT}\s?|\b(?:{_COUNTED})){_CURRENCY}(?![^\W\d_]| of\b)",
    "percentage": rf"{_AMOUNT}\s?(?:[%٪]|percent|per cent|بالمايه|في المايه)",
    "date": f"{_NUMERIC_DAY}|{_NAMED_DAY}",
    "link": r"(?:https?://|www\.)\S+",
    "code": r"(?<![\w-])(?=[a-z-]*\d)(?=\d*[a-z])(?!(?:[ap]m-?)?\d+-?(?:[ap]m)?(?:-\d+(?:[ap]m)?)?\b)[a-z0-9-]{5,}\b",
    NUMBER: r"(?<![\d.,/:-])(?!(?:19|20)\d\d(?!\d))\d{4,}(?![\d.,/:-]*\d)",
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _FACTS.items()}
_MAY_STATE_ONE = rf"\d|://|www\.|(?:{_COUNTED}){_CURRENCY}"  # for Polars' engine
_THOUSANDS = re.compile(rf"(?<=\d){THOUSANDS}")
_NUMERIC = re.compile(_NUMERIC_DAY)
_BEGINS, _ENDS = re.compile(r"(?<![\w.,])"), re.compile(r"(?!\w|[.,]\d)")
_NO_CENTS = re.compile(r"(?<=\d)\.0+(?![\d.])")


def facts_stated(conversations: pl.DataFrame, _: Context) -> pl.DataFrame:
    """`facts` of a conversation that a reply states and no earlier turn contains."""
    likely = turns(conversations).filter(
        (pl.col("role") == "assistant") & folded(pl.col("content")).str.contains(_MAY_STATE_ONE)
    )
    places = likely.group_by("conversation_id").agg(pl.col("turn").sort())
    worth = conversations.select("conversation_id", "messages").join(places, on="conversation_id")
    stated = {key: list(ungrounded(messages, replies)) for key, messages, replies in worth.iter_rows()}
    found = [(key, turn, kind, words) for key, facts in stated.items() for turn, kind, words in facts]
    table = pl.DataFrame(found, {"conversation_id": pl.String, **_FACT}, orient="row")
    return table.group_by("conversation_id", maintain_order=True).agg(facts=pl.struct(*_FACT))


@check("grounding", version=2, whole_set=True, sees_edits=True, reads=facts_stated, source="own patterns")
def grounding(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Facts in a reply that stand in no earlier turn or tool result: invented, or looked up where no model can look.

    `ungrounded_fact`: prices (also in words), percentages, dates, links and codes. `ungrounded_number`: other numbers
    of four digits and more, years aside. `value` = how many, `turn` and `evidence` = the first. What 10 conversations
    and 0.5% of the set state, a telephone number or a fee, is the house's own knowledge: `house_fact`, `value` = share
    of the set, only told, for it goes stale as well. Digits of both scripts, thousands separators and the ways to write
    a day are alike.

    Limits: a fact the customer got by telephone is not known here, nor are names, times of day and weekdays judged;
    the chance agreement of two numbers grounds one.
    """
    told = read(facts_stated, conversations, context).drop_nulls("facts").sort("conversation_id")
    stated = {key: [tuple(fact.values()) for fact in facts] for key, facts in told.iter_rows()}
    known = Counter(fact for facts in stated.values() for fact in {(kind, words) for _, kind, words in facts})
    least = max(SHARED_LEAST, SHARED_SHARE * conversations.height)
    for key, facts in stated.items():
        house = [fact for fact in facts if known[fact[1:]] >= least]
        own = [fact for fact in facts if known[fact[1:]] < least]
        yield from _counted(key, "ungrounded_fact", [fact for fact in own if fact[1] != NUMBER])
        yield from _counted(key, "ungrounded_number", [fact for fact in own if fact[1] == NUMBER])
        for fact in house[:1]:
            share = round(known[fact[1:]] / conversations.height, 4)
            yield {**next(_counted(key, "house_fact", [fact])), "value": share, "threshold": SHARED_SHARE}


Fact = tuple[int, str, str]  # turn, kind, words


def _counted(key: str, code: str, facts: Sequence[Fact]) -> Iterator[dict[str, Any]]:
    for turn, kind, words in facts[:1]:
        seen = {"conversation_id": key, "turn": turn, "code": code, "value": float(len(facts))}
        yield {**seen, "threshold": 1.0, "evidence": f"{kind}: {words}"}


def ungrounded(messages: Sequence[Mapping[str, Any]], replies: Sequence[int]) -> Iterator[Fact]:
    """Each fact in these turns, ascending, that nothing before it contains, once."""
    known, read, told = "", 0, set[str]()
    for turn in replies:
        taken: list[str] = []
        for kind, said in _facts(_plain(messages[turn]["content"])):
            if said in told or any(said in other for other in taken):
                continue
            known += "".join(f" {_plain(m['content'])} {_plain(m['tool_calls'] or '')}" for m in messages[read:turn])
            read = turn
            if not _grounded(kind, said, known):
                taken.append(said)
                yield turn, kind, said
        told.update(taken)


def _facts(text: str) -> Iterator[tuple[str, str]]:
    names_month = any(month in text for month in _MONTH_OF)  # looking for names letter by letter takes the most time
    for kind, full in _PATTERNS.items():
        pattern = _NUMERIC if kind == "date" and not names_month else full
        for said in dict.fromkeys(match.group().strip(".,;:!؟?) ") for match in pattern.finditer(text)):
            yield kind, said


def _plain(text: str) -> str:
    return _NO_CENTS.sub("", _THOUSANDS.sub("", fold(text)))


def _grounded(kind: str, said: str, known: str) -> bool:
    if kind == "date":
        return bool(_days(said) & _days(known))
    amount = re.search(_AMOUNT, said) if kind in ("price", "percentage") else None
    return _stands(amount.group() if amount else said, known)


def _stands(fact: str, known: str) -> bool:
    """Whether the fact stands in the text by itself: 482 does not stand in 48213, nor 5 in 15."""
    start = known.find(fact)
    while start >= 0:
        if _BEGINS.match(known, start) and _ENDS.match(known, start + len(fact)):
            return True
        start = known.find(fact, start + 1)
    return False


def _days(text: str) -> set[tuple[int, int]]:
    """(day, month) of each date; both readings of 03/04/2025."""
    found = set()
    for match in re.finditer(_NUMERIC_DAY, text):
        first, second, *_ = parts = [int(part) for part in re.split(r"[/.-]", match.group())]
        found |= {(parts[2], second)} if first > 31 else {(first, second), (second, first)}
    for match in re.finditer(_NAMED_DAY, text):
        month = re.search(_MONTH, match.group())
        day = re.search(r"\d+", match.group())
        if month and day:
            found.add((int(day.group()), _MONTH_OF[month.group()]))
    return found
