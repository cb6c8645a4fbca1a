"""qirat cost: what training takes, before it runs; what it took; and from how many replies on it pays."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from curation.harness.files import finished_table, read_table, table_path
from curation.harness.memory import CACHE, remembered_json
from curation.harness.params import load_params
from training.judge.arms import ADAPTER
from training.model.base import Model, load_config
from training.model.cost import (
    CARDS,
    FREE,
    REACHED,
    Card,
    Numbers,
    Shape,
    break_even,
    counted,
    saved_seconds,
    training_operations,
    weighing_operations,
)
from training.model.plan import fair_sample
from training.model.recipe import Asked, Train, Way, cards_needed, guessed_rate, passes_that_fit, settled, ways_to_fit

MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Estimate:
    """Counted from the tokens and the model's sizes; nothing has run."""

    model: str
    examples: int
    tokens: float  # over all epochs
    supervised: float
    operations: float  # of training, and of the loss on dev
    shape: Shape
    asked: Asked
    steps: str  # in words
    doubt: str  # of the learning rate; "" where there is none

    def seconds(self, card: Card) -> float:
        return self.operations / (card.peak * REACHED)

    def way(self, card: Card) -> Way | None:
        """How it fits into the memory of a card, by as few changes as do; None where nothing does."""
        return next(iter(ways_to_fit(self.shape, self.on(card), FREE * card.memory)), None)

    def how(self, card: Card) -> str:
        """The same in words, with what the recipe chooses by itself."""
        way = self.way(card)
        several = cards_needed(self.shape, self.on(card), FREE * card.memory)
        beside = f"{several} cards that share its weights out" if several and several > 1 else ""
        if way is None:
            return beside or "too small"
        if way.changes:
            return f"set {way}" + (f"; or {beside}" if beside else "")
        passes, checkpointing = passes_that_fit(self.shape, self.on(card), FREE * card.memory)
        return f"{passes} passes a step" + (", with checkpointing" if checkpointing else "")

    def on(self, card: Card) -> Asked:
        """What the training is to fit with there."""
        return replace(self.asked, numbers=replace(card.numbers, quantised=self.asked.numbers.quantised))


def estimate(profile: str | None) -> Estimate:
    """From data/tokenized and params.yaml; `profile` in place of the one that params name."""
    model, params = load_params("model", Model), load_params("train", Train)
    if profile:
        params = params.model_copy(update={"profile": profile})
    tokens, config = finished_table("tokenized/train"), load_config(model)
    lengths, supervised = counted(tokens)
    recipe = settled(params.recipe, config, lengths)
    shape = Shape.of(config, int(recipe.rank))
    share = _share(recipe.train_tokens, lengths) * recipe.epochs
    dev, told = counted(finished_table("tokenized/dev"))
    weighed = recipe.dev_points * _share(recipe.dev_tokens, dev) * weighing_operations(shape, dev, told)
    operations = share * training_operations(shape, lengths, supervised) + weighed
    counts = (tokens.height, share * sum(lengths), share * supervised)
    longest = min(max(lengths), recipe.max_tokens or max(lengths))
    numbers = Numbers(2, 2, model.quantised is not None)
    asked = Asked(recipe, longest, numbers, params.profile)
    looked_at = [length for length in lengths if length <= longest]
    looked_at = [looked_at[at] for at in fair_sample(looked_at, recipe.train_tokens or sum(looked_at))]
    doubt = guessed_rate(params.recipe, config)
    return Estimate(model.name, *counts, operations, shape, asked, recipe.told(looked_at), doubt)


def _share(most: int | None, lengths: Sequence[int]) -> float:
    """Of the tokens, that a sample of `most` holds."""
    return min(1.0, (most or math.inf) / sum(lengths))


def prompt_tokens() -> Mapping[str, float]:
    """Arm -> tokens that a reply's prompt has in the evaluation; empty before `baseline` has run."""
    name = next((n for n in ("evaluated/scores", "baseline/scores") if table_path(n).exists()), None)
    if name is None:
        return {}
    asked = read_table(table_path(name)).filter(metric="prompt_tokens")
    sums = asked.group_by("arm", maintain_order=True).agg(pl.col("value").sum() / pl.col("weight").sum())
    return dict(sums.sort("arm").iter_rows())


def as_text(found: Estimate, asked: Mapping[str, float], took: Mapping[str, float], replies_a_day: float) -> str:
    """For people at a terminal."""
    return "\n".join(
        [*_counted(found), "", *_cards(found), *_this_machine(took), *_traffic(found, asked, replies_a_day)]
    )


def took_last() -> dict[str, float]:
    """What the last training here was predicted to take and took; {} when none ended."""
    return remembered_json(CACHE / "cost" / "train.json")


def _counted(found: Estimate) -> Iterator[str]:
    shape, recipe, learnt = found.shape, found.asked.recipe, found.supervised / found.tokens
    yield f"{found.model}, LoRA rank {recipe.rank}: {shape.lora:,} of {shape.weights:,} weights are trained"
    yield (
        f"{found.tokens:,.0f} tokens over {recipe.epochs:g} epochs, {learnt:.0%} of them supervised: "
        f"{found.operations:.2g} operations"
    )
    yield f"learning rate {recipe.learning_rate:g}, {found.steps}"
    if found.doubt:
        yield found.doubt


def _cards(found: Estimate) -> Iterator[str]:
    yield f"{'card':<10}{'time':>10}{'energy':>12}{'memory':>10}  how it fits"
    for name, card in CARDS.items():
        seconds = found.seconds(card)
        energy = f"{seconds * card.watts / 3.6e6:.3f} kWh"
        yield f"{name:<10}{_time(seconds):>10}{energy:>12}{card.memory / 1e9:>7.0f} GB  {found.how(card)}"
    yield f"(at {REACHED:.0%} of a card's peak, which is that of float32 where it has no bfloat16: T4)"


def _this_machine(took: Mapping[str, float]) -> Iterator[str]:
    if not took:
        return
    yield ""
    for unit, scale, name in (("seconds", 1.0, "s"), ("bytes", 1e9, "GB")):
        if unit in took and not took.get("resumed"):
            planned, real = took[f"predicted_{unit}"] / scale, took[unit] / scale
            yield f"the last run here: {planned:,.1f} {name} predicted, {real:,.1f} {name} ({real / planned - 1:+.0%})"


def _traffic(found: Estimate, asked: Mapping[str, float], replies_a_day: float) -> Iterator[str]:
    """The prompt that the adapter makes needless has to be read for every reply; training is paid once."""
    bare = asked.get(ADAPTER, asked.get("base"))
    for arm, tokens in asked.items():
        if bare is None or arm in (ADAPTER, "base", "endpoint"):  # the last does not run on this card
            continue
        pays = break_even(found.operations / REACHED, saved_seconds(found.shape, tokens, bare))
        after = f"{pays:,.0f} replies, {pays / replies_a_day:,.1f} days at {replies_a_day:,.0f} a day"
        yield ""
        yield f"{arm} reads {tokens - bare:,.0f} tokens a reply more: training has paid for itself after {after}"
        yield "(the same card for both; a server that caches the prompt's beginning shifts this towards the prompt)"


def _time(seconds: float) -> str:
    return f"{seconds / HOUR:.1f} h" if seconds >= HOUR else f"{seconds / MINUTE:.1f} min"
