"""How long one more test conversation takes here: a time, so it lies in the cache and in no table."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from curation.harness.files import atomic
from curation.harness.memory import CACHE
from training.judge.arms import ADAPTER

COST = CACHE / "evaluate" / "cost.json"  # read by `qirat results`
READ_FOR_ONE_WRITTEN = 18  # tokens; SmolLM2 on a CPU core reads 303 a second and writes 17


@dataclass
class Clock:
    """Runs while the adapter writes; where replies were `fresh`, and none remembered, its time is a measure."""

    fresh: bool
    place: Path = COST
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def stop(self) -> None:
        """All replies are written."""
        self.seconds = time.monotonic() - self.began

    def note(self, written: pl.DataFrame) -> None:
        """Seconds that one conversation takes in all arms together, by the tokens that each reads and writes."""
        if not self.fresh or written.filter(arm=ADAPTER).is_empty():
            return
        work = written.group_by("arm").agg(
            effort=(pl.col("tokens") + pl.col("prompt_tokens") / READ_FOR_ONE_WRITTEN).sum(),
            conversations=pl.col("conversation_id").n_unique(),
        )
        own = float(work.filter(arm=ADAPTER)["effort"].item())
        all_arms = float((work["effort"] / work["conversations"]).sum())
        with atomic(self.place) as temporary:
            temporary.write_text(json.dumps({"seconds": self.seconds * all_arms / max(own, 1e-9)}), "utf-8")
