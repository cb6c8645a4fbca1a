"""How often this test set was looked at, and what that costs.

Whoever trains with five seeds and keeps the one that is promoted has tested five times, and 5% no longer means 5%. So
every look is written down in data/looks.jsonl, which belongs in git, and the looks share the error that one alone would
have (curation/core/statistics/sequential.py): the first has half, the second a sixth, the fifth a thirtieth. Whatever
the verdict rests on stands at what its look has left. New conversations in the test set, not another seed, buy the
error back.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
from pydantic import TypeAdapter

from curation.core.record.draw import lot
from curation.core.record.json_lines import read_lines, write_lines
from curation.core.statistics.sequential import shared
from curation.harness.errors import QiratError
from training.judge.reasons import Reason, Voice
from training.judge.scoring import Evaluate

LEDGER = Path("data/looks.jsonl")  # not an output of DVC: it outlives every run
HEADER = {"qirat": "looks", "version": 1}
# Of the test set: a sample that moves only as far as the set does (bottom-k sketch, Broder 1997).
MARKS = 16
HOW_IT_RUNS = {"batch", "bootstrap", "require_promotion"}  # settings that ask no other question


@dataclass(frozen=True)
class Look:
    """What was looked at, as hashes; the same again is no further look."""

    test: tuple[str, ...]
    adapter: str  # its weights; of a sweep, which trainings
    arms: str  # what the prompts wrote; of a sweep nothing
    params: str

    @classmethod
    def at(cls, test: pl.DataFrame, adapter: str, written: pl.DataFrame, params: Evaluate) -> "Look":
        """`test` is the whole split; `written` are the PREDICTIONS of the prompt arms."""
        said = written.select("arm", "conversation_id", "turn", "text").sort("arm", "conversation_id", "turn").rows()
        asked = params.model_dump(mode="json", exclude=HOW_IT_RUNS)
        return cls(_marks(test), adapter, _short(said), _short(asked))

    @classmethod
    def of_sweep(cls, test: pl.DataFrame, trainings: Collection[str], asked: Collection[str]) -> "Look":
        """At the losses of these trainings, by training_id, on the conversations `asked` of the whole split `test`."""
        return cls(_marks(test), _short(sorted(trainings)), "", _short(sorted(asked)))

    def at_the_same_test(self, other: "Look") -> bool:
        """Half of the marks in common: a set that grew a little was looked at before, a new one was not."""
        return 2 * len({*self.test} & {*other.test}) >= min(len(self.test), len(other.test))


def looked(look: Look) -> int:
    """How many different looks the test set has had with this one, which is written down unless it was before."""
    seen = read_looks()
    if look not in seen:
        seen.append(look)
        write_lines(LEDGER, HEADER, map(asdict, seen))
    return len({one for one in seen if one.at_the_same_test(look)})


def voice(number: int) -> Voice:
    """Says which look this is, and at which level its intervals stand."""
    return Voice(told=[Reason("looks", {"n": number, "level": 1 - shared(number)})])


def read_looks() -> list[Look]:
    """Every look in the order it was had, none where there is no file; a line that cannot be read is an error."""
    return list(read_lines(LEDGER, HEADER, TypeAdapter(Look).validate_python))


def _marks(test: pl.DataFrame) -> tuple[str, ...]:
    if test.is_empty():  # it would have all marks in common with any
        raise QiratError("data/splits/test.parquet holds no conversation to look at; run `dvc repro split`")
    return tuple(mark[:12] for mark in sorted(lot(key) for key in test["conversation_id"])[:MARKS])


def _short(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
