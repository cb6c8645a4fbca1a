"""A mobile number whose digits are spread over turns: "0551" in one message, "234567" in the next."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.privacy.finds import Find
from curation.privacy.hints import hint
from curation.privacy.numbers import mobile
from curation.privacy.plain import Plain

_DIGITS = r"\d(?:[ .-]?\d){1,9}"
_MORE_COMES = (
    r"(?:and|then)\s?(?:the )?(?:rest|next|remaining|last)?\D{0,15}|(?:the )?(?:rest|next)\D{0,15}"
    r"|(?:و ?)?(?:ال)?(?:باقي|تكمل[ةه])\D{0,15}|يتبع\D{0,5}"
)
_ENDS = re.compile(rf"(?<![\d.,/-])(?P<part>\+?{_DIGITS})[\s.,…-]*(?:{_MORE_COMES})?$", re.IGNORECASE)

_OPENS = re.compile(rf"^[^\d]{{0,15}}(?P<part>{_DIGITS})(?![\d/.-]*\d)\D{{0,15}}$")
_APART, _PARTS = 2, 4  # turns from one part to the next at most; parts of one number


@dataclass(frozen=True)
class _Part:
    """The digits at text[start:end]."""

    text: str
    start: int
    end: int
    digits: str


def split_phones(messages: Sequence[Mapping[str, Any]], countries: Sequence[str]) -> Iterator[tuple[str, Find]]:
    """(text, its part) of every mobile that a customer wrote over several turns.

    Only what makes a valid mobile, with trunk zero or country code; the turns behind the first say little else, and no
    word takes a part for an order.
    """
    turns = [(n, m["content"]) for n, m in enumerate(messages) if m["role"] == "user"]
    for first in range(len(turns) - 1):
        parts: list[_Part] = []
        last = turns[first][0]
        for n, text in turns[first : first + _PARTS]:
            part = _part(text, _OPENS if parts else _ENDS) if n - last <= _APART else None
            if part is None:
                break
            parts, last = [*parts, part], n
            if value := mobile("".join(one.digits for one in parts), countries):
                yield from ((one.text, Find("phone", one.start, one.end, value)) for one in parts if len(parts) > 1)
                break


def _part(text: str, where: re.Pattern[str]) -> _Part | None:
    if not any(map(str.isdigit, text)):
        return None
    plain = Plain(text)
    found = where.search(plain.text)
    if found is None or hint(plain.text, *found.span("part"), "").kind == "order":
        return None
    digits = re.sub(r"\D", "", found["part"].replace("+", "00"))
    return _Part(text, *plain.written(*found.span("part")), digits)
