"""How to train: the recipes of params.yaml, what `auto` comes to for a model and a data set, what memory it takes."""

from itertools import product
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from curation.harness.errors import QiratError
from curation.harness.params import Params
from training.model.attention import Attention
from training.model.cost import Shape

if TYPE_CHECKING:
    from transformers import PretrainedConfig

Auto = Literal["auto"]


class Recipe(Params):
    """How to train. Sources: the consensus table of LoRA recipes for 1k to 50k examples in docs/training.md."""

    max_tokens: int | None = None  # leave out longer examples; null: none
    train_tokens: int | None = None  # train on a fair sample of about so many tokens; null: on everything
    dev_tokens: int | None = None  # likewise for the dev loss
    dev_points: int = Field(ge=2)  # measurements of the dev loss, start and end among them
    patience: int | None = Field(default=None, gt=0)  # stop after so many of them without a new best; null: never
    epochs: float
    rank: int | Auto  # auto: by the number of examples
    alpha: int
    dropout: float
    rank_stabilised: bool = False  # rsLoRA: alpha / sqrt(rank) instead of alpha / rank
    dora: bool = False  # DoRA: magnitude and direction apart; slower
    quantised: Literal["nf4"] | None = None  # QLoRA: the base in 4 bits; needs a GPU and the package bitsandbytes
    learning_rate: float | Auto  # auto: by the model's width
    warmup: float  # share of the steps
    batch: int = Field(gt=0)  # examples, or packs of `pack_tokens`, a step
    passes: int | Auto = 1  # a step is computed in so many passes; auto: as few as the GPU's memory allows
    pack_tokens: int | None = None  # fill rows of so many tokens with whole examples; null: one example a row
    flat: bool = True  # rows may hold several conversations; false: padded. Found out where the model mixes them
    attention: Attention = "auto"
    checkpointing: bool | Auto = False  # compute activations twice to save memory; auto: where they would not fit


class Train(Params):
    """Which recipe, and both of them."""

    profile: Literal["cpu", "gpu"]
    seed: int
    cpu: Recipe
    gpu: Recipe

    @property
    def recipe(self) -> Recipe:
        return self.gpu if self.profile == "gpu" else self.cpu


LR_OF_FULL_TUNING, LORA_TIMES, WIDTH = 5e-5, 10.0, 2000
EXPONENTS = {"qwen": 0.0775}
EXPONENT = 0.781  # fitted on Llama, the other family that was measured
BOUNDS = (1e-4, 2e-3)
RANKS = ((2_000, 16), (10_000, 32))  # up to so many examples; above the last:
LARGEST_RANK = 64
ADAM = 16  # bytes a trained weight: its value, gradient and two moments, in float32


def settled(recipe: Recipe, config: "PretrainedConfig", examples: int) -> Recipe:
    """The recipe without `auto`, but for what depends on the memory of the machine."""
    if recipe.batch % (recipe.passes if isinstance(recipe.passes, int) else 1):
        raise QiratError(f"params.yaml, train: batch {recipe.batch} cannot be divided into {recipe.passes} passes")
    found: dict[str, Any] = {}
    if recipe.learning_rate == "auto":
        found["learning_rate"] = learning_rate(config)
    if recipe.rank == "auto":
        found["rank"] = next((rank for most, rank in RANKS if examples <= most), LARGEST_RANK)
    return recipe.model_copy(update=found)


def learning_rate(config: "PretrainedConfig") -> float:
    """Ten times full tuning's, by the width of the model, to two digits.

    Source: Thinking Machines, "LoRA Without Regret" (2025) and the hyperparameters of its Tinker documentation:
    5e-5 * 10 * (2000 / hidden size) ** exponent, the exponent fitted per family. Held within what recipes for 1k to
    50k examples agree on, wider for very small models.
    """
    text: Any = config.get_text_config()
    exponent = next((e for family, e in EXPONENTS.items() if family in text.model_type), EXPONENT)
    rate = LR_OF_FULL_TUNING * LORA_TIMES * (WIDTH / text.hidden_size) ** exponent
    return float(f"{min(max(rate, BOUNDS[0]), BOUNDS[1]):.1e}")


def memory(shape: Shape, recipe: Recipe, tokens: int, bytes_a_value: int, checkpointing: bool) -> float:
    """Peak bytes of a pass over `tokens` tokens: weights, optimiser, activations (the head works in small tiles).

    A layer keeps its inputs for the backward pass: around attention, in the feed-forward layer, and twice the hidden
    state in float32 for the norms. With checkpointing one hidden state a layer, and one layer in full.
    """
    value = 0.5 if recipe.quantised else bytes_a_value
    layer = bytes_a_value * (6 * shape.hidden + 2 * (shape.attention + shape.keys) + 4 * shape.inner) + 8 * shape.hidden
    layers = layer + bytes_a_value * shape.hidden * shape.layers if checkpointing else layer * shape.layers
    return shape.weights * value + ADAM * shape.lora + tokens * layers


def passes_that_fit(shape: Shape, recipe: Recipe, longest: int, bytes_a_value: int, free: float) -> tuple[int, bool]:
    """(passes, checkpointing): the fewest passes a step whose memory fits `free` bytes, before any is tried.

    Where the recipe says how many passes, only checkpointing is to be chosen.
    Checkpointing costs a third more operations, so it comes last: when one row alone would not fit.
    """
    row = recipe.pack_tokens or longest
    allowed = [False, True] if recipe.checkpointing == "auto" else [recipe.checkpointing]
    divisors = [n for n in range(1, recipe.batch + 1) if recipe.batch % n == 0]
    choices = divisors if recipe.passes == "auto" else [recipe.passes]
    for checkpointing, passes in product(allowed, choices):
        if memory(shape, recipe, row * recipe.batch // passes, bytes_a_value, checkpointing) <= free:
            return passes, checkpointing
    return choices[-1], allowed[-1]
