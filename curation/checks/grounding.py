"""Facts a reply states that no earlier turn contains: they go stale, and tuning does not teach them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks import Context, check
from curation.text import fold

_CURRENCY = (
    r"(?:usd|eur|gbp|sar|aed|egp|jod|qar|kwd|\$|€|£|dollars?|euros?|riyals?|dirhams?|pounds?"
    r"|ريال|درهم|دينار|جنيه|دولار|يورو)"
)
_FACTS = {
    "price": re.compile(rf"(?:{_CURRENCY}\s?\d[\d.,]*|\d[\d.,]*\s?{_CURRENCY})"),
    "percentage": re.compile(r"\d+(?:[.,]\d+)?\s?[%٪]"),
    "date": re.compile(r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}|\d{4}-\d{2}-\d{2}"),
    "link": re.compile(r"(?:https?://|www\.)\S+"),
    "code": re.compile(r"\b(?=[a-z-]*\d)(?=\d*[a-z])[a-z0-9-]{5,}\b"),
    "number": re.compile(r"(?<![\d.,/-])\d{4,}(?![\d.,/-]*\d)"),
}


@check("grounding", {"ungrounded_fact": "doubt"})
def grounding(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Prices, percentages, dates, links, codes and long numbers of a reply that stand in no earlier turn.

    One finding a conversation: `value` = how many such facts, `turn` and `evidence` = the first of them.
    """
    for key, messages in conversations.select("conversation_id", "messages").iter_rows():
        facts = list(ungrounded(messages))
        if facts:
            turn, kind, said = facts[0]
            seen = {"conversation_id": key, "turn": turn, "code": "ungrounded_fact", "value": len(facts)}
            yield {**seen, "threshold": 1, "evidence": f"{kind}: {said}"}


def ungrounded(messages: list[dict[str, Any]]) -> Iterator[tuple[int, str, str]]:
    """(turn, kind, words) of each fact in a reply that nothing before it contains."""
    known = ""
    for turn, m in enumerate(messages):
        text = fold(m["content"])
        if m["role"] == "assistant":
            taken: set[str] = set()
            for kind, pattern in _FACTS.items():
                for said in dict.fromkeys(match.group().strip(".,;:)") for match in pattern.finditer(text)):
                    core = (
                        re.sub(r"[^\w/.,:-]", "", re.sub(_CURRENCY, "", said)).strip(".,") if kind == "price" else said
                    )
                    if not _stands(core, known) and not any(said in other for other in taken):
                        taken.add(said)
                        yield turn, kind, said
        known += f" {text} {fold(m['tool_calls'] or '')}"


def _stands(fact: str, known: str) -> bool:
    """Whether the fact stands in the text by itself: 482 does not stand in 48213, nor 5 in 15."""
    return re.search(rf"(?<![\w.,]){re.escape(fact)}(?![\w]|[.,]\d)", known) is not None
