"""Which prompt arms the adapter had to beat, where not all of them were asked everything."""

from collections.abc import Iterator, Mapping
from typing import Any

from training.judge.reasons import Reason, Voice


def rivals(baseline: Mapping[str, Any]) -> Voice:
    """What data/baseline/verdict.json tells of the arms that did not answer, or stopped early since they lost."""
    return Voice(told=tuple(_told(baseline)))


def _told(baseline: Mapping[str, Any]) -> Iterator[Reason]:
    if baseline["left_out"]:
        figures = {"arm": baseline["best_prompt_arm"], "others": ", ".join(baseline["left_out"])}
        yield Reason("strongest_only", figures)
    for arm, n in sorted(baseline["early"].items()):
        yield Reason("out_early", {"arm": arm, "n": n})
