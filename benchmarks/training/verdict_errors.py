"""How often the verdict is wrong, on arms whose truth is known.  python -m benchmarks.training.verdict_errors

Conversations of customers who write once to five times; each customer has a difficulty, from which every arm's kept
rules (of twelve), ended replies and losses are drawn, and whether replies end or break a rule is the same in all that
one customer asks. Two prompts are equally good and a third one is poorer; they answer in rounds as in the baseline,
where an arm that is shown to lose stops. The truths lie exactly on what must not pass, a loss as large as a margin, a
share of good conversations as large as the target, no gain, or clearly on one side of it. The verdict is that of a
first look at the test set, so it may be wrong on one side in 1.25% of the trials.
"""

import argparse
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from benchmarks.corruption.tables import head, row
from benchmarks.results import RESULTS
from curation.core.statistics.intervals import Side
from curation.core.statistics.sequential import out, shared
from curation.harness.params import load_params
from training.evaluate.findings import Reach
from training.evaluate.memorisation import MEMORISED
from training.evaluate.promote import Kept, comparisons, verdict
from training.judge import forgetting
from training.judge.arms import ADAPTER
from training.judge.scoring import ALL, ARMS, PREDICTIONS, SCORES, Evaluate
from training.judge.target import good_shares

RULES = 12
TARGET = 0.9
PILOT = 60  # conversations before the first look at who loses
LOOK = 1
AT_ONCE = 100  # trials
PROMPTS = ("prompted", "few_shot")  # equally good
POOR = "base"
LESS = 0.15  # rules kept
UNWRITTEN = pl.DataFrame(schema=PREDICTIONS)
NOTHING = (pl.DataFrame(schema=forgetting.TABLE), pl.DataFrame(schema=MEMORISED))

PROMOTE, LACKING, REFUSED, OPEN = "promote", "not good enough", "do not promote", "undecided"


@dataclass(frozen=True)
class Truth:
    """The adapter minus the better prompts, and what the verdict must not say of it."""

    gain: float  # of the rules kept
    unended: float = 0.0  # share of the conversations in which only the adapter's reply does not end
    good: float = 1.0  # share of the conversations in which the adapter breaks no rule, as far as replies end
    loss: float = -0.2  # nats a token
    wrong: Sequence[str] = field(default=(PROMOTE,))


TRUTHS = {
    "better, nothing lost": Truth(0.15, wrong=(REFUSED, LACKING)),
    "better by the margin": Truth(0.05, wrong=(REFUSED, LACKING)),
    "no gain": Truth(0.0),
    "better, ends less by the margin": Truth(0.15, unended=0.05),
    "better, likelihood worse by the margin": Truth(0.15, loss=0.05),
    "better, at the target": Truth(0.15, good=TARGET),
    "better, misses the target": Truth(0.15, good=0.7, wrong=(PROMOTE, REFUSED)),
    "worse by the margin": Truth(-0.05),
    "worse": Truth(-0.15),
}


@dataclass(frozen=True)
class Trial:
    """The word of one verdict, and which of the arms were stopped early."""

    word: str
    early: frozenset[str]


@dataclass(frozen=True)
class Drawn:
    """One test set: the customer of each conversation, and (value, weight) of each by arm and metric."""

    customers: np.ndarray
    figures: Mapping[tuple[str, str], Side]
    early: Mapping[str, int]  # arms that stopped, and after how many conversations


def main() -> None:
    """Every truth, or some, at every number of conversations; all of them are written down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--sizes", type=int, nargs="+", default=[60, 120, 240])
    parser.add_argument("--truths", nargs="+", choices=TRUTHS, default=list(TRUTHS))
    asked = parser.parse_args()
    params = settings()
    rows = []
    for n in asked.sizes:
        for name in asked.truths:
            starts = range(0, asked.trials, AT_ONCE)
            parts = (range(start, min(start + AT_ONCE, asked.trials)) for start in starts)
            found = [one for seeds in parts for one in trials(TRUTHS[name], n, seeds, params)]
            rows.append(measured(name, found, n))
            print(rows[-1], flush=True)
    if asked.truths == list(TRUTHS):
        told = {"trials": asked.trials, "stated": shared(LOOK) / 2, "rows": rows}
        (RESULTS / "verdict_errors.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def settings() -> Evaluate:
    """As shipped, with the metrics' own margins."""
    return load_params("evaluate", Evaluate).model_copy(update={"primary": "playbook", "margins": {}})


def measured(name: str, found: Sequence[Trial], n: int) -> dict[str, Any]:
    """Shares of the trials: each word, the wrong ones, and those in which an equal or the poor prompt was stopped."""
    words = Counter(one.word for one in found)
    return {
        "truth": name,
        "conversations": n,
        "words": {word: words[word] / len(found) for word in (PROMOTE, LACKING, REFUSED, OPEN)},
        "wrong": sum(words[word] for word in TRUTHS[name].wrong) / len(found),
        "equal_stopped": sum(bool(one.early & {*PROMPTS}) for one in found) / len(found),
        "poor_stopped": sum(POOR in one.early for one in found) / len(found),
    }


