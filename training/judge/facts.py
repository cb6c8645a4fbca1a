"""Facts that replies state: what grounds them, and which of them training conversations taught."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import polars as pl

from curation.core.record.conversation import is_taught
from curation.core.text.facts import Fact, Known, facts, ungrounded
from training.judge.arms import Messages, Row

PATH = Path("data/baseline/house.json")
Value = tuple[str, str]  # kind, and the value that is one for all spellings
STATED = pl.Schema(
    {
        "arm": pl.String,
        "conversation_id": pl.String,
        "turn": pl.Int32,
        "kind": pl.String,  # one of curation.core.text.facts.patterns.KINDS
        "value": pl.String,
        "taught": pl.Boolean,  # a reply of train states it
    }
)


@dataclass(frozen=True)
class House:
    """What grounds a fact in every conversation, and what replies of train state."""

    said: tuple[str, ...] = ()  # the written prompt, and the facts that a person has confirmed (route.confirmed_facts)
    taught: frozenset[Value] = frozenset()

    @classmethod
    def of(cls, train: pl.DataFrame, prompt: Iterable[str]) -> Self:
        """Of the splits' table, whose `facts` lack those that were confirmed."""
        confirmed, taught = set[str](), set[Value]()
        columns = [name for name in ("messages", "facts") if name in train.columns]
        for messages, *listed in train.select(columns).iter_rows():
            turns = [turn for turn, m in enumerate(messages) if is_taught(m)]
            taught |= {(fact.kind, fact.value) for turn in turns for fact in facts(messages[turn]["content"])}
            for treated in listed:
                confirmed |= _confirmed(messages, turns, treated)
        return cls((*prompt, *sorted(confirmed)), frozenset(taught))

    @classmethod
    def of_json(cls, found: Mapping[str, Any]) -> Self:
        return cls(tuple(found["said"]), frozenset((kind, value) for kind, value in found["taught"]))

    def as_json(self) -> dict[str, Any]:
        return {"said": [*self.said], "taught": [[*value] for value in sorted(self.taught)]}

    @cached_property
    def known(self) -> Known:
        return Known(*self.said)


NO_HOUSE = House()  # of which nothing is known


@dataclass(frozen=True)
class Stated:
    """The facts of one written reply, each value once."""

    turn: int
    ungrounded: Sequence[Fact]  # that nothing before it holds, nor the house
    taught: Sequence[Fact]  # of these, those that replies of train state
    given: int  # facts of what stands before it that the team's own reply states
    right: int  # of these, stated
    wrong: int  # of these, not stated, where another fact of the kind is that the team's reply does not state


def stated(messages: Messages, replies: Iterable[Row], house: House) -> Iterator[Stated]:
    """Of an arm's replies, ascending by turn; before each stand the conversation's own turns, and calls of tools."""
    known, read = Known(), 0
    for reply in replies:
        turn = reply["turn"]
        known.add(*(m.get(place) or "" for m in messages[read:turn] for place in ("content", "tool_calls")))
        read = turn
        written, team = _once(reply["text"]), _once(messages[turn]["content"])
        new = [fact for fact in written if not known.holds(fact) and not house.known.holds(fact)]
        given = [fact for fact in team if known.holds(fact)]
        told = Known(reply["text"])
        missed = [fact for fact in given if not told.holds(fact)]
        foreign = {fact.kind for fact in written if not Known(messages[turn]["content"]).holds(fact)}
        yield Stated(
            turn,
            ungrounded=new,
            taught=[fact for fact in new if (fact.kind, fact.value) in house.taught],
            given=len(given),
            right=len(given) - len(missed),
            wrong=sum(fact.kind in foreign for fact in missed),
        )


def fabricated(predictions: pl.DataFrame, conversations: pl.DataFrame, house: House) -> pl.DataFrame:
    """STATED: every fact of every arm's replies that nothing grounds."""
    messages = dict(conversations.select("conversation_id", "messages").iter_rows())
    ordered = predictions.sort("arm", "conversation_id", "turn").partition_by("arm", "conversation_id", as_dict=True)
    rows = [
        (arm, key, one.turn, fact.kind, fact.value, fact in one.taught)
        for (arm, key), said in ordered.items()
        for one in stated(messages[str(key)], said.iter_rows(named=True), house)
        for fact in one.ungrounded
    ]
    return pl.DataFrame(rows, schema=STATED, orient="row")


def _once(text: str) -> list[Fact]:
    """The facts of a text, of each value the first."""
    return [*{(fact.kind, fact.value): fact for fact in reversed(facts(text))}.values()][::-1]


def _confirmed(messages: Messages, turns: Sequence[int], treated: Iterable[Mapping[str, Any]] | None) -> set[str]:
    """Facts that nothing grounds and that are not listed: a person has confirmed them."""
    if treated is None:
        return set()
    listed = {(fact["turn"], fact["start"]) for fact in treated}
    found = ungrounded(messages, turns)
    return {messages[turn]["content"][f.start : f.end] for turn, f in found if (turn, f.start) not in listed}
