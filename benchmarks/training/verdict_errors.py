"""How often the verdict is wrong, on arms whose truth is known.  python -m benchmarks.training.verdict_errors

Conversations of customers who write once to five times; each has its own difficulty, from which every arm's kept rules
(of twelve), ended replies and losses are drawn. The truths lie exactly on what must not pass: no gain, a loss as large
as a margin, a share of good conversations as large as the target. Printed is, by truth and number of conversations,
the share of the trials that end in each word.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from curation.harness.params import load_params
from training.evaluate.memorisation import MEMORISED
from training.evaluate.promote import Kept, comparisons, verdict
from training.judge import forgetting
from training.judge.arms import ADAPTER
from training.judge.scoring import PREDICTIONS, SCORES, Evaluate, arm_table
from training.judge.target import good_shares

RULES = 12
TARGET = 0.9
BASELINE = {"reached": None, "override": "", "target": TARGET}
UNWRITTEN = pl.DataFrame(schema=PREDICTIONS)


@dataclass(frozen=True)
class Truth:
    """The adapter minus the prompts."""

    gain: float  # of the rules kept
    unended: float = 0.0  # share of the conversations in which only the adapter's reply does not end
    good: float = 1.0  # share of the conversations in which the adapter breaks no rule, as far as replies end


TRUTHS = {
    "better, nothing lost": Truth(gain=0.15),
    "no gain": Truth(gain=0.0),
    "better, loses a margin": Truth(gain=0.15, unended=0.05),
    "better, at the target": Truth(gain=0.15, good=TARGET),
    "better, misses the target": Truth(gain=0.15, good=0.7),
    "worse": Truth(gain=-0.15),
}


def main() -> None:
    """Every truth, or some, at every number of conversations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--sizes", type=int, nargs="+", default=[60, 200])
    parser.add_argument("--truths", nargs="+", choices=TRUTHS, default=list(TRUTHS))
    asked = parser.parse_args()
    for n in asked.sizes:
        for name in asked.truths:
            words = Counter(trial(TRUTHS[name], n, seed) for seed in range(asked.trials))
            told = ", ".join(f"{word} {times / asked.trials:.1%}" for word, times in words.most_common())
            print(f"{name}, {n} conversations: {told}", flush=True)


def trial(truth: Truth, n: int, seed: int) -> str:
    """The word of one verdict."""
    draw = np.random.default_rng([seed, n])
    customers = np.repeat(np.arange(n), draw.choice((1, 2, 3, 5), n, p=(0.85, 0.1, 0.03, 0.02)))[:n]
    talks = pl.DataFrame({"conversation_id": [f"{i:03}" for i in range(n)], "language": "en", "cluster_id": customers})
    scores = pl.DataFrame(list(drawn(truth, customers, draw)), schema=SCORES, orient="row")
    params = load_params("evaluate", Evaluate).model_copy(
        update={"primary": "playbook", "bootstrap": 10, "margins": {}}
    )
    arms = arm_table(scores, talks, params.redraws)
    compared = comparisons(scores, talks.with_columns(messages=None), UNWRITTEN)
    nothing = pl.DataFrame(schema=forgetting.TABLE), pl.DataFrame(schema=MEMORISED)
    return str(verdict(arms, compared, BASELINE, Kept(*nothing, good_shares(scores, talks)), params)["verdict"])


def drawn(
    truth: Truth, customers: np.ndarray, draw: np.random.Generator
) -> Iterator[tuple[str, str, str, float, float]]:
    """SCORES of two prompts and the adapter; what a customer asks about is as difficult every time."""
    n = len(customers)
    difficulty = draw.beta(6, 4, n)[customers]
    ended = draw.random(n)
    for arm in ("prompted", "few_shot", ADAPTER):
        ours = arm == ADAPTER
        kept = draw.binomial(RULES, np.clip(0.2 + 0.6 * difficulty + ours * truth.gain, 0, 1))
        ends = ended >= truth.unended if ours else np.ones(n, bool)
        good = draw.random(n) < (truth.good if ours else 0.5)
        loss = 2 + difficulty + draw.normal(-0.2 if ours else 0, 0.2, n)
        for i in range(n):
            key = f"{i:03}"
            yield arm, key, "playbook", float(kept[i]), float(RULES)
            yield arm, key, "stopped", float(ends[i]), 1.0
            yield arm, key, "playbook_pass", float(good[i]), 1.0
            yield arm, key, "nll", 20 * loss[i], 20.0


if __name__ == "__main__":
    main()
