"""qirat curve: is more data worth it? The same training on a quarter, on half and on all of it, judged on dev.

Each part holds the one before it, languages in their proportions. All read about as many tokens: a quarter is seen four
times as often, so what differs is the data alone, not how long was trained. The intervals redraw dev conversations; the
luck of one seed is not in them, but told beside them when all of the data is trained with several (`--seeds`).
"""

import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from curation.core.statistics.intervals import Bootstrap, paired_difference, ratio
from curation.harness.errors import QiratError
from curation.harness.memory import CACHE
from training.commands.trial import Answer, Trial, interval, noted, remembered
from training.judge.scoring import by_languages
from training.model.likelihood import examples_of, negative_log_likelihoods
from training.train.checkpoints import Checkpoints

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


@dataclass(frozen=True)
class Point:
    """A part of the data, and the losses on dev after training on it."""

    share: float
    seed: int
    examples: int
    tokens: int  # in the part, each counted once
    losses: pl.DataFrame


def curve(judged: int, seeds: int = 1) -> Answer:
    """Trains on each part, and on all of it with `seeds` seeds; judges on `judged` conversations of dev.

    What an earlier call worked out is taken from there.
    """
    trial = Trial.of_recipe()
    first, least = trial.params.seed, min(SHARES)
    asked = trial.asked(trial.whole["dev"], judged)
    if trial.learnt.height * least < 1:
        raise QiratError(
            f"{trial.learnt.height} examples are too few to train on {least:.0%} of them; raise train_tokens"
        )
    points = [point(trial, share, first, asked) for share in SHARES]
    again = [point(trial, max(SHARES), seed, asked) for seed in range(first + 1, first + seeds)]
    found = list(rows(points, Bootstrap(DRAWS, first)))
    answer = {
        "base": trial.model.name,
        "profile": trial.params.profile,
        "examples": trial.whole["train"].height,
        "examples_used": trial.learnt.height,
        "conversations_judged": asked["conversation_id"].n_unique(),
        "rows": found,
        "next_doubling": bracket(found),
        "seeds": list(luck([points[-1], *again], found)) if again else [],
    }
    return noted("curve", answer)


def point(trial: Trial, share: float, seed: int, asked: pl.DataFrame) -> Point:
    """One training, as many tokens long as that on the whole; remembered until anything that it depends on changes."""
    part = trial.learnt.head(round(share * trial.learnt.height))

    def work(checkpoints: Checkpoints) -> pl.DataFrame:
        print(f"curve: training on {share:.0%}, {part.height:,} examples, seed {seed}", file=sys.stderr, flush=True)
        return losses(trial.trained(trial.base(), part, checkpoints, seed, times=1 / share), asked)

    certificate = {**trial.origin, "share": share, "seed": seed, "asked": sorted(set(asked["conversation_id"]))}
    found = remembered(PLACE, f"{share:g}-{seed}", certificate, work)
    return Point(share, seed, part.height, int(part["input_ids"].list.len().sum()), found)


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


def rows(points: Sequence[Point], bootstrap: Bootstrap) -> Iterator[dict[str, Any]]:
    """A row a language and part: the loss, and what it gains over the part before, in nats a token."""
    for parts in zip(*(by_languages(at.losses) for at in points), strict=True):
        sides = [(found["value"].to_numpy(), found["weight"].to_numpy()) for _, found in parts]
        for place, at in enumerate(points):
            gain = paired_difference(sides[place - 1], sides[place]) if place else None
            yield {
                "language": parts[place][0],
                "share": at.share,
                "examples": at.examples,
                "tokens": at.tokens,
                "loss": asdict(ratio(*sides[place], bootstrap)),
                "gain": asdict(gain) if gain else None,
            }


def luck(points: Sequence[Point], found: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """A row a language: the loss with each seed, and whether the last doubling's gain is more than they differ by."""
    gains = {row["language"]: row["gain"]["value"] for row in found if row["share"] == max(SHARES)}
    losses = [dict(by_languages(at.losses)) for at in points]
    for language, gain in gains.items():
        each = [float(of[language]["value"].sum()) / float(of[language]["weight"].sum()) for of in losses]
        spread = max(each) - min(each)
        yield {
            "language": language,
            "losses": [{"seed": at.seed, "loss": loss} for at, loss in zip(points, each, strict=True)],
            "mean": statistics.fmean(each),
            "spread": spread,  # largest less smallest
            "last_doubling": gain,
            "larger": gain > spread,
        }


def bracket(found: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Language -> least and most that as much data again may gain.

    Returns diminish along a learning curve, so twice the data gains no more than the last doubling did, and that is
    taken at the upper end of its interval. More than such a bracket nobody can read off three points.
    """
    last = {row["language"]: row["gain"] for row in found if row["share"] == max(SHARES)}
    return {language: [0.0, max(0.0, gain["high"])] for language, gain in last.items()}


def as_text(answer: Answer) -> str:
    """For people at a terminal."""
    return "\n".join([*_head(answer), "", *_table(answer["rows"]), "", *_meaning(answer), *_luck(answer["seeds"])])


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
        gain = interval(row["gain"], "+.3f") if row["gain"] else ""
        sizes = f"{row['share']:>5.0%}{row['examples']:>10,}{row['tokens']:>12,}"
        yield f"{row['language']:<10}{sizes}  {interval(row['loss'], '.3f'):<24}{gain}".rstrip()


def _meaning(answer: Answer) -> Iterator[str]:
    for row in answer["rows"]:
        if row["share"] != max(SHARES):
            continue
        gain, (_, most) = row["gain"], answer["next_doubling"][row["language"]]
        helps = "more data helps" if gain["low"] > 0 else "that more data helps is not shown"
        yield (
            f"{row['language']}: {helps}; the last doubling gained {interval(gain, '+.3f')}, the next one would gain "
            f"between 0 and {most:.3f}"
        )


def _luck(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if found:
        yield ""
    for row in found:
        each = ", ".join(f"seed {one['seed']}: {one['loss']:.3f}" for one in row["losses"])
        meaning = "larger than that" if row["larger"] else "no larger than that, so a seed's luck may be all of it"
        yield (
            f"{row['language']}: all of the data with {each}; mean {row['mean']:.3f}, spread {row['spread']:.3f}; the "
            f"last doubling's gain, {row['last_doubling']:+.3f}, is {meaning}"
        )
