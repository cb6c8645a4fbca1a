"""How long one more test conversation takes here: a time, so it lies in the cache and in no table."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from curation.harness.files import atomic
from curation.harness.memory import CACHE, remembered_json
from training.judge.generation import Reply

COST = CACHE / "evaluate" / "cost.json"  # read by `qirat results`
READ_FOR_ONE_WRITTEN = 18  # tokens; SmolLM2 on a CPU core reads 303 a second and writes 17


@dataclass
class Clock:
    """Runs while the adapter writes. Remembered replies take no time: what was written anew is the measure."""

    version: str  # of the memory of replies: code, libraries and weights
    place: Path = COST
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def stop(self) -> None:
        """All replies are written."""
        self.seconds = time.monotonic() - self.began

    def note(self, written: pl.DataFrame, anew: Sequence[Reply]) -> None:
        """Seconds that one conversation takes in all arms together, by the tokens that each reads and writes.

        `written`: PREDICTIONS of all arms; `anew`: of them the adapter's replies that no earlier run wrote. A few of
        them tell less of the rate than many in step, so the one of an earlier run stays where more stands behind it.
        Where nothing was ever measured with these weights, nothing is told.
        """
        known = self._known()
        effort = _effort((reply.tokens, reply.prompt_tokens) for reply in anew)
        if effort and effort >= known.get("effort", 0):
            known = {"version": self.version, "effort": effort, "rate": self.seconds / effort}
        if not known:
            self.place.unlink(missing_ok=True)
            return
        each = written.partition_by("arm")
        all_arms = sum(
            _effort(arm.select("tokens", "prompt_tokens").iter_rows()) / arm["conversation_id"].n_unique()
            for arm in each
        )
        with atomic(self.place) as temporary:
            temporary.write_text(json.dumps({**known, "seconds": known["rate"] * all_arms}), "utf-8")

    def _known(self) -> Mapping[str, Any]:
        """What an earlier run with the same weights measured; empty where there is none."""
        found = remembered_json(self.place)
        return found if found.get("version") == self.version else {}


def _effort(replies: Iterable[tuple[int, int]]) -> float:
    """Of replies as (tokens, prompt tokens), in tokens written."""
    return float(sum(tokens + prompt / READ_FOR_ONE_WRITTEN for tokens, prompt in replies))
