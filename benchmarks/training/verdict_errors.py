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
from curation.harness.params import load_params
from curation.statistics.sequential import shared
from training.baseline.answers import losing
from training.evaluate.findings import Reach
from training.evaluate.memorisation import MEMORISED
from training.evaluate.promote import Kept, comparisons, verdict
from training.judge import forgetting
from training.judge.arms import ADAPTER
from training.judge.scoring import PREDICTIONS, SCORES, Evaluate, arm_table
from training.judge.target import good_shares

RULES = 12
TARGET = 0.9
PILOT = 60  # conversations before the first look at who loses
LOOK = 1
PROMPTS = ("prompted", "few_shot")  # equally good
POOR = "base"
LESS = 0.15  # rules kept
UNWRITTEN = pl.DataFrame(schema=PREDICTIONS)
NOTHING = (pl.DataFrame(schema=forgetting.TABLE), pl.DataFrame(schema=MEMORISED))

PROMOTE, BETTER, REFUSED, OPEN = (
    "promote",
    "better than prompts, not good enough",
    "do not promote",
    "undecided",
)


@dataclass(frozen=True)
class Truth:
    """The adapter minus the better prompts, and what the verdict must not say of it."""

    gain: float  # of the rules kept
    unended: float = 0.0  # share of the conversations in which only the adapter's reply does not end
    good: float = 1.0  # share of the conversations in which the adapter breaks no rule, as far as replies end
    loss: float = -0.2  # nats a token
    wrong: Sequence[str] = field(default=(PROMOTE,))


TRUTHS = {
    "better, nothing lost": Truth(0.15, wrong=(REFUSED, BETTER)),
    "better by the margin": Truth(0.05, wrong=(REFUSED, BETTER)),
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
            rows.append(measured(name, [trial(TRUTHS[name], n, seed, params) for seed in range(asked.trials)], n))
            print(rows[-1], flush=True)
    if asked.truths == list(TRUTHS):
        found = {"trials": asked.trials, "stated": shared(LOOK) / 2, "rows": rows}
        (RESULTS / "verdict_errors.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def settings() -> Evaluate:
    """As shipped, with the metrics' own margins."""
    changed = {"primary": "playbook", "bootstrap": 10, "margins": {}}
    return load_params("evaluate", Evaluate).model_copy(update=changed)


def measured(name: str, trials: Sequence[Trial], n: int) -> dict[str, Any]:
    """Shares of the trials: each word, the wrong ones, and those in which an equal or the poor prompt was stopped."""
    words = Counter(one.word for one in trials)
    return {
        "truth": name,
        "conversations": n,
        "words": {word: words[word] / len(trials) for word in (PROMOTE, BETTER, REFUSED, OPEN)},
        "wrong": sum(words[word] for word in TRUTHS[name].wrong) / len(trials),
        "equal_stopped": sum(bool(one.early & {*PROMPTS}) for one in trials) / len(trials),
        "poor_stopped": sum(POOR in one.early for one in trials) / len(trials),
    }


def trial(truth: Truth, n: int, seed: int, params: Evaluate) -> Trial:
    """One test set, answered in rounds, and its verdict."""
    draw = np.random.default_rng([seed, n])
    customers = np.repeat(np.arange(n), draw.choice((1, 2, 3, 5), n, p=(0.85, 0.1, 0.03, 0.02)))[:n]
    talks = pl.DataFrame({"conversation_id": [f"{i:03}" for i in range(n)], "language": "en", "cluster_id": customers})
    scores, early = in_rounds(drawn(truth, customers, draw), talks, params)
    going = scores.filter(~pl.col("arm").is_in(list(early)))
    reach = Reach.of_look(LOOK)
    compared = comparisons(scores, talks.with_columns(messages=None), UNWRITTEN, reach.now)
    kept = Kept(*NOTHING, good_shares(going, talks), reach)
    baseline = {"reached": None, "override": "", "target": TARGET, "early": early}
    found = verdict(arm_table(going, talks, params.redraws), compared, baseline, kept, params)
    return Trial(found["verdict"], frozenset(early))


def in_rounds(scores: pl.DataFrame, talks: pl.DataFrame, params: Evaluate) -> tuple[pl.DataFrame, dict[str, int]]:
    """What is measured where arms that are shown to lose stop, and those; as in training/baseline/answers.py."""
    early: dict[str, int] = {}
    done, ids = 0, talks["conversation_id"]
    while done < talks.height:
        done = min(max(2 * done, PILOT), talks.height)
        asked = scores.filter(pl.col("conversation_id").is_in(ids[:done].to_list()), pl.col("arm") != ADAPTER)
        asked = asked.filter(~pl.col("arm").is_in(list(early)))
        early |= dict.fromkeys(losing(asked, talks, params.primary, talks.height), done)
    unread = pl.any_horizontal(
        pl.lit(False), *((pl.col("arm") == arm) & (pl.col("conversation_id") >= f"{n:03}") for arm, n in early.items())
    )
    return scores.filter(~unread | (pl.col("metric") == "nll")), early


def drawn(truth: Truth, customers: np.ndarray, draw: np.random.Generator) -> pl.DataFrame:
    """SCORES of the prompts and the adapter; what a customer asks about is as difficult every time."""
    n = len(customers)
    difficulty, ended, luck = (each[customers] for each in (draw.beta(6, 4, n), draw.random(n), draw.random(n)))
    parts = []
    for arm, gain in ((POOR, -LESS), *((arm, 0.0) for arm in PROMPTS), (ADAPTER, truth.gain)):
        ours = arm == ADAPTER
        kept = draw.binomial(RULES, np.clip(0.25 + 0.5 * difficulty + gain, 0, 1))
        loss = 2 + difficulty + draw.normal(truth.loss if ours else 0, 0.2, n)
        figures = {
            "playbook": (kept, RULES),
            "stopped": (ended >= truth.unended if ours else np.ones(n), 1),
            "playbook_pass": (luck < truth.good if ours else draw.random(n) < 0.5, 1),
            "nll": (20 * loss, 20),
        }
        keys = [f"{i:03}" for i in range(n)]
        for metric, (value, weight) in figures.items():
            columns = {"arm": arm, "conversation_id": keys, "metric": metric}
            parts.append(pl.DataFrame({**columns, "value": value.astype(float), "weight": float(weight)}))
    return pl.concat(parts).match_to_schema(SCORES)


def markdown(found: Mapping[str, Any]) -> str:
    """For docs/benchmarks.md."""
    names = ("promote", "better, not good enough", "do not promote", "undecided")
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
