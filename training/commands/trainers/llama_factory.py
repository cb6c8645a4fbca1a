"""sharegpt with dataset_info.json for LLaMA-Factory, and the part of its configuration that names it.

As its data/README.md and src/llamafactory/data/converter.py read them.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.commands.trainers.talks import Example, Format, HandedOver, Talk, as_yaml
from training.model.base import Model

SHAREGPT = {"user": "human", "assistant": "gpt", "tool": "observation"}
ASKS, ANSWERS = ("human", "observation"), ("gpt", "function_call")  # which take turns


class _UnsayableError(Exception):
    """Why sharegpt cannot hold a conversation."""


def examples(talks: Mapping[str, Sequence[Talk]], lost: Counter[str]) -> HandedOver:
    """Every reply is learnt, or with mask_history the last of an example: then each to learn has one of its own."""
    made: dict[str, list[Example]] = {}
    apart = any(_some_untaught(talk) for some in talks.values() for talk in some)
    for split, some in talks.items():
        made[split] = []
        for talk in some:
            try:
                made[split] += _sharegpt(talk, apart)
            except _UnsayableError as reason:
                lost[f"conversations left out: {reason}"] += 1
                continue
            lost["facts stated in replies and nowhere before: they are learnt"] += sum(map(len, talk.facts))
    return HandedOver(made, last_alone=apart)


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


def settings(folder: Path, made: HandedOver, model: Model) -> str:
    """The files, what tells of them, and llama_factory.yaml, which names them."""
    columns = {"messages": "conversations", "system": "system", "tools": "tools"}
    info = {
        f"qirat_{split}": {"file_name": f"{split}.json", "formatting": "sharegpt", "columns": columns}
        for split in made.examples
    }
    for split, rows in made.examples.items():
        (folder / f"{split}.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (folder / "dataset_info.json").write_text(json.dumps(info, indent=1) + "\n", "utf-8")
    told = {
        "model_name_or_path": model.name,
        "stage": "sft",
        "dataset_dir": ".",
        "dataset": "qirat_train",
        "eval_dataset": "qirat_dev",
        "mask_history": made.last_alone,
    }
    (folder / "llama_factory.yaml").write_text(as_yaml(told), "utf-8")
    return (
        "Add your settings to llama_factory.yaml (template, LoRA), and keep mask_history as it stands there: where it "
        "is true, some replies are not to be learnt, and each example teaches its last reply alone."
    )


def read(folder: Path, split: str) -> list[Example]:
    """By what dataset_info.json says of the split."""
    info = json.loads((folder / "dataset_info.json").read_text("utf-8"))[f"qirat_{split}"]
    rows = json.loads((folder / info["file_name"]).read_text("utf-8"))
    return [{key: row[info["columns"][name]] for name, key in info["columns"].items()} for row in rows]


LLAMA_FACTORY = Format(examples, settings, read)
