"""qirat cost: what training takes, before it runs; what it took; and from how many replies on it pays."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from curation.harness.files import finished_table, read_table, table_path
from curation.harness.memory import CACHE, remembered_json
from curation.harness.params import load_params
from training.judge.arms import ADAPTER
from training.model.base import Model, load_config
from training.model.cost import CARDS, REACHED, Card, Shape, break_even, counted, saved_seconds, training_operations
from training.train.recipe import Recipe, Train, memory, settled

MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Estimate:
    """Counted from the tokens and the model's sizes; nothing has run."""

    model: str
    examples: int
    tokens: float  # over all epochs
    supervised: float
    operations: float
    shape: Shape
    recipe: Recipe
    longest: int

    def seconds(self, card: Card) -> float:
        return self.operations / (card.peak * REACHED)

    def bytes(self, checkpointing: bool = False) -> float:
        """Of one row a pass, the least that is needed, in bfloat16."""
        return memory(self.shape, self.recipe, self.recipe.pack_tokens or self.longest, 2, checkpointing)


def estimate(profile: str | None) -> Estimate:
    """From data/tokenized/train and params.yaml; `profile` in place of the one that params name."""
    model, params = load_params("model", Model), load_params("train", Train)
    if profile:
        params = params.model_copy(update={"profile": profile})
    tokens = finished_table("tokenized/train")
    config = load_config(model)
    recipe = settled(params.recipe, config, tokens.height)
    lengths, supervised = counted(tokens)
    shape = Shape.of(config, int(recipe.rank))
    share = min(1.0, (recipe.train_tokens or math.inf) / sum(lengths)) * recipe.epochs
    operations = share * training_operations(shape, lengths, supervised)
    counts = (tokens.height, share * sum(lengths), share * supervised)
    return Estimate(model.name, *counts, operations, shape, recipe, max(lengths))


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
    shape, learnt = found.shape, found.supervised / found.tokens
    yield f"{found.model}, LoRA rank {found.recipe.rank}: {shape.lora:,} of {shape.weights:,} weights are trained"
    yield (
        f"{found.tokens:,.0f} tokens over {found.recipe.epochs:g} epochs, {learnt:.0%} of them supervised: "
        f"{found.operations:.2g} operations"
    )


def _cards(found: Estimate) -> Iterator[str]:
    yield f"{'card':<10}{'time':>10}{'energy':>12}{'memory':>22}"
    for name, card in CARDS.items():
        seconds = found.seconds(card)
        fits = "fits" if found.bytes() <= card.memory else "with checkpointing"
        fits = fits if found.bytes(checkpointing=True) <= card.memory else "too small"
        yield f"{name:<10}{_time(seconds):>10}{seconds * card.watts / 3.6e6:>8.3f} kWh{fits:>22}"
    yield f"(at {REACHED:.0%} of a card's peak; one row a pass takes {found.bytes() / 1e9:.1f} GB in bfloat16)"


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
