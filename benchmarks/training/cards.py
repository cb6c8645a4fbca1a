"""What fits on which card and how, as `qirat cost` and the preflight say, and what a pass takes without a card.

    python -m benchmarks.training.cards

The gpu recipe of params.yaml on 2,000 documents of 64 to 1,024 tokens. A pass of it goes forward and backward through
the whole model, layer by layer as on the card and in its numbers, on tensors that know their size and hold nothing.
"""

import json
from dataclasses import replace
from functools import cache
from typing import Any

from benchmarks.corruption.tables import head, row
from benchmarks.results import RESULTS
from benchmarks.training.gpu import SHAPES, documents, train_params
from training.commands.estimate import Estimate
from training.model.cost import CARDS, FREE, Shape, memory, training_operations
from training.model.recipe import Asked, Train, passes_that_fit, settled

PLACE = RESULTS / "cards.json"
EXAMPLES, SUPERVISED = 2_000, 0.4
KINDS = {"T4": "16 GB, no bfloat16", "L4": "24 GB", "A100": "80 GB"}
SIZES = ("0.6B", "1.7B", "4B", "8B")


def main() -> None:
    """Counts every card and shape, and writes the results."""
    found = [counted(card, size) for card in KINDS for size in SIZES]
    PLACE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(markdown(found))


def counted(card: str, size: str) -> dict[str, Any]:
    """What is said of a card, and what a pass takes by accounting."""
    from benchmarks.training.accounting import peak_bytes

    said, asked = predicted(card, size)
    real = peak_bytes(config(size), said["tokens"], int(asked.recipe.rank), asked.numbers, said["checkpointing"])
    return said | {"accounted": real}


def predicted(card: str, size: str) -> tuple[dict[str, Any], Asked]:
    """What is said of a card, and the training that fits there."""
    found = estimated(size)
    way = found.way(CARDS[card])
    if way is None:
        raise ValueError(f"{size} fits nowhere on a {card}")
    asked = replace(found.asked, numbers=CARDS[card].numbers)
    if way.changes:
        if way.changes != {"model.quantised": "nf4"}:
            raise ValueError(f"{size} on a {card} asks for {way}: count that too")
        asked = replace(asked, numbers=replace(asked.numbers, quantised=True))
    passes, checkpointing = passes_that_fit(found.shape, asked, FREE * CARDS[card].memory)
    tokens = asked.tokens(passes)
    said = {"card": card, "shape": size, "how": found.how(CARDS[card]), "passes": passes, "tokens": tokens}
    taken = memory(found.shape, tokens, asked.numbers, checkpointing)
    return said | {"checkpointing": checkpointing, "predicted": taken}, asked


@cache
def estimated(size: str) -> Estimate:
    """As `qirat cost` makes it of tokenized conversations."""
    lengths = [len(one["input_ids"]) for one in documents(1000, EXAMPLES * 500)][:EXAMPLES]
    recipe = settled(train_params(Train).gpu, config(size), lengths)
    shape = Shape.of(config(size), int(recipe.rank))
    supervised = int(SUPERVISED * sum(lengths))
    operations = recipe.epochs * training_operations(shape, lengths, supervised)
    asked = Asked(recipe, max(lengths), CARDS["L4"].numbers, "gpu")
    counts = (len(lengths), recipe.epochs * sum(lengths), recipe.epochs * supervised)
    return Estimate(f"Qwen 3 {size}", *counts, operations, shape, asked, recipe.told(lengths), "")


def config(size: str) -> Any:
    from transformers import Qwen3Config

    return Qwen3Config(**SHAPES[size], tie_word_embeddings=size != "8B")


def markdown(found: list[dict[str, Any]]) -> str:
    """A row for each shape and card."""
    columns = head("Qwen 3", "card", "how it fits", "tokens a pass", "counted", "by accounting")
    return "\n".join([*columns, *map(_line, found)]) + "\n"


def _line(one: dict[str, Any]) -> str:
    real, said = one["accounted"] / 1e9, one["predicted"] / 1e9
    card = f"{one['card']}, {KINDS[one['card']]}"
    off = f"{real:.1f} GB ({round(100 * (said / real - 1)):+d}%)"
    return row(one["shape"], card, one["how"], f"{one['tokens']:,}", f"{said:.1f} GB", off)


if __name__ == "__main__":
    main()
