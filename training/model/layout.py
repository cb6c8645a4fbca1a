"""On which cards the model lies that answers: whole on one, or its layers spread over several; and how often.

What answers needs less than training does, which has a plan of its own (training/model/plan.py). Where one card does
not hold the model its layers lie on as few cards as do, and all else on the first; further cards hold it once more.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.harness.errors import QiratError
from training.model.adapter import in_one, load_adapter
from training.model.base import Model, dtype, load_config, load_model
from training.model.cost import FREE, Numbers, Shape, layer_bytes, weight_bytes
from training.model.crew import help_with
from training.model.plan import free_bytes, gpus, numbers_here
from training.model.recipe import LARGEST_RANK

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

# Tokens whose keys and values have room at the least: four replies in step behind long prompts. Tokens read at a time.
KEPT, READ = 4 * 2048, 1024
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Layout:
    """How models that answer lie on the cards of a machine."""

    layers: tuple[int, ...]  # of one model on each of its cards; () where there is no card
    models: int  # each on cards of its own
    bytes: float  # on the fullest card

    @property
    def cards(self) -> int:
        """Of one model."""
        return len(self.layers)

    def told(self) -> str:
        """For people at a terminal; "" where there is nothing to choose."""
        if self.cards * self.models < 2:
            return ""
        gb = f"{self.bytes / 1e9:.1f} GB at least on the fullest"
        if self.cards == 1:
            return f"the base answers on {self.models} GPUs, whole on each ({gb})"
        spread = f"the base does not fit on one GPU: its layers lie on {self.cards} of them ({gb})"
        return spread + (f", {self.models} times" if self.models > 1 else "")


def load_to_answer(model: Model, adapter: Path | None = None, helped: bool = False) -> "PreTrainedModel":
    """The model as it answers, on the cards that hold it, with the adapter in `adapter`.

    With `helped` the other cards of this machine compute with the same model. Raises QiratError where it fits nowhere.
    """
    layout = layout_of(model)
    loaded = _loaded(model, adapter, layout.layers)
    if helped and layout.models > 1:
        places = [{VISIBLE: ",".join(cards)} for cards in cards_of(layout)[1:]]
        help_with(loaded, partial(_loaded, model, adapter, layout.layers), places)
    return loaded


def layout_of(model: Model) -> Layout:
    """On this machine."""
    if not gpus():
        return Layout((), 1, math.nan)
    numbers = numbers_here(dtype(model).itemsize, model.quantised is not None)
    return layout(model.name, Shape.of(load_config(model), LARGEST_RANK), numbers, gpus(), free_bytes(gpus()))


def layout(name: str, shape: Shape, numbers: Numbers, cards: int, free: float) -> Layout:
    """On so many cards of `free` bytes each; raises QiratError with what would do where it fits on none of them."""
    for each in range(1, cards + 1):
        layers = layers_by_card(shape, numbers, each)
        if (most := max(answering_bytes(shape, numbers, layers))) <= free:
            return Layout(tuple(layers), cards // each, most)
    whole = sum(answering_bytes(shape, numbers, [shape.layers]))
    other = f"choose a base of at most about {shape.weights * free * cards / whole / 1e9:.1f} billion weights"
    ways = [other, "give it more or larger GPUs"]
    if not numbers.quantised:
        ways.insert(0, "set model.quantised: nf4")
    where = "the GPU" if cards == 1 else f"{cards} GPUs"
    raise QiratError(
        f"params.yaml, model.name: {name} does not fit on {where}: to answer it takes {whole / 1e9:.1f} GB, of "
        f"{free / 1e9:.1f} GB that can be planned with on each. What would do: {'; or '.join(ways)}"
    )


def answers_on_one(shape: Shape, numbers: Numbers, memory: float) -> bool:
    """Whether a card of so many bytes holds the model as it answers."""
    return answering_bytes(shape, numbers, [shape.layers])[0] <= FREE * memory


def layers_by_card(shape: Shape, numbers: Numbers, cards: int) -> list[int]:
    """How many layers lie on each card, so that all hold about as much: the first has embeddings and head beside."""
    a_layer, beside = _sizes(shape, numbers)
    first = round((beside + a_layer * shape.layers) / cards / a_layer - beside / a_layer)
    first = min(max(first, 0), shape.layers) if cards > 1 else shape.layers
    rest = shape.layers - first
    return [first, *(rest * (at + 1) // (cards - 1) - rest * at // (cards - 1) for at in range(cards - 1))]


def answering_bytes(shape: Shape, numbers: Numbers, layers: Sequence[int]) -> list[float]:
    """That each card takes at the least: weights, an adapter, keys and values; on the first also logits."""
    a_layer, beside = _sizes(shape, numbers)
    return [a_layer * many + (0 if at else beside) for at, many in enumerate(layers)]


def _sizes(shape: Shape, numbers: Numbers) -> tuple[float, float]:
    """Bytes of a layer with what it keeps, and of all that is no layer."""
    weights = layer_bytes(shape, numbers)
    adapter = 4 * shape.lora / shape.layers  # PEFT keeps it in float32
    at_work = READ * numbers.value * (4 * shape.hidden + 3 * shape.inner) / shape.layers
    logits = READ * (4 + numbers.value) * shape.head / shape.hidden
    beside = weight_bytes(replace(shape, lora=0), numbers) - weights * shape.layers
    return weights + adapter + KEPT * shape.keys * numbers.value + at_work, beside + logits


def placement(config: "PretrainedConfig", layers: Sequence[int]) -> dict[str, int]:
    """Name of a module -> the card on which it lies: what is no decoder layer stays on the first.

    So logits, labels and what is asked of them meet on one card.
    """
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
    spread = model.get_decoder().layers
    name = next(name for name, module in model.named_modules() if module is spread)
    path = name.split(".")
    inside = [".".join(path[:at]) for at in range(len(path))]
    beside = {
        f"{parent}.{own}".lstrip("."): 0 for parent in inside for own, _ in model.get_submodule(parent).named_children()
    }
    found = {own: card for own, card in beside.items() if own not in (*inside, name)}
    cards = [card for card, many in enumerate(layers) for _ in range(many)]
    return found | {f"{name}.{at}": card for at, card in enumerate(cards)}


def cards_of(layout: Layout) -> list[list[str]]:
    """The cards of each model, by the names under which this process sees them."""
    named = [name for name in os.environ.get(VISIBLE, "").split(",") if name] or [*map(str, range(gpus()))]
    return [named[at * layout.cards : (at + 1) * layout.cards] for at in range(layout.models)]


def _loaded(model: Model, adapter: Path | None, layers: Sequence[int]) -> "PreTrainedModel":
    places = placement(load_config(model), layers) if len(layers) > 1 else None
    base = load_model(model, places=places)
    return in_one(load_adapter(base, adapter, model)) if adapter else base
