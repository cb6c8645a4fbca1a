"""qirat curve: is more data worth it? The same training on a quarter, on half and on all of it, judged on dev.

Each part holds the one before it, languages in their proportions. All read about as many tokens: a quarter is seen four
times as often, so what differs is the data alone, not how long was trained. The intervals redraw dev conversations; the
luck of one seed is not in them.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from curation.conversation import canonical_json
from curation.stage import CACHE, QiratError, atomic, finished_table, load_params
from training.checkpoints import Checkpoints
from training.fit import fit
from training.intervals import Bootstrap, Interval, paired_difference, ratio
from training.likelihood import negative_log_likelihoods
from training.model import Model, base_folder, load_model, load_tokenizer
from training.recipe import Recipe, Train, settled
from training.scoring import ALL
from training.template import Renderer
from training.train import examples_of, provenance, sampled, surroundings

if TYPE_CHECKING:
    from transformers import PretrainedConfig

SHARES = (0.25, 0.5, 1.0)
PLACE = CACHE / "curve"
LOSSES = pl.Schema(
    {
        "conversation_id": pl.String,
        "language": pl.String,
        "value": pl.Float64,  # nats, over the supervised tokens
        "weight": pl.Float64,  # how many these are
    }
)
DRAWS = 2000

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """A part of the data, and the losses on dev after training on it."""

    share: float
    examples: int
    tokens: int  # in the part, each counted once
    losses: pl.DataFrame


def curve(judged: int) -> Answer:
    """Trains on each part, or takes what an earlier call worked out, and judges on `judged` conversations of dev."""
    model, params = load_params("model", Model), load_params("train", Train)
    whole = {split: finished_table(f"tokenized/{split}", "tokenize") for split in ("train", "dev")}
    learnt = sampled(whole["train"], params.recipe.max_tokens, params.recipe.train_tokens, params.seed)
    recipe = settled(params.recipe, config_of(model), learnt.height)  # the whole's for every part
    watched = sampled(whole["dev"], recipe.max_tokens, recipe.dev_tokens, params.seed)
    asked = conversations(sampled(whole["dev"], recipe.max_tokens, None, params.seed), judged)
    least = min(SHARES)
    if learnt.height * least < 1:
        raise QiratError(f"{learnt.height} examples are too few to train on {least:.0%} of them; raise train_tokens")
    renderer = Renderer(load_tokenizer(model), model.template_arguments)
    origin = {**provenance(whole, model, params, recipe, renderer), **surroundings()}
    points = [
        point(share, learnt.head(round(share * learnt.height)), watched, asked, model, params, recipe, origin)
        for share in SHARES
    ]
    found = list(rows(points, Bootstrap(DRAWS, params.seed)))
    answer = {
        "base": model.name,
        "profile": params.profile,
        "examples": whole["train"].height,
        "examples_used": learnt.height,
        "conversations_judged": asked["conversation_id"].n_unique(),
        "rows": found,
        "next_doubling": bracket(found),
    }
    with atomic(CACHE / "curve.json") as temporary:
        temporary.write_text(json.dumps(answer, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return answer


def point(  # noqa: PLR0913 - what a run is made of
    share: float,
    part: pl.DataFrame,
    watched: pl.DataFrame,
    asked: pl.DataFrame,
    model: Model,
    params: Train,
    recipe: Recipe,
    origin: Mapping[str, Any],
) -> Point:
    """One training, as many tokens long as that on the whole; remembered until anything that it depends on changes."""
    certificate = {**origin, "share": share, "asked": sorted(set(asked["conversation_id"]))}
    digest = hashlib.sha256(canonical_json(certificate).encode()).hexdigest()[:16]
    kept = PLACE / f"{share:g}-{digest}.parquet"
    if not kept.exists():
        longer = recipe.model_copy(update={"epochs": recipe.epochs / share})
        checkpoints = Checkpoints(certificate, PLACE / f"{share:g}")
        print(f"curve: training on {share:.0%}, {part.height:,} examples", file=sys.stderr, flush=True)
        found = losses_after(part, watched, asked, model, params, longer, checkpoints)
        with atomic(kept) as temporary:
            found.write_parquet(temporary)
        checkpoints.clear()
    return Point(share, part.height, int(part["input_ids"].list.len().sum()), pl.read_parquet(kept))


def losses_after(  # noqa: PLR0913 - what a run is made of
    tokens: pl.DataFrame,
    watched: pl.DataFrame,
    asked: pl.DataFrame,
    model: Model,
    params: Train,
    recipe: Recipe,
    checkpoints: Checkpoints | None = None,
) -> pl.DataFrame:
    """LOSSES of the conversations `asked`, after training on `tokens` with the best step by `watched`."""
    base, tokenizer = load_model(model, recipe.quantised), load_tokenizer(model)
    trained = fit(base, tokenizer, tokens, examples_of(watched), params, recipe, checkpoints)
    return losses(trained.model, asked)


def losses(model: Any, asked: pl.DataFrame) -> pl.DataFrame:
    """LOSSES, a row a conversation; one that takes several examples is their sum."""
    examples = examples_of(asked)
    return (
        asked.select("conversation_id", "language")
        .with_columns(
            value=pl.Series(negative_log_likelihoods(model, examples), dtype=pl.Float64),
            weight=pl.Series([e.supervised for e in examples], dtype=pl.Float64),
        )
        .group_by("conversation_id", "language")
        .agg(pl.col("value", "weight").sum())
        .sort("conversation_id")
    )


def config_of(model: Model) -> "PretrainedConfig":
    """The sizes of the base, without its weights."""
    from transformers import AutoConfig

    found: PretrainedConfig = AutoConfig.from_pretrained(
        base_folder(model), revision=model.revision, trust_remote_code=False
    )
    return found


def conversations(tokens: pl.DataFrame, most: int) -> pl.DataFrame:
    """All examples of the first `most` conversations."""
    return tokens.join(tokens.select("conversation_id").unique(maintain_order=True).head(most), on="conversation_id")


def rows(points: Sequence[Point], bootstrap: Bootstrap) -> Iterator[dict[str, Any]]:
    """A row a language and part: the loss, and what it gains over the part before, in nats a token."""
    for language in (ALL, *sorted(set(points[0].losses["language"]))):
        spoken = [at.losses if language == ALL else at.losses.filter(language=language) for at in points]
        sides = [(found["value"].to_numpy(), found["weight"].to_numpy()) for found in spoken]
        for place, at in enumerate(points):
            gain = paired_difference(sides[place - 1], sides[place], bootstrap) if place else None
            yield {
                "language": language,
                "share": at.share,
                "examples": at.examples,
                "tokens": at.tokens,
                "loss": figures(ratio(*sides[place], bootstrap)),
                "gain": figures(gain) if gain else None,
            }


def figures(found: Interval) -> dict[str, float]:
    """An interval for JSON."""
    return {"value": found.value, "low": found.low, "high": found.high, "n": found.n}


def bracket(found: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Language -> least and most that as much data again may gain.

    Returns diminish along a learning curve, so twice the data gains no more than the last doubling did, and that is
    taken at the upper end of its interval. More than such a bracket nobody can read off three points.
    """
    last = {row["language"]: row["gain"] for row in found if row["share"] == max(SHARES)}
    return {language: [0.0, max(0.0, gain["high"])] for language, gain in last.items()}


