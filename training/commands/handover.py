"""The training set as other trainers take it, read back before it is left.  qirat export axolotl DIR

axolotl         messages with `train` and `train_detail`, and the part of its configuration that reads them
llama-factory   sharegpt with dataset_info.json, and the part of its configuration that names it
unsloth         messages as chat templates take them, and how Unsloth's trainer is given them

Formats as their sources read them: src/axolotl/prompt_strategies/chat_template.py, data/README.md and
src/llamafactory/data/converter.py of LLaMA-Factory, docs.unsloth.ai (datasets guide). What a format cannot hold is
counted and told.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl
import yaml

from curation.core.record.conversation import is_taught
from curation.harness.errors import QiratError
from curation.harness.files import atomic, finished_table
from curation.harness.params import load_params
from training.model.base import Model
from training.model.template.messages import InexpressibleError, objects, plain

Trainer = Literal["axolotl", "llama-factory", "unsloth"]
Example = dict[str, Any]  # a row of the file that is written
SPLITS = ("train", "dev")
OPENING = {"empty_user": "user", "system": "system"}  # params.yaml: model.opening -> role of the empty turn
SHAREGPT = {"user": "human", "assistant": "gpt", "tool": "observation"}
ASKS, ANSWERS = ("human", "observation"), ("gpt", "function_call")  # of sharegpt, which take turns


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


def hand_over(trainer: Trainer, folder: Path) -> str:
    """Write the folder, read it back, and say what was lost. Raises QiratError where it says anything else."""
    if folder.exists():
        raise QiratError(f"{folder} is there already; name a new folder, or remove it")
    model, lost = load_params("model", Model), Counter[str]()
    talks = {split: [*told(finished_table(f"splits/{split}"), model, lost)] for split in SPLITS}
    if not talks["train"]:
        raise QiratError("data/splits/train holds no reply that is learnt; `qirat results` says where the rows went")
    made = WRITERS[trainer](talks, lost)
    with atomic(folder) as temporary:
        temporary.mkdir()
        settings = SETTINGS[trainer](temporary, made, model)
        (temporary / "README.md").write_text(_readme(trainer, settings, lost), "utf-8")
        for split, examples in made.examples.items():
            refuse_unlike(_read(trainer, temporary, split), examples, f"{folder}, {split}")
    counts = ", ".join(f"{split} {len(examples):,}" for split, examples in made.examples.items())
    return "\n".join([f"{folder}: for {trainer}, examples: {counts}, read back as written", *_losses(lost)])


def told(table: pl.DataFrame, model: Model, lost: Counter[str]) -> Iterator[Talk]:
    """The conversations of a split with what is learnt of them; others are counted."""
    for row in table.iter_rows(named=True):
        last = max((turn for turn, m in enumerate(row["messages"]) if is_taught(m)), default=-1)
        said = row["messages"][: last + 1]
        try:
            talk = Talk(plain(said), [is_taught(m) for m in said], _unlearnt(row, said, lost), objects(row["tools"]))
        except InexpressibleError:
            lost["conversations left out: their tools or tool calls are no JSON"] += 1
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


# -- axolotl -----------------------------------------------------------------------------------------------------------


def for_axolotl(talks: Mapping[str, Sequence[Talk]], lost: Counter[str]) -> HandedOver:
    """Every flag and every fact has a place; but a reply that calls tools is learnt whole or not."""
    examples = {split: [_axolotl(talk, lost) for talk in some] for split, some in talks.items()}
    return HandedOver(examples)


def _axolotl(talk: Talk, lost: Counter[str]) -> Example:
    messages = []
    for m, taught, facts in zip(talk.messages, talk.taught, talk.facts, strict=True):
        flags: dict[str, Any] = {"train": taught}
        if facts and "tool_calls" in m:
            lost["facts in replies that call tools: they are learnt"] += len(facts)
        elif facts:
            flags["train_detail"] = train_detail(m["content"], facts)
        messages.append({**_as_text(m), **flags})
    return {"messages": messages, **_tools(talk.tools)}


def train_detail(content: str, facts: Iterable[tuple[int, int]]) -> list[dict[str, Any]]:
    """The whole content in parts, as axolotl wants them: first and last character, and whether it is learnt.

    A part without loss reaches to the white space around the words of a fact, and holds that before them: whatever the
    tokenizer, no token with a letter of the fact then lies in, or reaches into, a part that is learnt.
    """
    without = [False] * len(content)
    for start, end in facts:
        begin = re.search(r"\s*\S*\Z", content[:start])
        reach = re.match(r"\S*", content[end:])
        for at in range(begin.start() if begin else start, end + (reach.end() if reach else 0)):
            without[at] = True
    edges = [at for at in range(1, len(content)) if without[at] != without[at - 1]]
    return [
        {"begin_offset": begin, "end_offset": end - 1, "train": not without[begin]}
        for begin, end in zip([0, *edges], [*edges, len(content)], strict=True)
    ]


def _axolotl_settings(folder: Path, made: HandedOver, model: Model) -> str:
    for split, examples in made.examples.items():
        _write_lines(folder / f"{split}.jsonl", examples)
    reading = {
        "type": "chat_template",
        "ds_type": "json",
        "field_messages": "messages",
        "field_tools": "tools",
        "message_field_training": "train",
        "message_field_training_detail": "train_detail",
        "roles_to_train": [],
        "train_on_eos": "turn",
    }
    named = {"train": "datasets", "dev": "test_datasets"}
    settings = {
        "base_model": model.name,
        **{key: [{"path": f"{split}.jsonl", "split": "train", **reading}] for split, key in named.items()},
        "train_on_inputs": False,
        "chat_template": "tokenizer_default",
        "chat_template_kwargs": model.template_arguments,
    }
    (folder / "axolotl.yaml").write_text(_yaml(settings), "utf-8")
    return (
        "Run axolotl in this folder, or write whole paths; add your adapter and trainer settings to axolotl.yaml. "
        "`train` says which replies are learnt, `train_detail` which parts of them."
    )


# -- LLaMA-Factory -----------------------------------------------------------------------------------------------------


class _UnsayableError(Exception):
    """Why sharegpt cannot hold a conversation."""


def for_llama_factory(talks: Mapping[str, Sequence[Talk]], lost: Counter[str]) -> HandedOver:
    """Every reply is learnt, or with mask_history the last of an example: then each to learn has one of its own."""
    examples: dict[str, list[Example]] = {}
    apart = any(_some_untaught(talk) for some in talks.values() for talk in some)
    for split, some in talks.items():
        examples[split] = []
        for talk in some:
            try:
                examples[split] += _sharegpt(talk, apart)
            except _UnsayableError as reason:
                lost[f"conversations left out: {reason}"] += 1
                continue
            lost["facts stated in replies and nowhere before: they are learnt"] += sum(map(len, talk.facts))
    return HandedOver(examples, last_alone=apart)


def _some_untaught(talk: Talk) -> bool:
    return any(m["role"] == "assistant" and not t for m, t in zip(talk.messages, talk.taught, strict=True))


def _sharegpt(talk: Talk, apart: bool) -> list[Example]:
    system = talk.messages[0]["content"] if talk.messages[0]["role"] == "system" else ""
    rest = talk.messages[talk.messages[0]["role"] == "system" :]
    turns = [_turn(m) for m in rest]
    if any(turn["from"] not in (ASKS, ANSWERS)[at % 2] for at, turn in enumerate(turns)):
        raise _UnsayableError("customer and agent, or results and calls, do not take turns")
    taught = talk.taught[len(talk.messages) - len(rest) :]
    ends = [at for at, learnt in enumerate(taught, 1) if learnt] if apart else [len(turns)]
    tools = json.dumps([tool.get("function", tool) for tool in talk.tools], ensure_ascii=False) if talk.tools else ""
    return [{"conversations": turns[:end], "system": system, "tools": tools} for end in ends]


def _turn(m: Mapping[str, Any]) -> dict[str, str]:
    if m["role"] == "system":
        raise _UnsayableError("a system message stands in their middle")
    if not m.get("tool_calls"):
        return {"from": SHAREGPT[m["role"]], "value": m["content"]}
    if m["content"]:
        raise _UnsayableError("a reply both speaks and calls a tool")
    calls = [{key: call["function"].get(key) for key in ("name", "arguments")} for call in m["tool_calls"]]
    return {"from": "function_call", "value": json.dumps(calls if len(calls) > 1 else calls[0], ensure_ascii=False)}


def _llama_factory_settings(folder: Path, made: HandedOver, model: Model) -> str:
    columns = {"messages": "conversations", "system": "system", "tools": "tools"}
    info = {
        f"qirat_{split}": {"file_name": f"{split}.json", "formatting": "sharegpt", "columns": columns}
        for split in made.examples
    }
    for split, examples in made.examples.items():
        (folder / f"{split}.json").write_text(json.dumps(examples, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (folder / "dataset_info.json").write_text(json.dumps(info, indent=1) + "\n", "utf-8")
    settings = {
        "model_name_or_path": model.name,
        "stage": "sft",
        "dataset_dir": ".",
        "dataset": "qirat_train",
        "eval_dataset": "qirat_dev",
        "mask_history": made.last_alone,
    }
    (folder / "llama_factory.yaml").write_text(_yaml(settings), "utf-8")
    return (
        "Add your settings to llama_factory.yaml (template, LoRA), and keep mask_history as it stands there: where it "
        "is true, some replies are not to be learnt, and each example teaches its last reply alone."
    )


# -- Unsloth -----------------------------------------------------------------------------------------------------------


def for_unsloth(talks: Mapping[str, Sequence[Talk]], lost: Counter[str]) -> HandedOver:
    """Its trainer learns all replies of a conversation, or none."""
    for talk in (talk for some in talks.values() for talk in some):
        lost["facts stated in replies and nowhere before: they are learnt"] += sum(map(len, talk.facts))
        context = sum(m["role"] == "assistant" and not t for m, t in zip(talk.messages, talk.taught, strict=True))
        lost["replies that are context and not to be learnt: they are learnt"] += context
    return HandedOver({s: [{"messages": t.messages, "tools": t.tools} for t in some] for s, some in talks.items()})


def _unsloth_settings(folder: Path, made: HandedOver, model: Model) -> str:
    for split, examples in made.examples.items():
        _write_lines(folder / f"{split}.jsonl", examples)
    return f"""Read the lines as JSON: `load_dataset` would give every tool call the arguments of all others, empty.

    import json
    from datasets import Dataset
    from unsloth.chat_templates import train_on_responses_only

    rows = [json.loads(line) for line in open("train.jsonl", encoding="utf-8")]
    texts = [
        tokenizer.apply_chat_template(
            row["messages"], tools=row["tools"] or None, tokenize=False, **{model.template_arguments}
        )
        for row in rows
    ]
    dataset = Dataset.from_dict({{"text": texts}})  # for SFTTrainer, dataset_text_field="text"
    # the beginnings of turns in your template:
    trainer = train_on_responses_only(trainer, instruction_part=..., response_part=...)
