"""Do the intervals of what people prefer hold, when people err?  python -m benchmarks.review.pairs

Simulated judges compare two arms whose true difference is known. A judge errs at a known rate, and then answers at
random; somebody who errs always presses any key. Judgements go the road of real ones, by training.evaluate.preference.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from curation.core.record.pairs import Choice, Judgement, reply_hash
from training.evaluate.preference import Heard, heard

SIMULATIONS = 500
CHOICES: tuple[Choice, ...] = ("a", "b", "both_good", "both_bad")
PREDICTIONS = {"arm": pl.String, "conversation_id": pl.String, "turn": pl.Int32, "text": pl.String}


@dataclass(frozen=True)
class Truth:
    """Shares of conversations in which the adapter's reply is better, and the other's; what is left is a tie."""

    better: float
    worse: float

    @property
    def net(self) -> float:
        return self.better - self.worse

    def drawn(self, luck: float) -> str:
        """Which reply is better, for a number of 0 to 1."""
        return "ours" if luck < self.better else "theirs" if luck < self.better + self.worse else "neither"


def review(truth: Truth, errors: Sequence[float], conversations: int, gold: int, seed: int) -> Heard:
    """What is heard of so many conversations, one judge each in turn, and so many gold pairs for all together."""
    draw = random.Random(seed)
    arms = [(arm, f"{n:032x}", 1, f"{arm} {n}") for n in range(conversations) for arm in ("adapter", "prompted")]
    said: list[Judgement] = []
    for n in range(conversations + gold):
        is_gold = n >= conversations
        right = "ours" if is_gold else truth.drawn(draw.random())
        said.append(_judged(n, right, n % len(errors), errors[n % len(errors)], is_gold, draw))
    written = pl.DataFrame(arms, schema=PREDICTIONS, orient="row")
    return heard(said, written, "prompted", written.select("conversation_id", cluster_id="conversation_id").unique())


def _judged(n: int, right: str, judge: int, error: float, is_gold: bool, draw: random.Random) -> Judgement:
    ours, theirs = ("team", "broken") if is_gold else (f"adapter {n}", f"prompted {n}")
    turned = draw.random() < 0.5
    sides = (theirs, ours) if turned else (ours, theirs)
    truly: Choice = "both_bad" if right == "neither" else "b" if (right == "ours") == turned else "a"
    return Judgement(
        conversation_id=f"{n:032x}",
        turn=1,
        replies=(reply_hash(sides[0]), reply_hash(sides[1])),
        annotator=f"judge {judge}",
        choice=draw.choice(CHOICES) if draw.random() < error else truly,
        at="2026-01-05T10:00:00+00:00",
        right=None if not is_gold else "b" if turned else "a",
    )


def measured(
    truth: Truth, errors: Sequence[float], conversations: int, gold: int, simulations: int
) -> dict[str, float]:
    """Shares of the simulations in which an interval covers the truth, and in which losing or winning is called."""
    found = [review(truth, errors, conversations, gold, seed) for seed in range(simulations)]
    counted = [one.found.net for one in found if one.found]
    corrected = [one.corrected for one in found if one.corrected]
    return {
        "covered": sum(net.low <= truth.net <= net.high for net in counted) / len(counted),
        "corrected_covered": sum(net.low <= truth.net <= net.high for net in corrected) / max(len(corrected), 1),
        "corrected": len(corrected) / simulations,
        "lost": sum(net.high < 0 for net in counted) / simulations,
        "won": sum(net.low > 0 for net in counted) / simulations,
    }


def main() -> None:
    print("better worse | judges' errors | conversations gold | covered, corrected (in so many), called lost, won")
    for truth in (Truth(0.3, 0.3), Truth(0.45, 0.25), Truth(0.2, 0.5)):
        for errors in ((0.0, 0.0), (0.2, 0.2), (0.1, 0.4, 1.0)):
            for conversations, gold in ((12, 3), (30, 12), (60, 20), (150, 40)):
                got = measured(truth, errors, conversations, gold, SIMULATIONS)
                print(
                    f"{truth.better:.2f} {truth.worse:.2f} | {errors} | {conversations} {gold} | {got['covered']:.3f}, "
                    f"{got['corrected_covered']:.3f} ({got['corrected']:.2f}), {got['lost']:.3f}, {got['won']:.3f}"
                )


if __name__ == "__main__":
    main()
