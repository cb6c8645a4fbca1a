"""qirat sweep: which recipe? Learning rate, epochs and rank within a budget, chosen on dev, confirmed once on test.

From the recipe that stands in params.yaml it goes uphill: one setting at a time up or down by a step, on in a direction
while the dev loss falls. What is best by then is partly best by luck, so it is trained anew with seeds that had no say,
and so is the recipe that stood there; test is looked at once, for these, and what seeds differ by is in the intervals.

It trains through the stage's own code and not through `dvc exp run --queue`: an experiment of DVC begins in a copy of
the workspace without data/cache and without models outside git, so it has no checkpoints, a killed one begins anew,
and each pays for a checkout. What it proposes is a `dvc exp run`; params.yaml it leaves alone.
"""

import math
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from statistics import NormalDist
from typing import Any, Literal, get_args

import polars as pl

from curation.core.statistics.intervals import Interval, Z, paired_difference
from curation.core.statistics.sequential import reach_of, shared
from curation.harness.errors import QiratError
from curation.harness.files import finished_table
from curation.harness.memory import CACHE
from curation.harness.params import load_params
from training.commands.curve import losses
from training.commands.estimate import MINUTE, took_last
from training.commands.trial import Answer, Trial, interval, noted, remembered
from training.evaluate.looks import LEDGER, Look, looked
from training.model.base import load_config
from training.model.cost import Shape, counted, reading_operations, training_operations
from training.model.recipe import Recipe
from training.model.seeds import Luck, read_seeds, training_id, write_seeds
from training.strength import Strength
from training.train.checkpoints import Checkpoints
from training.train.watch import DivergedError

PLACE = CACHE / "sweep"
Setting = Literal["learning_rate", "epochs", "rank"]
SETTINGS: tuple[Setting, ...] = get_args(Setting)
# The learning rate first, which matters most, and again in finer steps at the end.
STEPS: Sequence[tuple[Setting, float]] = (
    ("learning_rate", 3.0),
    ("epochs", 2.0),
    ("rank", 2.0),
    ("learning_rate", math.sqrt(3)),
)
Unit = Literal["tokens", "minutes"]


@dataclass(frozen=True)
class Budget:
    """What may be spent, all trainings and the reading of what judges them together, counted before anything runs.

    What an earlier call trained is counted too: the same call ends in the same answer, killed in between or not.
    """

    limit: float
    unit: Unit
    seeds: int  # for confirmation
    price: Callable[[Recipe], float]  # of training once and judging

    def allows(self, spent: float, now: Recipe, best: Recipe, candidate: Recipe) -> bool:
        """With what is spent, one more training still leaves enough for the confirmation."""
        dearest = max(self.price(best), self.price(candidate))
        return spent + self.price(candidate) + self.seeds * (dearest + self.price(now)) <= self.limit


@dataclass(frozen=True)
class Tried:
    """A recipe, and its loss on dev after training with it once, in nats a token."""

    recipe: Recipe
    loss: float


def sweep(limit: float, unit: Unit, seeds: int, judged: int) -> Answer:
    """Searches within `limit` tokens or minutes; judges on `judged` conversations of dev, and once of test.

    `seeds` trainings confirm, train.seed + 1 and on. Raises QiratError where the budget holds no search at all.
    """
    trial, known = Trial.of_recipe(), read_seeds()
    dev, test = (trial.asked(finished_table(f"tokenized/{split}"), judged) for split in ("dev", "test"))
    longer = max(dev, test, key=lambda asked: sum(counted(asked)[0]))
    budget = Budget(limit, unit, seeds, partial(PRICES[unit], trial, longer))
    announce(trial, budget)
    found = searched(trial, budget, partial(judged_once, trial, dev))
    best = min(found, key=lambda one: one.loss)
    look = looked(look_at_test(trial, best.recipe, seeds, test))
    confirmed = confirmation(trial, best.recipe, seeds, test, reach_of(look))
    write_seeds(known.model_copy(update={"trainings": known.trainings | confirmed.luck}))
    answer = {
        "base": trial.model.name,
        "profile": trial.params.profile,
        "budget": {"limit": limit, "unit": unit},
        "seeds": seeds,
        "look": look,
        "tried": [{**_settings(one.recipe), "dev_loss": _known(one.loss), "best": one is best} for one in found],
        "test": confirmed.rows,
        "proposal": proposal(trial, best.recipe),
    }
    return noted("sweep", answer)


