"""What people's decisions say of replies: pairs for DPO out of their edits, single replies for KTO.

An edit is a pair: the reply before it was rejected, the reply after it chosen, behind the conversation as corrected.
A conversation that people dropped for what its reply says is a rejected reply, where it has one reply only: of several
nobody knows which was meant. The last reply of a conversation that people kept is a liked one, as are edited replies.
Formats: TRL's conversational preference and unpaired preference (huggingface.co/docs/trl/dataset_formats).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from curation.core.record.conversation import conversation_id, is_taught, message
from curation.core.record.groups import groups
from curation.core.record.repair import repair_messages
from curation.core.text.identity import identity
from curation.decisions.decisions import Decision
from curation.privacy.names import NameFinder, likely_names
from curation.privacy.pseudonyms import pseudonymised_row
from qirat.publish.rows import PARTS, Parts, Row, spoken, tools_of
from training.model.template.messages import InexpressibleError

OF_REPLIES = frozenset(("wrong_answer", "invented_fact", "wrong_tone", "against_playbook"))  # reasons of a drop
ASKING = ("user", "tool")  # who speaks before a reply
SAID = ("role", "content", "tool_calls", "reasoning")
Message = Mapping[str, Any]


@dataclass(frozen=True)
class Masking:
    """What is masked of words that curate did not: of everything that is not only reported."""

    kinds: Collection[str]
    countries: Sequence[str]
    find_names: NameFinder = likely_names

    def __call__(self, messages: Sequence[Message], tools: str | None) -> tuple[list[dict[str, Any]], str | None]:
        said, columns, _ = pseudonymised_row(messages, {"tools": tools}, self.kinds, self.countries, self.find_names)
        return said, columns["tools"]


@dataclass(frozen=True)
class Judged:
    """Replies that people judged: rows by split, and what could not be told."""

    pairs: Parts
    replies: Parts
    unclear: int  # dropped for what a reply says, but which one is not known


def judged_replies(
    splits: Mapping[str, pl.DataFrame],
    surviving: pl.DataFrame,
    decisions: Sequence[Decision],
    near: pl.DataFrame,
    mask: Masking,
) -> Judged:
    """Pairs and single replies out of people's decisions on conversations.

    `surviving` are the ingested rows that are decided on, less those that repeat an evaluation set; `near` are the
    pairs of dedup. Nothing stands in another split than the conversations that it is alike.
    """
    by_id = {decision.conversation_id: decision for decision in decisions}
    decided = surviving.filter(pl.col("conversation_id").is_in([*by_id]))
    read = {row["conversation_id"]: row for row in decided.iter_rows(named=True)}
    pairs: dict[str, list[Row]] = {part: [] for part in PARTS}
    replies: dict[str, list[Row]] = {part: [] for part in PARTS}
    for part, table in splits.items():
        for row in table.filter(origin="kept").iter_rows(named=True):
            replies[part] += _sayable(_liked(row, part))
        for row in table.filter(origin="edited").iter_rows(named=True):
            decision = by_id.get(row["parent_id"])
            if decision and decision.messages and decision.conversation_id in read:
                pairs[part] += _sayable(_pairs(read[decision.conversation_id], row, decision, part, mask))
        replies[part] += [reply for pair in pairs[part] for reply in _both(pair)]

    dropped = [d for d in decisions if d.decision == "drop" and OF_REPLIES & {*d.reasons} and d.conversation_id in read]
    clear = [d for d in dropped if sum(map(is_taught, read[d.conversation_id]["messages"])) == 1]
    part_of = nearest_parts(splits, surviving, near, [d.conversation_id for d in clear])
    for decision in clear:
        part = part_of[decision.conversation_id]
        replies[part] += _sayable(_rejected(read[decision.conversation_id], decision, part, mask))
    return Judged(pairs, replies, len(dropped) - len(clear))


def nearest_parts(
    splits: Mapping[str, pl.DataFrame], surviving: pl.DataFrame, near: pl.DataFrame, ids: Sequence[str]
) -> dict[str, str]:
    """For ids that stand in no split: that of the conversations alike or of the same customer, test before dev.

    By the ids as they were read; train where nothing is near.
    """
    known = {
        key: part
        for part, table in splits.items()
        for key in table.select(pl.coalesce("parent_id", "conversation_id")).to_series()
    }
    every = [*known, *ids]
    there = set(every)
    alike = [(x, y) for x, y in near.select("left", "right").iter_rows() if x in there and y in there]
    first: dict[str, str] = {}
    for key, customer in surviving.select("conversation_id", "customer").drop_nulls().iter_rows():
        if key in there:
            alike.append((first.setdefault(identity(customer), key), key))
    group = dict(zip(every, groups(pl.Series(every, dtype=pl.String), alike), strict=True))
    found: dict[str, set[str]] = {}
    for key, part in known.items():
        found.setdefault(group[key], set()).add(part)
    strictest = ("test", "dev", "train")
    return {key: next((p for p in strictest if p in found.get(group[key], ())), "train") for key in ids}


# -- rows --------------------------------------------------------------------------------------------------------------


def _pairs(read: Row, row: Row, decision: Decision, part: str, mask: Masking) -> Iterator[Row]:
    """A pair for each reply that was edited. Before and after are masked as one, so that one value has one tag."""
    after = repair_messages([message(**m) for m in decision.messages or ()], merge=False)
    turns = list(edited_replies(read["messages"], after))
    masked, tools = mask([*after, *(read["messages"][turn] for turn in turns)], read["tools"])
    for turn, rejected in zip(turns, masked[len(after) :], strict=True):
        prompt, chosen = masked[:turn], masked[turn]
        if _asks(prompt) and _says(chosen) and _says(rejected) and not _same(chosen, rejected):
            yield {
                **_beside(row, tools, decision, part, turn),
                "prompt": spoken(prompt),
                "chosen": _answer(prompt, chosen),
                "rejected": _answer(prompt, rejected),
            }


def edited_replies(before: Sequence[Message], after: Sequence[Message]) -> Iterator[int]:
    """The turns (0-based) whose reply was corrected.

    As far as the turns are the same ones: where turns were added or taken out, the first that differs at most.
    """
    for turn, (was, now) in enumerate(zip(before, after, strict=False)):
        if _same(was, now):
            continue
        if was["role"] != now["role"]:
            return
        if is_taught(was) and is_taught(now):
            yield turn
        if len(before) != len(after):
            return


def _liked(row: Row, part: str) -> Iterator[Row]:
    """The last reply of a conversation that people kept; it is masked."""
    last = max((turn for turn, m in enumerate(row["messages"]) if is_taught(m)), default=0)
    yield from _single(row["messages"], last, True, _beside(row, row["tools"], None, part, last))


def _rejected(row: Row, decision: Decision, part: str, mask: Masking) -> Iterator[Row]:
    """The only reply of a conversation that people dropped."""
    masked, tools = mask(row["messages"], row["tools"])
    turn = next(turn for turn, m in enumerate(masked) if is_taught(m))
    named = {**row, "conversation_id": conversation_id(masked)}
    yield from _single(masked, turn, False, _beside(named, tools, decision, part, turn))


def _single(messages: Sequence[Message], turn: int, liked: bool, beside: Row) -> Iterator[Row]:
    prompt = messages[:turn]
    if _asks(prompt) and _says(messages[turn]):
        yield {**beside, "prompt": spoken(prompt), "completion": _answer(prompt, messages[turn]), "label": liked}


def _sayable(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows up to one that no chat template can say."""
    try:
        yield from rows
    except InexpressibleError:
        return


