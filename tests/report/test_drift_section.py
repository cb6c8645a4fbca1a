"""What changed: the last month against those before, the set against the one published last, with intervals."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.report.blocks import Note, Table
from curation.report.drift_section import drift
from curation.report.examples import Picking
from curation.report.profile import Profile, profile, read_versions, remember, shifts
from curation.report.results import Results
from curation.report.words import languages
from tests.report.example import figure, finished

DONE = finished(rows=400)
PICKING = Picking(seed=1, examples=1, reasons=4, pairs=1, turns=4, characters=200, countries=("SA",))
LAST, BEFORE = datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)


def of(**counts: int) -> Profile:
    return Profile(set="a", sizes={"language": sum(counts.values())}, counts={"language": counts})


def dated(last: pl.Expr) -> Results:
    """The example, its rows of the last month where `last` says so."""
    read = DONE["ingested/conversations"]
    at = pl.when(last).then(pl.lit(LAST)).otherwise(pl.lit(BEFORE)).cast(read.schema["created_at"])
    return replace(DONE, tables={**DONE.tables, "ingested/conversations": read.with_columns(created_at=at)})


def test_a_month_in_another_language_is_told_and_a_month_like_the_others_is_not() -> None:
    for words in (DONE.worded(words) for words in languages()):
        note, moved, *_ = drift(dated(pl.col("language") == "ar"), words, PICKING)
        assert isinstance(note, Note)
        assert (note.kind, words.name_of("languages", "ar") in note.text) == ("warning", True)
        assert isinstance(moved, Table)
        [arabic] = [row for row in moved.rows if row[1] == words.name_of("languages", "ar")]
        assert "qirat why --used --language ar --month 2026-02" in arabic[3]
        note, *_ = drift(dated(pl.col("source_row") % 2 == 0), words, PICKING)
        assert isinstance(note, Note)
        assert note.kind == "good"


@given(st.integers(30, 3000), st.integers(30, 3000), st.data())
def test_a_difference_lies_within_its_interval_and_swapped_sides_turn_it_round(a: int, b: int, data: st.DataObject):
    ar, now_ar = data.draw(st.integers(0, a)), data.draw(st.integers(0, b))
    before, now = of(ar=ar, en=a - ar), of(ar=now_ar, en=b - now_ar)
    for one in shifts(before, now):
        assert one.low - 1e-9 <= one.now - one.before <= one.high + 1e-9
        [back] = [other for other in shifts(now, before) if other.value == one.value]
        assert (back.low, back.high) == pytest.approx((-one.high, -one.low))
        assert one.beyond_chance == back.beyond_chance


def test_more_looks_take_a_larger_difference() -> None:
    few = [one for one in shifts(of(ar=40, en=60), of(ar=57, en=43)) if one.value == "ar"]
    split = {f"l{n}": 10 for n in range(6)}
    many = [one for one in shifts(of(ar=40, **split), of(ar=57, **split, en=0)) if one.value == "ar"]
    assert few[0].beyond_chance
    assert few[0].high - few[0].low < many[0].high - many[0].low


def test_the_set_is_held_against_the_last_version_that_is_another(tmp_path: Path) -> None:
    words, path = DONE.worded(languages()[0]), tmp_path / "versions.jsonl"
    now = profile(DONE.with_reply(), PICKING.countries)
    assert not any("mail" in value for values in now.counts.values() for value in values)
    used = DONE.with_reply().filter("used").height
    assert sum(now.counts["language"].values()) == used == now.sizes["style"]
    old = now.model_copy(update={"set": "0" * 12, "counts": {**now.counts, "language": {"fr": used}}})
    for version in (old, now, old, now):
        remember(version, path)
    assert [one.set for one in read_versions(path)] == [old.set, now.set]
    told = drift(replace(DONE, versions=read_versions(path)), words, PICKING)
    assert isinstance(told[1], Note)
    assert told[1].text.startswith("Since the version \u2066000000000000\u2069")
    assert isinstance(told[2], Table)
    assert {row[0] for row in told[2].rows} == {"Language"}
    alone = drift(replace(DONE, versions=[now]), words, PICKING)
    assert [type(block) for block in alone] == [Note, Note]
    assert figure(told[2].rows[0][2].removesuffix("%")) == 100  # all French