"""


# -- below -------------------------------------------------------------------------------------------------------------

WRITERS: Mapping[str, Callable[[Mapping[str, Sequence[Talk]], Counter[str]], HandedOver]] = {
    "axolotl": for_axolotl,
    "llama-factory": for_llama_factory,
    "unsloth": for_unsloth,
}
SETTINGS: Mapping[str, Callable[[Path, HandedOver, Model], str]] = {
    "axolotl": _axolotl_settings,
    "llama-factory": _llama_factory_settings,
    "unsloth": _unsloth_settings,
}


def refuse_unlike(found: Sequence[Example], written: Sequence[Example], where: str) -> None:
    """What is read back must say what was written."""
    if found != written:
        at = next((n for n, (a, b) in enumerate(zip(found, written, strict=False), 1) if a != b), len(found) + 1)
        raise QiratError(f"{where}: example {at} reads otherwise than it was written; please report it")


def _read(trainer: Trainer, folder: Path, split: str) -> list[Example]:
    """As the trainer finds the file: by its own configuration."""
    if trainer == "llama-factory":
        info = json.loads((folder / "dataset_info.json").read_text("utf-8"))[f"qirat_{split}"]
        rows = json.loads((folder / info["file_name"]).read_text("utf-8"))
        return [{key: row[info["columns"][name]] for name, key in info["columns"].items()} for row in rows]
    return [json.loads(line) for line in (folder / f"{split}.jsonl").read_text("utf-8").split("\n")[:-1]]


def _as_text(m: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as JSON text: tables of Arrow would give every call the arguments of all others, empty."""
    calls = [
        {**call, "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}}
        for call in m.get("tool_calls", ())
    ]
    return {**m, "tool_calls": calls} if calls else dict(m)


def _tools(tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Parameters as JSON text, for the same reason."""
    made = []
    for tool in tools:
        function = dict(tool.get("function", tool))
        if "parameters" in function:
            function["parameters"] = json.dumps(function["parameters"], ensure_ascii=False)
        made.append({"type": "function", "function": function})
    return {"tools": made} if made else {}


def _write_lines(path: Path, rows: Iterable[Example]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8", newline="\n")


def _yaml(settings: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True))


def _losses(lost: Counter[str]) -> list[str]:
    return [f"lost: {count:,} {what}" for what, count in lost.items() if count] or ["nothing is lost"]


def _readme(trainer: Trainer, settings: str, lost: Counter[str]) -> str:
    losses = "\n".join(f"- {line}" for line in _losses(lost))
    return f"# Training data for {trainer}\n\n{settings}\n\nAgainst training here (`qirat preview`):\n\n{losses}\n"