def searched(trial: Trial, budget: Budget, judge: Callable[[Recipe], float]) -> list[Tried]:
    """Every recipe that was tried, in their order, the one in params.yaml first; `judge` gives a recipe's dev loss."""
    now = best = Tried(trial.recipe, judge(trial.recipe))
    found, spent = [now], budget.price(now.recipe)

    def climbed(best: Tried, name: Setting, factor: float) -> Tried:
        """One setting in one direction, for as long as it helps and the budget lasts."""
        nonlocal spent
        while True:
            candidate = changed(best.recipe, name, factor)
            known = candidate in [one.recipe for one in found]
            if known or not budget.allows(spent, now.recipe, best.recipe, candidate):
                return best
            spent += budget.price(candidate)
            found.append(Tried(candidate, judge(candidate)))
            if found[-1].loss >= best.loss:
                return best
            best = found[-1]

    for name, step in STEPS:
        up = climbed(best, name, step)
        best = climbed(best, name, 1 / step) if up is best else up  # else that is where it came from
    return found


def judged_once(trial: Trial, dev: pl.DataFrame, recipe: Recipe) -> float:
    """The loss on dev after one training; infinite where training itself lost its way, as high rates can make it."""
    try:
        return _loss(trained(trial, recipe, trial.params.seed, dev))
    except DivergedError as error:
        if recipe == trial.recipe:
            raise  # then nothing can be compared with it
        print(f"sweep: {error}", file=sys.stderr, flush=True)
        return math.inf


def changed(recipe: Recipe, name: Setting, factor: float) -> Recipe:
    """The recipe with one setting times `factor`: two digits of a rate, whole ranks."""
    value = float(getattr(recipe, name)) * factor
    return recipe.model_copy(update={name: max(1, round(value)) if name == "rank" else float(f"{value:.2g}")})


def trained(trial: Trial, recipe: Recipe, seed: int, asked: pl.DataFrame) -> pl.DataFrame:
    """LOSSES after one training; remembered until anything that it depends on changes."""
    origin = _origin(trial, recipe)
    name = "-".join(f"{value:g}" for value in (*_settings(recipe).values(), seed))

    def work(checkpoints: Checkpoints) -> pl.DataFrame:
        print(f"sweep: training with {_words(recipe)}, seed {seed}", file=sys.stderr, flush=True)
        with_it = replace(trial, recipe=recipe)
        return losses(with_it.trained(trial.base(), trial.learnt, checkpoints, seed), asked)

    return remembered(PLACE, name, {**origin, "seed": seed, "asked": _ids(asked)}, work)


# -- the confirmation --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Confirmed:
    """What test says of the best recipe and of the one in params.yaml."""

    rows: list[dict[str, Any]]  # recipe, losses by seed, what is gained over the base model and over params.yaml
    luck: dict[str, Luck]  # by training_id


def look_at_test(trial: Trial, best: Recipe, seeds: int, test: pl.DataFrame) -> Look:
    """What the confirmation will look at, for the ledger: before it looks, so that a killed one is there too."""
    trainings = {
        f"{training_id(_origin(trial, recipe))}:{seed}"
        for recipe in (trial.recipe, best)
        for seed in _numbers(trial, seeds)
    }
    return Look.of_sweep(finished_table("splits/test", ["conversation_id"]), trainings, _ids(test))


