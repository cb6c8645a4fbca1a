"""What a set is like, as counts that fit on a line of data/versions.jsonl, and in what two of them differ.

The file is kept in git, a line for each version that `qirat publish` gave away:

    {"qirat": "versions", "version": 1}
    {"set": "3f0c…", "sizes": {"code": 900, …}, "counts": {"code": {"refusal": 4}, "language": {"ar": 80}, …}}
"""

import hashlib
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from statistics import NormalDist

import polars as pl

from curation.core.record.json_lines import read_lines, write_lines
from curation.core.statistics.intervals import LEVEL, share
from curation.harness.params import Params
from curation.privacy import masked

PATH = Path("data/versions.jsonl")
HEADER = {"qirat": "versions", "version": 1}
FEW = 30  # rows on a side, as in curation/core/statistics: of fewer nothing is told
RARE = 10  # rows of both sides together, below which a value is not compared
LONG = 60  # words of a reply
EMOJI = "[\\x{1F300}-\\x{1FAFF}\\x{2600}-\\x{27BF}]"


class Profile(Params):
    """How many rows have each value: language, label, source and style of used rows, outcome and code of all."""

    set: str  # of which curated conversations, as a hash of their ids
    sizes: dict[str, int]
    counts: dict[str, dict[str, int]]


class Shift(Params):
    """A share before and now, and an interval of the difference that holds for all that were compared together."""

    kind: str
    value: str
    before: float
    now: float
    low: float
    high: float

    @property
    def beyond_chance(self) -> bool:
        return self.low > 0 or self.high < 0


def profile(rows: pl.DataFrame, countries: Sequence[str]) -> Profile:
    """Of Results.with_reply()."""
    used = rows.filter("used")
    counts = {name: _counts(used[name], countries) for name in ("language", "label", "source")}
    counts["style"] = _styles(used)
    counts["outcome"] = _counts(rows["outcome"], ())
    carried = rows.select("row_id", code=pl.concat_list(pl.col("code"), pl.col("contributing").fill_null([])))
    counts["code"] = _counts(carried.explode("code").drop_nulls().unique()["code"], ())
    sizes = {name: rows.height if name in ("outcome", "code") else used.height for name in counts}
    ids = "\n".join(used["conversation_id"].drop_nulls().unique().sort())
    return Profile(set=hashlib.sha256(ids.encode()).hexdigest()[:12], sizes=sizes, counts=counts)


def shifts(before: Profile, now: Profile) -> list[Shift]:
    """Every share that both sides have rows enough for, the largest difference first; by Newcombe's method (1998).

    Bonferroni's level: that any of the intervals misses its difference is as likely as it is for one alone.
    """
    compared = [
        (kind, value)
        for kind, values in sorted(now.counts.items())
        if min(before.sizes.get(kind, 0), now.sizes[kind]) >= FEW
        for value in sorted({*values, *before.counts[kind]})
        if values.get(value, 0) + before.counts[kind].get(value, 0) >= RARE
    ]
    reach = NormalDist().inv_cdf(1 - (1 - LEVEL) / (2 * max(len(compared), 1)))
    found = [_shift(kind, value, before, now, reach) for kind, value in compared]
    return sorted(found, key=lambda one: (-abs(one.now - one.before), one.kind, one.value))


def read_versions(path: Path = PATH) -> list[Profile]:
    """The versions that were published, in their order."""
    return list(read_lines(path, HEADER, Profile.model_validate, attrgetter("set")))


def remember(now: Profile, path: Path = PATH) -> None:
    """Puts a version at the end; one that went out before moves there."""
    others = [one for one in read_versions(path) if one.set != now.set]
    write_lines(path, HEADER, (one.model_dump(mode="json") for one in [*others, now]))


def _shift(kind: str, value: str, before: Profile, now: Profile, reach: float) -> Shift:
    old, new = (share(one.counts[kind].get(value, 0), one.sizes[kind], z=reach) for one in (before, now))
    difference = new.value - old.value
    low = difference - ((new.value - new.low) ** 2 + (old.high - old.value) ** 2) ** 0.5
    high = difference + ((new.high - new.value) ** 2 + (old.value - old.low) ** 2) ** 0.5
    return Shift(kind=kind, value=value, before=old.value, now=new.value, low=low, high=high)


def _counts(values: pl.Series, countries: Sequence[str]) -> dict[str, int]:
    """How often each stands there; what names a person is not told."""
    found = values.drop_nulls().value_counts(name="n").sort(values.name)
    return {value: n for value, n in found.iter_rows() if not countries or masked(value, countries) == value}


def _styles(used: pl.DataFrame) -> dict[str, int]:
    """In how many conversations the last reply is of a style."""
    said = pl.col("reply").fill_null("")
    styles = {
        "emoji": said.str.contains(EMOJI),
        "exclamation": said.str.contains("!"),
        "list": said.str.contains(r"(?m)^\s*(?:[-*•]|\d+[.)])\s"),
        "long": said.str.count_matches(r"\S+") > LONG,
        "question": said.str.contains(r"[?؟]\s*$"),
    }
    return used.select(test.sum().alias(name) for name, test in styles.items()).row(0, named=True)