def _both(pair: Row) -> Iterator[Row]:
    """The two sides of a pair as single replies."""
    beside = {name: value for name, value in pair.items() if name not in ("chosen", "rejected")}
    for side, liked in (("chosen", True), ("rejected", False)):
        yield {**beside, "id": f"{pair['id']}:{side}", "completion": pair[side], "label": liked}


def _beside(row: Row, tools: str | None, decision: Decision | None, part: str, turn: int) -> Row:
    """What stands beside the words; no intent, since KTO's `label` says whether a reply is liked."""
    return {
        "id": f"{row['conversation_id']}:{turn}",
        "tools": tools_of(tools),
        **{name: row[name] for name in ("language", "source", "licence")},
        "reasons": list(decision.reasons) if decision else [],
        "split": part,
    }


def _answer(prompt: Sequence[Message], reply: Message) -> list[Row]:
    return spoken([*prompt, reply])[-1:]


def _same(one: Message, other: Message) -> bool:
    return all((one.get(name) or None) == (other.get(name) or None) for name in SAID)


def _asks(prompt: Sequence[Message]) -> bool:
    """Whether a reply is due after these messages."""
    return bool(prompt) and prompt[-1]["role"] in ASKING


def _says(reply: Message) -> bool:
    return bool(reply["content"].strip() or reply.get("tool_calls"))
