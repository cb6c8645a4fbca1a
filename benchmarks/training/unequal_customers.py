"""How often a figure passes that must not, where some customers write more often than others.

    python -m benchmarks.training.unequal_customers

Customers fail as a whole. A loss lies exactly at the margin, a share exactly at the target, or a mean of differences
exactly at the margin, of which few may be large losses; each may pass in 1.25% of the draws, at a first look at the
test set. Beside it stands in how many draws something clearly good passes. Prints a line a case; some minutes on one
core.
"""

import argparse
from collections.abc import Callable

import numpy as np

from curation.core.statistics.intervals import effective, paired_difference, share
from curation.core.statistics.sequential import reach_of

WRITE = {  # how often customers write, and how many do so
    "1 to 5 times": ((1, 2, 3, 5), (0.85, 0.1, 0.03, 0.02)),
    "1 or 3 times": ((1, 3), (0.5, 0.5)),
    "1 to 16 times": ((1, 2, 4, 8, 16), (0.6, 0.2, 0.1, 0.07, 0.03)),
}
MARGIN, TARGET, SPREAD = 0.05, 0.9, 0.2
Z = reach_of(1)
Passes = Callable[[np.random.Generator, np.ndarray, float], bool]


def main() -> None:
    """Every figure for every kind of customers, at several numbers of conversations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=5000)
    parser.add_argument("--conversations", type=int, nargs="+", default=[40, 120, 240, 480])
    asked = parser.parse_args()
    for write in WRITE:
        for name, (passes, line, good) in FIGURES.items():
            for n in asked.conversations:
                wrong, power = (rate(passes, write, n, truth, asked.draws) for truth in (line, good))
                print(
                    f"{write}, {name}, {n} conversations: {wrong:.2%} pass on the line, {power:.1%} if good", flush=True
                )


def rate(passes: Passes, write: str, conversations: int, truth: float, draws: int) -> float:
    """The share of the draws in which it passes."""
    draw = np.random.default_rng([1, conversations])
    return sum(passes(draw, customers(draw, write, conversations), truth) for _ in range(draws)) / draws


def customers(draw: np.random.Generator, write: str, conversations: int) -> np.ndarray:
    """How often each writes, together so many times."""
    often, shares = WRITE[write]
    sizes = draw.choice(often, conversations, p=shares)
    some: np.ndarray = sizes[: int(np.searchsorted(np.cumsum(sizes), conversations)) + 1]
    some[-1] -= some.sum() - conversations
    found: np.ndarray = some.astype(float)
    return found


def loss(draw: np.random.Generator, sizes: np.ndarray, truth: float) -> bool:
    """Whether the margin is kept where this share of the customers gets a worse answer every time."""
    ours = sizes * (draw.random(len(sizes)) >= truth)
    return bool(paired_difference((ours, sizes), (sizes, sizes), Z).low > -MARGIN)


def target(draw: np.random.Generator, sizes: np.ndarray, truth: float) -> bool:
    """Whether the target is reached where this share of the customers gets good answers every time."""
    good = sizes * (draw.random(len(sizes)) < truth)
    return share(int(good.sum()), int(sizes.sum()), effective(good, sizes), Z).low > TARGET


def mean(draw: np.random.Generator, sizes: np.ndarray, truth: float) -> bool:
    """Whether the margin is kept where every customer has a difference of their own, about this one."""
    own = sizes * draw.normal(truth, SPREAD, len(sizes))
    return bool(paired_difference((2 * sizes + own, sizes), (2 * sizes, sizes), Z).low > -MARGIN)


def rare(draw: np.random.Generator, sizes: np.ndarray, truth: float) -> bool:
    """The same where most customers gain a little and some lose much (exponential losses)."""
    own = sizes * (truth + SPREAD * (1 - draw.exponential(1, len(sizes))))
    return bool(paired_difference((2 * sizes + own, sizes), (2 * sizes, sizes), Z).low > -MARGIN)


FIGURES: dict[str, tuple[Passes, float, float]] = {
    "loss": (loss, MARGIN, MARGIN / 4),
    "target": (target, TARGET, 0.97),
    "mean": (mean, -MARGIN, MARGIN),
    "rare losses": (rare, -MARGIN, MARGIN),
}

if __name__ == "__main__":
    main()
