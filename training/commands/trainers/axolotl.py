"""Messages with `train` and `train_detail` for axolotl, and the part of its configuration that reads them.

As src/axolotl/prompt_strategies/chat_template.py reads them.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from training.commands.trainers.talks import Example, Format, HandedOver, Talk, as_yaml, read_lines, write_lines
from training.model.base import Model


def examples(talks: Mapping[str, Sequence[Talk]], lost: Counter[str]) -> HandedOver:
    """Every flag and every fact has a place; but a reply that calls tools is learnt whole or not."""
    return HandedOver({split: [_example(talk, lost) for talk in some] for split, some in talks.items()})


def _example(talk: Talk, lost: Counter[str]) -> Example:
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


def settings(folder: Path, made: HandedOver, model: Model) -> str:
    """The files and axolotl.yaml, which reads them."""
    for split, rows in made.examples.items():
        write_lines(folder / f"{split}.jsonl", rows)
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
    told = {
        "base_model": model.name,
        **{key: [{"path": f"{split}.jsonl", "split": "train", **reading}] for split, key in named.items()},
        "train_on_inputs": False,
        "chat_template": "tokenizer_default",
        "chat_template_kwargs": model.template_arguments,
    }
    (folder / "axolotl.yaml").write_text(as_yaml(told), "utf-8")
    return (
        "Run axolotl in this folder, or write whole paths; add your adapter and trainer settings to axolotl.yaml. "
        "`train` says which replies are learnt, `train_detail` which parts of them."
    )


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


AXOLOTL = Format(examples, settings, read_lines)