def confirmation(trial: Trial, best: Recipe, seeds: int, test: pl.DataFrame, z: float = Z) -> Confirmed:
    """Both recipes with seeds that had no say in the choice, on the same conversations of test.

    `z`: how many standard errors an interval reaches, since looks at the test set share their error.
    """
    numbers = _numbers(trial, seeds)
    without = remembered(PLACE, "base", {**trial.origin, "asked": _ids(test)}, lambda _: losses(trial.base(), test))
    recipes = [trial.recipe] if best == trial.recipe else [trial.recipe, best]
    after = [[trained(trial, recipe, seed, test) for seed in numbers] for recipe in recipes]
    rows, luck = [], {}
    for recipe, found in zip(recipes, after, strict=True):
        each = [_loss(one) for one in found]
        gain = gained(found, [without] * seeds, z)
        over = None if recipe == trial.recipe else gained(found, after[0], z)
        told = {"losses": dict(zip(map(str, numbers), each, strict=True)), "gain": asdict(gain)}
        rows.append({**_settings(recipe), **told, "gain_over_params": asdict(over) if over else None})
        ends = {"value": gain.value, "low": gain.low, "high": gain.high}
        luck[training_id(_origin(trial, recipe))] = Luck(n=seeds, spread=max(each) - min(each), **ends)
    return Confirmed(rows, luck)


def gained(ours: Sequence[pl.DataFrame], theirs: Sequence[pl.DataFrame], z: float = Z) -> Interval:
    """How much lower the loss is, the mean over seeds, seed by seed beside the other's: above zero is better.

    Two kinds of luck are in the interval, that of conversations, redrawn, and that of seeds, Student's t of as many:
    on each side their reaches add as squares (Zou and Donner 2008, "Construction of confidence limits about effect
    measures", MOVER).
    """
    from scipy.stats import t

    before, after = ((_mean(found), found[0]["weight"].to_numpy()) for found in (theirs, ours))
    over = paired_difference(before, after, z)
    each = [_loss(b) - _loss(a) for a, b in zip(ours, theirs, strict=True)]
    seeds = float(t.ppf(NormalDist().cdf(z), len(each) - 1)) * statistics.stdev(each) / math.sqrt(len(each))
    low, high = math.hypot(over.value - over.low, seeds), math.hypot(over.high - over.value, seeds)
    return Interval(over.value, over.value - low, over.value + high, over.n)


def proposal(trial: Trial, best: Recipe) -> list[str]:
    """What differs from params.yaml, as flags of `dvc exp run`; strength is left to its own rule."""
    profile, now = trial.params.profile, _settings(trial.recipe)
    flags = [f"train.{profile}.{name}={value:g}" for name, value in _settings(best).items() if value != now[name]]
    if flags and getattr(load_params("strength", Strength), profile) != "auto":
        flags.append(f"strength.{profile}=auto")
    return flags


# -- what it costs -----------------------------------------------------------------------------------------------------


def tokens_of(trial: Trial, asked: pl.DataFrame, recipe: Recipe) -> float:
    """Read in one training and in judging it."""
    return recipe.epochs * sum(counted(trial.learnt)[0]) + sum(counted(asked)[0])


def minutes_of(trial: Trial, asked: pl.DataFrame, recipe: Recipe) -> float:
    """By the operations of one training and its judging, at the rate of the last training on this machine."""
    took = took_last()
    if not took.get("operations") or took.get("resumed"):
        raise QiratError(
            "how long a training takes here is known once one ran through (`dvc repro train`); give --tokens instead"
        )
    shape = Shape.of(load_config(trial.model), int(recipe.rank))
    learning = recipe.epochs * training_operations(shape, *counted(trial.learnt))
    reading = sum(reading_operations(shape, length) for length in counted(asked)[0])
    return (learning + reading) * took["seconds"] / took["operations"] / MINUTE


PRICES: Mapping[Unit, Callable[[Trial, pl.DataFrame, Recipe], float]] = {"tokens": tokens_of, "minutes": minutes_of}


