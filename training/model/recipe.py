"""How to train: the recipes of params.yaml, what `auto` comes to for a model and a data set, in what memory it fits."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, product
from typing import TYPE_CHECKING, Annotated, Any, Literal

import polars as pl
from pydantic import Field

from curation.core.record.draw import fair_order
from curation.harness.errors import QiratError
from curation.harness.params import Params
from training.model.attention import Attention
from training.model.cost import Numbers, Shape, memory
from training.model.kernels import Kernels

if TYPE_CHECKING:
    from transformers import PretrainedConfig

Auto = Literal["auto"]
Shard = Literal["auto", "on", "off"]


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
    learning_rate: float | Auto  # auto: by the model's width
    warmup: float  # share of the steps
    batch: Annotated[int, Field(gt=0)] | Auto  # examples, or packs of `pack_tokens`, a step; auto: by their number
    passes: int | Auto = 1  # a step is computed in so many passes; auto: as few as the GPU's memory allows
    pack_tokens: int | Auto | None = None  # fill rows of so many tokens with whole examples; null: one example a row
    flat: bool = True  # rows may hold several conversations; false: padded. Found out where the model mixes them
    attention: Attention = "auto"
    kernels: Kernels = "auto"
    checkpointing: bool | Auto = False  # compute activations twice to save memory; auto: where they would not fit

    @property
    def rows(self) -> int:
        """A step; ValueError before the recipe is settled."""
        return int(self.batch)

    @property
    def row(self) -> int | None:
        """Tokens of a packed row, None where rows are not packed; ValueError before the recipe is settled."""
        return None if self.pack_tokens is None else int(self.pack_tokens)

    def conversations(self, lengths: Sequence[int]) -> float:
        """A step, on average over examples of so many tokens."""
        return self.rows * (self.row * len(lengths) / sum(lengths) if self.row else 1.0)

    def steps(self, lengths: Sequence[int]) -> int:
        """Of the optimiser, over all epochs, but for what packing cannot fill."""
        rows = math.ceil(sum(lengths) / self.row) if self.row else len(lengths)
        return math.ceil(self.epochs * math.ceil(rows / self.rows))

    def told(self, lengths: Sequence[int]) -> str:
        """Steps and what a step holds, for people at a terminal."""
        packed = f", {self.rows} rows of {self.row:,} tokens" if self.row else ""
        return f"{self.steps(lengths):,} steps of about {self.conversations(lengths):.0f} conversations{packed}"


class Train(Params):
    """Which recipe, and both of them."""

    profile: Literal["cpu", "gpu"]
    seed: int
    shard: Shard = "auto"  # the base's weights among the GPUs (FSDP2); auto: where they do not fit on one
    cpu: Recipe
    gpu: Recipe

    @property
    def recipe(self) -> Recipe:
        return self.gpu if self.profile == "gpu" else self.cpu


LR_OF_FULL_TUNING, LORA_TIMES, WIDTH = 5e-5, 10.0, 2000
EXPONENTS = {"qwen": 0.0775, "llama": 0.781}  # fitted on these families; for others the last one is a guess
BOUNDS = (1e-4, 2e-3)
RANKS = ((2_000, 16), (10_000, 32))  # up to so many examples; above the last:
LARGEST_RANK = 64
MOST_CARDS = 8  # of one machine
SHORTEST = 512  # tokens: shorter packs are not proposed, most of a card would idle
# Conversations a step on which recipes for 1k to 50k examples agree (docs/training.md), and steps below which the
# schedule is warmup and decay and little between.
CONVERSATIONS, FEWEST_STEPS = (8, 32), 100
SHARES = (8, 4, 2, 1)  # rows a step, as many as are long enough: GPUs and passes share them


def settled(recipe: Recipe, config: "PretrainedConfig", lengths: Sequence[int]) -> Recipe:
    """The recipe for examples of so many tokens, without `auto` but for what depends on the memory of the machine."""
    found: dict[str, Any] = dict(zip(("batch", "pack_tokens"), step_of(recipe, lengths), strict=True))
    if found["batch"] % (recipe.passes if isinstance(recipe.passes, int) else 1):
        raise QiratError(f"params.yaml, train: batch {found['batch']} cannot be divided into {recipe.passes} passes")
    if recipe.learning_rate == "auto":
        found["learning_rate"] = learning_rate(config)
    if recipe.rank == "auto":
        found["rank"] = next((rank for most, rank in RANKS if len(lengths) <= most), LARGEST_RANK)
    return recipe.model_copy(update=found)


def step_of(recipe: Recipe, lengths: Sequence[int]) -> tuple[int, int | None]:
    """(rows a step, tokens of a row): what `auto` leaves open is chosen for `conversations_a_step`."""
    mean, longest = sum(lengths) / len(lengths), max(lengths)
    wanted = conversations_a_step(len(lengths), recipe.epochs)
    if recipe.pack_tokens is None:
        return (wanted if recipe.batch == "auto" else recipe.batch), None
    if recipe.pack_tokens != "auto":
        rows = round(wanted * mean / recipe.pack_tokens)
        return (max(1, rows) if recipe.batch == "auto" else recipe.batch), recipe.pack_tokens
    least = max(SHORTEST, longest)  # of a row
    if recipe.batch != "auto":
        return recipe.batch, _whole(max(least, wanted * mean / recipe.batch))
    shared = next((rows for rows in SHARES if rows * least <= wanted * mean), None)
    return (
        (shared, _whole(wanted * mean / shared)) if shared else (wanted, None)
    )  # a row would hold more than is wanted


def _whole(tokens: float) -> int:
    return 64 * math.ceil(tokens / 64)


def conversations_a_step(examples: int, epochs: float) -> int:
    """As many eights as leave a hundred steps, within what recipes agree on; the fewest where none does."""
    least, most = CONVERSATIONS
    return max(least, min(most, int(examples * epochs / FEWEST_STEPS) // SHARES[0] * SHARES[0]))


def sampled(tokens: pl.DataFrame, max_tokens: int | None, budget: int | None, seed: int) -> pl.DataFrame:
    """Examples of at most `max_tokens`, in fair order, until `budget` tokens are together (at least one example)."""
    if tokens.is_empty():
        raise QiratError(
            "data/tokenized holds a part without an example; run `dvc repro tokenize`, or add conversations"
        )
    sized = tokens.with_columns(_size=pl.col("input_ids").list.len().cast(pl.Int64))
    if max_tokens is not None:
        sized = sized.filter(pl.col("_size") <= max_tokens)
    if not sized.height:
        raise QiratError(f"no example has at most {max_tokens} tokens; raise max_tokens of the recipe in params.yaml")
    ordered = fair_order(sized, seed)
    if budget is not None:
        ordered = ordered.filter((pl.col("_size").cum_sum() <= budget) | (pl.int_range(pl.len()) == 0))
    return ordered.drop("_size")


def refuse_cuts(tokens: pl.DataFrame, recipe: Recipe, profile: str) -> None:
    """Packing would cut what is longer than a pack."""
    longest = int(tokens["input_ids"].list.len().max())  # type: ignore[arg-type]
    if recipe.row and recipe.row < longest:
        raise QiratError(
            f"params.yaml, train.{profile}.pack_tokens: {recipe.row} would cut an example of {longest} "
            "tokens; raise it to tokenize.max_tokens or more"
        )


def learning_rate(config: "PretrainedConfig") -> float:
    """Ten times full tuning's, by the width of the model, to two digits.

    Source: Thinking Machines, "LoRA Without Regret" (2025) and the hyperparameters of its Tinker documentation:
    5e-5 * 10 * (2000 / hidden size) ** exponent, the exponent fitted per family. Held within what recipes for 1k to
    50k examples agree on, wider for very small models.
    """
    text: Any = config.get_text_config()
    exponent = EXPONENTS[measured_family(config) or "llama"]
    rate = LR_OF_FULL_TUNING * LORA_TIMES * (WIDTH / text.hidden_size) ** exponent
    return float(f"{min(max(rate, BOUNDS[0]), BOUNDS[1]):.1e}")


def measured_family(config: "PretrainedConfig") -> str | None:
    """The family on whose models the formula of the learning rate was fitted; None where it is a guess."""
    text: Any = config.get_text_config()
    return next((family for family in EXPONENTS if family in text.model_type), None)


def guessed_rate(recipe: Recipe, config: "PretrainedConfig") -> str:
    """What to know of a learning rate that `auto` chose for a family it was not fitted on; "" elsewhere."""
    if recipe.learning_rate != "auto" or measured_family(config):
        return ""
    kind = config.get_text_config().model_type
    return (
        f"the learning rate {learning_rate(config):g} is a guess for {kind}: the formula was fitted on Llama and Qwen. "
        "Try half and twice as much (`qirat sweep`), or set train's learning_rate"
    )


@dataclass(frozen=True)
class Asked:
    """What a training is to fit with."""

    recipe: Recipe
    longest: int  # tokens of the longest example
    numbers: Numbers
    profile: str
    lanes: int = 1  # passes at the same time
    shard: Shard = "off"
    cards: int = 1  # that share the weights out

    def tokens(self, passes: int) -> int:
        """Tokens at the same time, where a step is computed in so many passes."""
        rows = self.recipe.rows // passes * min(self.lanes, passes)
        return rows * (self.recipe.row or self.longest)


def passes_that_fit(shape: Shape, asked: Asked, free: float) -> tuple[int, bool]:
    """(passes, checkpointing): the fewest passes a step whose memory fits `free` bytes, before any is tried.

    Where the recipe says how many passes, only checkpointing is to be chosen.
    Checkpointing costs a third more operations, so it comes last: when one row alone would not fit.
    """
    choices = list(_choices(asked.recipe))
    for passes, checkpointing in choices:
        if memory(shape, asked.tokens(passes), asked.numbers, checkpointing, asked.cards) <= free:
            return passes, checkpointing
    return choices[-1]


def least_memory(shape: Shape, asked: Asked) -> float:
    """Bytes that the recipe takes with as many passes and as much checkpointing as it leaves open."""
    passes, checkpointing = list(_choices(asked.recipe))[-1]
    return memory(shape, asked.tokens(passes), asked.numbers, checkpointing, asked.cards)


def cards_needed(shape: Shape, asked: Asked, free: float) -> int | None:
    """Cards of `free` bytes that the weights must be shared out among, without any other change; None: MOST_CARDS are
    too few, or weights are in nf4, which stay whole on each.
    """
    if least_memory(shape, replace(asked, cards=1)) <= free:
        return 1
    if asked.numbers.quantised:
        return None
    shared = range(2, MOST_CARDS + 1)
    return next((cards for cards in shared if least_memory(shape, replace(asked, cards=cards)) <= free), None)


def _choices(recipe: Recipe) -> Iterator[tuple[int, bool]]:
    """(passes, checkpointing) that the recipe leaves open, the fastest first."""
    allowed = [False, True] if recipe.checkpointing == "auto" else [recipe.checkpointing]
    divisors = [n for n in range(1, recipe.rows + 1) if recipe.rows % n == 0]
    for checkpointing, passes in product(allowed, divisors if recipe.passes == "auto" else [recipe.passes]):
        yield passes, checkpointing


@dataclass(frozen=True)
class Way:
    """One way to fit a training into memory: which params to set, and the bytes that it then takes."""

    changes: dict[str, str]  # name below params.yaml -> value; none: as it is
    bytes: float

    def __str__(self) -> str:
        said = ", ".join(f"{name}: {value}" for name, value in self.changes.items()) or "as it is"
        return f"{said} ({self.bytes / 1e9:.1f} GB)"


def ways_to_fit(shape: Shape, asked: Asked, free: float) -> list[Way]:
    """The smallest changes that fit `free` bytes, alone first and then together; none where none does.

    They stand in the order of what they cost: time (passes, checkpointing), exactness (nf4, on cards alone), rows that
    hold less, and conversations in more parts.
    """
    found: list[Way] = []
    knobs = list(_knobs(asked))
    for number in range(len(knobs) + 1):
        for turned in combinations(knobs, number):
            other = asked
            changes: dict[str, str] = {}
            for knob in turned:
                other, changes = knob.turn(other), {**changes, **knob.changes}
            way = Way(changes, least_memory(shape, other))
            # Who must set more than what fits already would set it for nothing.
            if way.bytes <= free and not any(one.changes.items() <= changes.items() for one in found):
                found.append(way)
    return found


@dataclass(frozen=True)
class _Knob:
    changes: dict[str, str]
    turn: Callable[[Asked], Asked]


def _knobs(asked: Asked) -> Iterator[_Knob]:
    recipe, place = asked.recipe, f"train.{asked.profile}"
    fixed = {"passes": recipe.passes != "auto", "checkpointing": recipe.checkpointing is False}
    set_by_hand = {name: "auto" for name, is_fixed in fixed.items() if is_fixed}
    if set_by_hand:
        yield _Knob(
            {f"{place}.{name}": value for name, value in set_by_hand.items()},
            lambda one: replace(one, recipe=one.recipe.model_copy(update=set_by_hand)),
        )
    if asked.profile == "gpu" and not asked.numbers.quantised:
        yield _Knob({"model.quantised": "nf4"}, lambda one: replace(one, numbers=replace(one.numbers, quantised=True)))
    whole = max(SHORTEST, 64 * math.ceil(asked.longest / 64))
    # Where params leave the rows of a step open there are more of shorter ones, so a pass must be free to hold one.
    freed = {f"{place}.passes": "auto"} if fixed["passes"] else {}
    if (recipe.row or 0) > whole:
        yield _Knob({f"{place}.pack_tokens": str(whole), **freed}, partial(_in_rows_of, whole))
    if asked.longest > SHORTEST:
        pack = {f"{place}.pack_tokens": str(SHORTEST), **freed} if recipe.pack_tokens else {}
        yield _Knob({"tokenize.max_tokens": str(SHORTEST), **pack}, partial(_in_rows_of, SHORTEST))


def _in_rows_of(tokens: int, asked: Asked) -> Asked:
    pack = tokens if asked.recipe.pack_tokens else None
    shorter = asked.recipe.model_copy(update={"pack_tokens": pack, "passes": "auto" if pack else asked.recipe.passes})
    return replace(asked, recipe=shorter, longest=min(tokens, asked.longest))
