"""Messages as chat templates take them for Unsloth, and how its trainer is given them.

As docs.unsloth.ai tells it (datasets guide).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from training.commands.trainers.talks import Format, HandedOver, Talk, read_lines, write_lines
from training.model.base import Model


def examples(talks: Mapping[str, Sequence[Talk]], lost: Counter[str]) -> HandedOver:
    """Its trainer learns all replies of a conversation, or none."""
    for talk in (talk for some in talks.values() for talk in some):
        lost["facts stated in replies and nowhere before: they are learnt"] += sum(map(len, talk.facts))
        context = sum(m["role"] == "assistant" and not t for m, t in zip(talk.messages, talk.taught, strict=True))
        lost["replies that are context and not to be learnt: they are learnt"] += context
    return HandedOver({s: [{"messages": t.messages, "tools": t.tools} for t in some] for s, some in talks.items()})


def settings(folder: Path, made: HandedOver, model: Model) -> str:
    """The files, which are read by a few lines of Python."""
    for split, rows in made.examples.items():
        write_lines(folder / f"{split}.jsonl", rows)
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


UNSLOTH = Format(examples, settings, read_lines)