def as_text(answer: Answer) -> str:
    """For people at a terminal."""
    return "\n".join([*_head(answer), "", *_table(answer["rows"]), "", *_meaning(answer)])


def _head(answer: Answer) -> Iterator[str]:
    yield (
        f"{answer['base']}, profile {answer['profile']}: dev loss in nats a token over "
        f"{answer['conversations_judged']} conversations, the same number of tokens read in each training"
    )
    if answer["examples_used"] < answer["examples"]:
        yield (
            f"100% are the {answer['examples_used']:,} examples that the recipe looks at, of {answer['examples']:,}: "
            "the curve tells of a run of this size only"
        )


def _table(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"{'language':<10}{'data':>5}{'examples':>10}{'tokens':>12}  {'dev loss':<24}gain over the part before"
    for row in found:
        gain = _interval(row["gain"], "+.3f") if row["gain"] else ""
        sizes = f"{row['share']:>5.0%}{row['examples']:>10,}{row['tokens']:>12,}"
        yield f"{row['language']:<10}{sizes}  {_interval(row['loss'], '.3f'):<24}{gain}".rstrip()


def _meaning(answer: Answer) -> Iterator[str]:
    for row in answer["rows"]:
        if row["share"] != max(SHARES):
            continue
        gain, (_, most) = row["gain"], answer["next_doubling"][row["language"]]
        helps = "more data helps" if gain["low"] > 0 else "that more data helps is not shown"
        yield (
            f"{row['language']}: {helps}; the last doubling gained {_interval(gain, '+.3f')}, the next one would gain "
            f"between 0 and {most:.3f}"
        )


def _interval(found: Mapping[str, float], kind: str) -> str:
    return f"{found['value']:{kind}} [{found['low']:{kind}}, {found['high']:{kind}}]"
