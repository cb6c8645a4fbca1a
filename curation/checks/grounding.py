"""Facts a reply states that no earlier turn contains: they go stale, and tuning does not teach them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from curation.checks.check import Context, check, read
from curation.core.record.codes import FACT
from curation.core.record.conversation import turns
from curation.core.text.facts import ungrounded
from curation.core.text.facts.likely import may_state_one

SHARED_LEAST, SHARED_SHARE = 10, 0.005  # a fact that so many conversations and this share of them state is the house's
_STATED = {"turn": pl.Int32, "kind": pl.String, "value": pl.String, "words": pl.String}
Stated = tuple[int, str, str, str]  # turn, kind, value, words


def facts_stated(conversations: pl.DataFrame, _: Context) -> pl.DataFrame:
    """`facts` of a conversation that a reply states and no earlier turn contains."""
    replies = turns(conversations).filter(pl.col("role") == "assistant")
    likely = replies.filter(may_state_one(pl.col("content")))
    places = likely.group_by("conversation_id").agg(pl.col("turn").sort())
    said = pl.struct(pl.element().struct.field(name) for name in ("content", "tool_calls"))
    worth = conversations.select("conversation_id", "messages").join(places, on="conversation_id")
    worth = worth.with_columns(pl.col("messages").list.eval(said))
    found = [(key, *fact) for key, messages, replies in worth.iter_rows() for fact in _stated(messages, replies)]
    table = pl.DataFrame(found, {"conversation_id": pl.String, **_STATED}, orient="row")
    return table.group_by("conversation_id", maintain_order=True).agg(facts=pl.struct(*_STATED))


def _stated(messages: Sequence[Mapping[str, Any]], replies: Sequence[int]) -> list[Stated]:
    """The facts of these turns that nothing before them contains, each once."""
    found = dict[tuple[str, str], Stated]()
    for turn, fact in ungrounded(messages, replies):
        words = messages[turn]["content"][fact.start : fact.end]
        found.setdefault((fact.kind, fact.value), (turn, fact.kind, fact.value, words))
    return list(found.values())


@check("grounding", version=5, whole_set=True, sees_edits=True, reads=facts_stated, source="own patterns")
def grounding(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Facts in a reply that stand in no earlier turn or tool result: invented, or looked up where no model can look.

    `ungrounded_price` and so on, a code a kind: prices and percentages (also in words), dates, times of day, links,
    codes, contacts, stock, and other numbers, of four digits and more or behind a word for what they number, years
    aside. `value` = how many, `turn` and `evidence` = the first. params.yaml: route.facts says what becomes of them; by
    default the row is used and the fact is not learnt. What 10 conversations and 0.5% of the set state, a telephone
    number or a fee, is the house's own knowledge: `house_fact`, `value` = share of the set, only told.

    Digits of both scripts, thousands separators, currencies and the ways to write a day or an hour are alike. A code
    without digits is told by its capitals or quotes behind a word for what it is (booking reference ABCDEF, كود
    «رمضان»), or by letters that no word puts side by side (QKJHWZ).

    Limits: a fact the customer got by telephone is not known here, nor are names and weekdays judged; the chance
    agreement of two numbers grounds one; arguments of calls are not judged.
    """
    told = read(facts_stated, conversations, context).drop_nulls("facts").sort("conversation_id")
    stated = {key: [tuple(fact.values()) for fact in facts] for key, facts in told.iter_rows()}
    known = Counter(fact for facts in stated.values() for fact in {fact[1:3] for fact in facts})
    least = house_least(conversations.height)
    for key, facts in stated.items():
        house = [fact for fact in facts if known[fact[1:3]] >= least]
        own = [fact for fact in facts if known[fact[1:3]] < least]
        for kind in dict.fromkeys(fact[1] for fact in own):
            yield from _counted(key, f"{FACT}{kind}", [fact for fact in own if fact[1] == kind])
        for fact in house[:1]:
            share = round(known[fact[1:3]] / conversations.height, 4)
            yield {**next(_counted(key, "house_fact", [fact])), "value": share, "threshold": SHARED_SHARE}


def house_least(conversations: int) -> float:
    """How many of a set's conversations must state a fact that is the house's."""
    return max(SHARED_LEAST, SHARED_SHARE * conversations)


def _counted(key: str, code: str, facts: Sequence[Stated]) -> Iterator[dict[str, Any]]:
    for turn, kind, _, words in facts[:1]:
        seen = {"conversation_id": key, "turn": turn, "code": code, "value": float(len(facts))}
        yield {**seen, "threshold": 1.0, "evidence": f"{kind}: {words}"}
