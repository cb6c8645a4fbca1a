"""Conversations as all of these formats take them: what is said, what is learnt, and which facts carry no loss."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from curation.core.record.conversation import is_taught
from training.model.base import Model
from training.model.template.messages import InexpressibleError, objects, plain, refuse_special

Example = dict[str, Any]  # a row of the file that is written
OPENING = {"empty_user": "user", "system": "system"}  # params.yaml: model.opening -> role of the empty turn


@dataclass(frozen=True)
class Talk:
    """A conversation up to its last reply that is learnt."""

    messages: list[dict[str, Any]]  # as chat templates take them
    taught: list[bool]  # by message
    facts: list[list[tuple[int, int]]]  # by message, places in its content that carry no loss, in code points
    tools: list[dict[str, Any]]


@dataclass(frozen=True)
class HandedOver:
    """What is written for a trainer, and what it cannot hold."""

    examples: Mapping[str, list[Example]]  # by split
    last_alone: bool = False  # an example teaches its last reply, not all


@dataclass(frozen=True)
class Format:
    """How a trainer takes a set; what its files cannot hold is counted in `lost`."""

    examples: Callable[[Mapping[str, Sequence[Talk]], Counter[str]], HandedOver]  # of talks by split
    settings: Callable[[Path, HandedOver, Model], str]  # writes the files, and tells how they are used
    read: Callable[[Path, str], list[Example]]  # the examples of a split, as the trainer finds them


def told(table: pl.DataFrame, model: Model, special: re.Pattern[str], lost: Counter[str]) -> Iterator[Talk]:
    """The conversations of a split with what is learnt of them; others are counted.

    Where somebody wrote what is a special token of the base model, another trainer reads it as one: words of a customer
    would end their turn and begin the agent's. So `tokenize` has it too.
    """
    for row in table.iter_rows(named=True):
        last = max((turn for turn, m in enumerate(row["messages"]) if is_taught(m)), default=-1)
        said = row["messages"][: last + 1]
        try:
            talk = Talk(plain(said), [is_taught(m) for m in said], _unlearnt(row, said, lost), objects(row["tools"]))
        except InexpressibleError:
            lost["conversations left out: their tools or tool calls are no JSON"] += 1
            continue
        try:
            refuse_special(special, talk.messages, talk.tools)
        except InexpressibleError:
            lost["conversations left out: they spell a special token of the base model"] += 1
            continue
        lost["thoughts before replies (no format has them alike)"] += sum(bool(m.get("reasoning")) for m in said)
        opened = _opened(talk, model.opening)
        if not said or opened is None:
            lost["conversations left out: nothing in them is learnt"] += 1
        else:
            yield opened


def _unlearnt(row: Mapping[str, Any], said: Sequence[Mapping[str, Any]], lost: Counter[str]) -> list[list[Any]]:
    places: list[list[tuple[int, int]]] = [[] for _ in said]
    for fact in row.get("facts") or ():
        if fact["turn"] >= len(said) or not is_taught(said[fact["turn"]]) or fact["field"] != "content":
            continue
        if fact["treatment"] == "ground":
            lost["facts that Qirat grounds: no text that holds them stands before the reply, and they are learnt"] += 1
        elif fact["treatment"] == "unlearn":
            places[fact["turn"]].append((fact["start"], fact["end"]))
    return places


def _opened(talk: Talk, opening: str) -> Talk | None:
    """With what stands before an agent who speaks first; None where such conversations are left out."""
    first = next((at for at, m in enumerate(talk.messages) if m["role"] != "system"), None)
    if first is None or talk.messages[first]["role"] != "assistant":
        return talk
    if opening not in OPENING:
        return None
    if opening == "system" and first:
        return talk
    empty = {"role": OPENING[opening], "content": ""}
    return Talk(
        [*talk.messages[:first], empty, *talk.messages[first:]],
        [*talk.taught[:first], False, *talk.taught[first:]],
        [*talk.facts[:first], [], *talk.facts[first:]],
        talk.tools,
    )


def write_lines(path: Path, rows: Iterable[Example]) -> None:
    """JSON lines, one a row."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8", newline="\n")


def read_lines(folder: Path, split: str) -> list[Example]:
    """What `write_lines` wrote of a split."""
    return [json.loads(line) for line in (folder / f"{split}.jsonl").read_text("utf-8").split("\n")[:-1]]


def as_yaml(settings: Mapping[str, Any]) -> str:
    """Settings as their trainer reads them, in their order."""
    return str(yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True))