def announce(trial: Trial, budget: Budget) -> None:
    """Says beforehand what the budget holds."""
    once, unit = budget.price(trial.recipe), budget.unit
    least = (2 + 2 * budget.seeds) * once
    if least > budget.limit:
        raise QiratError(
            f"{budget.limit:,.0f} {unit} hold no search: one training takes {once:,.1f}, and two recipes with "
            f"{budget.seeds} seeds each confirm; give {math.ceil(least):,} or more, or fewer --seeds"
        )
    trials = 2 + int((budget.limit - least) / once)
    print(
        f"sweep: {budget.limit:,.0f} {unit}; one training takes {once:,.1f} with {_words(trial.recipe)}, so about "
        f"{trials} are tried, and up to {2 * budget.seeds} confirm",
        file=sys.stderr,
        flush=True,
    )


# -- in words ----------------------------------------------------------------------------------------------------------


def as_text(answer: Answer) -> str:
    """For people at a terminal."""
    return "\n".join([*_search(answer), "", *_test(answer), "", *_advice(answer)])


def _search(answer: Answer) -> Iterator[str]:
    yield f"{answer['base']}, profile {answer['profile']}: loss in nats a token"
    yield f"{'learning rate':>13}{'epochs':>8}{'rank':>6}{'dev loss':>10}"
    for row in answer["tried"]:
        best = "  best on dev" if row["best"] else ""
        loss = "diverged" if row["dev_loss"] is None else f"{row['dev_loss']:.3f}"
        yield f"{row['learning_rate']:>13g}{row['epochs']:>8g}{row['rank']:>6}{loss:>10}{best}"


def _test(answer: Answer) -> Iterator[str]:
    level = 1 - shared(answer["look"])
    yield f"once on test, look {answer['look']} at it ({LEDGER}), so intervals stand at {level:.2%}"
    yield f"{answer['seeds']} seeds each, their luck in the intervals:"
    for row in answer["test"]:
        name = "as in params.yaml" if row["gain_over_params"] is None else "best on dev"
        each = ", ".join(f"{loss:.3f}" for loss in row["losses"].values())
        yield f"{name}: {each}; over the base model {interval(row['gain'], '+.3f')}"
        if row["gain_over_params"]:
            yield f"{name}, over params.yaml: {interval(row['gain_over_params'], '+.3f')}"


def _advice(answer: Answer) -> Iterator[str]:
    if not answer["proposal"]:
        yield "Nothing that was tried is better on dev than what params.yaml says: keep it."
        return
    shown = answer["test"][-1]["gain_over_params"]["low"] > 0
    yield "Shown to be better on test:" if shown else "Better on dev, but on test it is not shown; to try it:"
    yield f"    dvc exp run {' '.join(f'-S {flag}' for flag in answer['proposal'])}"


def _words(recipe: Recipe) -> str:
    return f"learning rate {recipe.learning_rate:g}, {recipe.epochs:g} epochs, rank {recipe.rank}"


# -- below -------------------------------------------------------------------------------------------------------------


def _numbers(trial: Trial, seeds: int) -> range:
    """The seeds that confirm."""
    return range(trial.params.seed + 1, trial.params.seed + 1 + seeds)


def _origin(trial: Trial, recipe: Recipe) -> dict[str, Any]:
    """All that a training with another recipe depends on."""
    return {**trial.origin, "params": {**trial.origin["params"], "recipe": recipe.model_dump()}}


def _settings(recipe: Recipe) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in SETTINGS}


def _known(loss: float) -> float | None:
    """JSON knows no infinity."""
    return loss if math.isfinite(loss) else None


def _ids(asked: pl.DataFrame) -> list[str]:
    return sorted(set(asked["conversation_id"]))


def _loss(found: pl.DataFrame) -> float:
    return float(found["value"].sum()) / float(found["weight"].sum())


def _mean(found: Sequence[pl.DataFrame]) -> Any:
    """Nats by conversation, over seeds; LOSSES are sorted by conversation."""
    return sum(one["value"].to_numpy() for one in found) / len(found)
