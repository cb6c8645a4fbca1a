"""One decision for many rows, and only when somebody says so."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from curation.checks.check import FINDINGS
from curation.commands.calibrate import calibrate
from curation.consensus.consensus import Review
from curation.curate.fates import CURATED, decided
from curation.decisions.decisions import PATH, Decision, read_decisions, write_decisions
from curation.harness.errors import QiratError
from curation.harness.files import table_path
from curation.privacy.shown import Shown
from curation.review.commands import app
from curation.review.pull import received
from curation.review.similar import LikeWhat, apply, decisions_in_force, undo
from tests.builders import ROOT, talk
from tests.review.project import project

ROWS: list[dict[str, Any]] = [
    {"messages": talk("where is my order today", "we are looking into it now")},
    {"messages": talk("where is my order today please", "we are looking into it now")},
    {"messages": talk("where is my order today?", "we are looking into it now!")},
    {"messages": talk("where is my order today", "we are looking into it now!!"), "language": "ar"},
    {"messages": talk("where is my order today", "we are looking into it now."), "codes": ["spam"]},
    {"messages": talk("where is my order today", "we are looking into it, now"), "codes": ["outlier", "spam"]},
    {"messages": talk("I want my money back", "no")},
    {"messages": talk("where is my order today", "we are looking, into it now"), "reason": "blind_accepted"},
]
SHOWN = Shown(("SA",))


def decision(key: str, choice: Any = "drop", **more: Any) -> Decision:
    return Decision(
        conversation_id=key, decision=choice, annotators=("sara",), decided_at="2026-01-05T10:00:00", **more
    )


@pytest.fixture
def ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    found = project(tmp_path, ROWS)
    write_decisions([decision(found[0], reasons=("not_useful",))])
    return found


def others() -> dict[str, Decision]:
    return {d.conversation_id: d for d in read_decisions() if d.applied_from}


def test_nothing_is_written_without_yes(ids: list[str]) -> None:
    before = PATH.read_bytes()
    told = apply(ids[0], LikeWhat(min_similarity=0.8), SHOWN, write=False)
    assert "2 undecided are like it" in told and "Nothing was written" in told and "{+please+}" in told
    assert PATH.read_bytes() == before


def test_rows_with_the_same_doubts_language_and_words_get_the_decision(ids: list[str]) -> None:
    apply(ids[0][:8], LikeWhat(min_similarity=0.8), SHOWN, write=True)
    assert set(others()) == {ids[1], ids[2]}
    found = others()[ids[1]]
    assert (found.decision, found.reasons, found.annotators) == ("drop", ("not_useful",), ("sara",))
    assert (found.applied_from, found.similarity, found.agreement) == (ids[0], 0.8333, None)


def test_rows_that_share_one_doubt_are_taken_when_it_is_named(ids: list[str]) -> None:
    apply(ids[0], LikeWhat("outlier", 0.99), SHOWN, write=True)
    assert set(others()) == {ids[2], ids[5]}
    with pytest.raises(QiratError, match="has no doubt 'spam'; it has outlier"):
        apply(ids[0], LikeWhat("spam"), SHOWN, write=True)


def test_vectors_decide_where_there_are_any_and_both_sides_must_be_alike(ids: list[str], tmp_path: Path) -> None:
    sides = [([1, 0], [1, 0]), ([0.6, 0.8], [1, 0]), ([1, 0], [1, 0]), *[([1, 0], [0, 0])] * 5]
    vectors = pl.DataFrame(
        {"conversation_id": ids, "vector": [a for a, _ in sides], "reply": [b for _, b in sides]},
        schema={"conversation_id": pl.String, "vector": pl.Array(pl.Float32, 2), "reply": pl.Array(pl.Float32, 2)},
    )
    project(tmp_path, ROWS, vectors)
    apply(ids[0], LikeWhat(min_similarity=0.5), SHOWN, write=True)
    assert {key: d.similarity for key, d in others().items()} == {ids[1]: 0.6, ids[2]: 1.0}


def test_undo_takes_back_what_was_applied_and_nothing_else(ids: list[str]) -> None:
    before = PATH.read_bytes()
    apply(ids[0], LikeWhat(min_similarity=0.8), SHOWN, write=True)
    assert undo(ids[0]).startswith("2 decisions")
    assert PATH.read_bytes() == before
    with pytest.raises(QiratError, match="no decisions applied elsewhere are called"):
        undo(ids[0])


def test_what_people_decided_is_never_overruled(ids: list[str]) -> None:
    write_decisions([decision(ids[0]), decision(ids[1], "keep")])
    apply(ids[0], LikeWhat(min_similarity=0.8), SHOWN, write=True)
    assert set(others()) == {ids[2]}
    assert next(d for d in read_decisions() if d.conversation_id == ids[1]).decision == "keep"


def test_an_edit_an_applied_and_an_unknown_decision_are_refused(ids: list[str]) -> None:
    edit = decision(ids[1], "edit", label="x")
    write_decisions([edit, decision(ids[0]), decision(ids[2], applied_from=ids[0], similarity=1.0)])
    for key, told in ((ids[1], "fits one conversation only"), (ids[2], f"apply|{ids[0]}"), ("0" * 32, "no decisions")):
        with pytest.raises(QiratError, match=told):
            apply(key, LikeWhat(), SHOWN, write=True)


def test_an_applied_decision_falls_with_the_one_it_came_from(ids: list[str]) -> None:
    source, copy = decision(ids[0]), decision(ids[1], applied_from=ids[0], similarity=0.97)
    assert decisions_in_force([source, copy]) == [source, copy]
    assert decisions_in_force([copy]) == []
    changed = decision(ids[0], "keep")
    assert decisions_in_force([changed, copy]) == [changed]
    write_decisions([copy])
    received([], Review(), None)
    assert not read_decisions()


def test_personal_data_is_not_shown(ids: list[str], tmp_path: Path) -> None:
    rows = [{"messages": talk(f"write to {name}@example.com today", "we will write to you")} for name in ("a", "b")]
    keys = project(tmp_path, rows)
    write_decisions([decision(keys[0])])
    told = apply(keys[0], LikeWhat(min_similarity=0.5), SHOWN, write=False)
    assert "1 undecided" in told and "example.com" not in told


def test_the_ledger_says_who_decided_what_was_applied() -> None:
    key, source = "b" * 32, "a" * 32
    verdicts = pl.DataFrame(
        [{"conversation_id": key, "verdict": "review", "code": "outlier", "value": 1.0, "threshold": 1.0, "codes": []}]
    )
    applied = decision(key, applied_from=source, similarity=0.97)
    none = pl.DataFrame(schema=CURATED), pl.DataFrame(schema=FINDINGS)
    [fate] = decided(verdicts, {key: applied}, *none).to_dicts()
    assert fate["evidence"] == f"decided by sara on {source}, applied to this row (similarity 0.97)"
    assert (fate["outcome"], fate["code"]) == ("dropped", "human_drop")


def test_applied_decisions_do_not_count_for_the_precision_of_a_check(ids: list[str], tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    columns = {name: pl.lit(None, dtype) for name, dtype in FINDINGS.items() if name not in ("code", "value")}
    path = table_path("scored/findings")
    found = pl.read_parquet(path).with_columns(**columns | {"conversation_id": pl.col("conversation_id")})
    found.select(FINDINGS.names()).write_parquet(path)
    clusters = pl.DataFrame({"survivor": [True] * len(ids)})
    table_path("dedup/clusters").parent.mkdir()
    clusters.write_parquet(table_path("dedup/clusters"))
    apply(ids[0], LikeWhat(min_similarity=0.8), SHOWN, write=True)
    assert calibrate(0.3)["decisions"] == 1


def test_the_command_shows_writes_and_takes_back(ids: list[str], tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    said = [
        CliRunner().invoke(app, ["apply", ids[0], "--min-similarity", "0.8", *more])
        for more in ([], ["--yes"], ["--undo"])
    ]
    assert [result.exit_code for result in said] == [0, 0, 0]
    assert "Nothing was written" in said[0].output and "2 decisions written" in said[1].output
    assert said[2].output.startswith("2 decisions applied from") and not others()
    refused = CliRunner().invoke(app, ["apply", "0" * 32])
    assert refused.exit_code == 1 and "no decisions are called" in str(refused.exception or refused.output)