def trials(truth: Truth, n: int, seeds: Sequence[int], params: Evaluate) -> list[Trial]:
    """A verdict for each seed. Their test sets stand in one table, each as a language, so that tables are made once."""
    sets = {f"{seed:05}": drawn(truth, n, np.random.default_rng([seed, n])) for seed in seeds}
    talks = pl.concat([_talks(name, one) for name, one in sets.items()])
    scores = pl.concat([_scores(name, one) for name, one in sets.items()]).match_to_schema(SCORES)
    reach = Reach.of_look(LOOK)
    compared = comparisons(scores, talks.with_columns(messages=None), UNWRITTEN, reach.now)
    good = good_shares(scores.filter(arm=ADAPTER), talks)
    arms = pl.DataFrame([(arm, params.primary, ALL, 0, 0, 0, n, 1) for arm in PROMPTS], schema=ARMS, orient="row")
    found = []
    for name, one in sets.items():
        its = (table.filter(language=name).with_columns(language=pl.lit(ALL)) for table in (compared, good))
        gains, shares = its
        baseline = {"reached": None, "override": "", "target": TARGET, "early": one.early}
        word = verdict(arms, gains, baseline, Kept(*NOTHING, shares, reach), params)["verdict"]
        found.append(Trial(word, frozenset(one.early)))
    return found


def drawn(truth: Truth, n: int, draw: np.random.Generator) -> Drawn:
    """What a customer asks about is as difficult every time, and so is whether a reply to it ends or breaks a rule."""
    customers = np.repeat(np.arange(n), draw.choice((1, 2, 3, 5), n, p=(0.85, 0.1, 0.03, 0.02)))[:n]
    difficulty, ended, luck = (each[customers] for each in (draw.beta(6, 4, n), draw.random(n), draw.random(n)))
    figures: dict[tuple[str, str], Side] = {}
    for arm, gain in ((POOR, -LESS), *((arm, 0.0) for arm in PROMPTS), (ADAPTER, truth.gain)):
        ours = arm == ADAPTER
        kept = draw.binomial(RULES, np.clip(0.25 + 0.5 * difficulty + gain, 0, 1))
        nats = 2 + difficulty + draw.normal(truth.loss if ours else 0, 0.2, n)
        ends = ended >= truth.unended if ours else np.ones(n)
        good = luck < truth.good if ours else draw.random(n) < 0.5
        for metric, values, weight in (
            ("playbook", kept, RULES),
            ("stopped", ends, 1),
            ("playbook_pass", good, 1),
            ("nll", 20 * nats, 20),
        ):
            figures[arm, metric] = values.astype(float), np.full(n, float(weight))
    return Drawn(customers, figures, in_rounds(customers, figures))


def in_rounds(customers: np.ndarray, figures: Mapping[tuple[str, str], Side]) -> dict[str, int]:
    """Arms that are shown to lose stop, after so many conversations: as in training/baseline/answers.py."""
    early: dict[str, int] = {}
    done, n = 0, len(customers)
    while done < n:
        done = min(max(2 * done, PILOT), n)
        places = np.unique(customers[:done], return_inverse=True)[1]
        going = [arm for arm in (POOR, *PROMPTS) if arm not in early]
        sides = {
            arm: tuple(np.bincount(places, weights=part[:done]) for part in figures[arm, "playbook"]) for arm in going
        }
        best = max(going, key=lambda arm: sides[arm][0].sum())
        early |= {arm: done for arm in going if arm != best and out(sides[arm], sides[best], n)}
    return early


def _talks(name: str, one: Drawn) -> pl.DataFrame:
    clusters = [f"{name}-{customer}" for customer in one.customers]
    return pl.DataFrame({"conversation_id": _keys(name, len(clusters)), "language": name, "cluster_id": clusters})


def _scores(name: str, one: Drawn) -> pl.DataFrame:
    keys = _keys(name, len(one.customers))
    parts = []
    for (arm, metric), (values, weights) in one.figures.items():
        columns = {"arm": arm, "conversation_id": keys, "metric": metric, "value": values, "weight": weights}
        parts.append(pl.DataFrame(columns)[: len(keys) if metric == "nll" else one.early.get(arm, len(keys))])
    return pl.concat(parts)


def _keys(name: str, n: int) -> list[str]:
    return [f"{name}-{place:03}" for place in range(n)]


def markdown(found: Mapping[str, Any]) -> str:
    """For docs/benchmarks.md."""
    names = ("promote", "not good enough", "do not promote", "undecided")
    lines = head("truth", "conversations", *names, "wrong", "an equal prompt stopped", "the poor one")
    for one in found["rows"]:
        shares = (*one["words"].values(), one["wrong"], one["equal_stopped"], one["poor_stopped"])
        lines.append(row(one["truth"], f"{one['conversations']}", *(f"{share:.1%}" for share in shares)))
    stated, trials = found["stated"], found["trials"]
    error = math.sqrt(stated * (1 - stated) / trials)
    told = f"{trials} trials a row; wrong may be {stated:.2%} by what is stated, {stated + 2 * error:.1%} by chance."
    return "\n".join([*lines, "", told]) + "\n"


if __name__ == "__main__":
    main()
