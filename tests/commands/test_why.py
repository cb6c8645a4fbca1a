"""The story of a row, out of tables as the stages leave them."""

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from curation.checks.check import FINDINGS
from curation.commands.why import Where, listed, why
from curation.core.record.ledger import FINDING, SCHEMA
from curation.curate.fates import CURATED
from curation.dedup.survivors import CLUSTERS
from curation.harness.errors import QiratError
from curation.privacy.shown import Shown
from qirat.cli import app
from tests.builders import ROOT, record, save_codes, talk

MAIL = "sara.k@example.com"
ROWS = record(
    talk(f"Where is order 11? Mail me at {MAIL}", "It left on Monday."),
    talk("Where is order 12?", "It left on Monday."),
    talk("Where is order 13?", "It left on Monday."),
)
IDS = ROWS["conversation_id"].to_list()
SHOWN = Shown(("SA",))


@pytest.fixture(autouse=True)
def curated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 1 was accepted and masked, 2 dropped, 3 is a copy of 2, 4 could not be read, 5 is forgotten."""
    monkeypatch.chdir(tmp_path)
    told = [
        (1, "route", "accepted", None, None, None),
        (1, "curate", FINDING, "masked", 1.0, "1 email"),
        (2, "route", "dropped", "repetition", None, None, "outlier"),
        (2, "score", FINDING, "repetition", 0.9, f"turn 2: {MAIL} {MAIL}"),
        (3, "dedup", "duplicate", "near", 0.9, "copy of file:2"),
        (4, "ingest", "quarantined", "unreadable", None, f"no JSON: {MAIL}"),
        (5, "ingest", "dropped", "forgotten", None, "forgotten on request"),
    ]
    events = [
        {
            "row_id": f"file:{n}",
            "conversation_id": IDS[n - 1] if n < 4 else None,
            "stage": stage,
            "outcome": outcome,
            "code": code,
            "value": value,
            "evidence": evidence,
            "contributing": also,
        }
        for n, stage, outcome, code, value, evidence, *also in told
    ]
    save("ledger", pl.DataFrame(events, schema=SCHEMA))
    save("routed/verdicts", pl.DataFrame({"conversation_id": IDS[:2]}))
    save_codes(tmp_path)
    shutil.copy(Path(__file__).parents[2] / "params.yaml", tmp_path)
    save("ingested/conversations", ROWS)
    save("ingested/quarantine", pl.DataFrame({"row_id": ["file:4", "file:5"], "raw": [f"{{ {MAIL}", None]}))
    findings = [
        {"conversation_id": IDS[1], "code": "repetition", "value": 0.9},
        {"conversation_id": IDS[1], "code": "reply_words", "value": 40.0},
    ]
    save("scored/findings", pl.DataFrame(findings, schema=FINDINGS))
    pair = {"row_id": "file:3", "conversation_id": IDS[2], "duplicate_of": "file:2", "survivor": False}
    save("dedup/clusters", pl.DataFrame([pair], schema=CLUSTERS))
    masked = ROWS[:1].with_columns(
        conversation_id=pl.lit("a" * 32), parent_id=pl.col("conversation_id"), origin=pl.lit("accepted")
    )
    save("curated/conversations", masked.select(CURATED.names()))


def save(name: str, table: pl.DataFrame) -> None:
    path = Path("data") / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path)


@pytest.mark.parametrize("row", ["file:1", IDS[0], IDS[0][:8], "a" * 32, "a" * 8])
def test_a_row_is_found_by_each_of_its_names(row: str):
    assert why(row, SHOWN).startswith("file:1: accepted")


def test_a_masked_row_says_what_was_masked_and_under_which_id_it_trains():
    said = why("file:1", SHOWN)
    assert "curate put tags for 1 email" in said
    assert f"in other words, as {'a' * 32}" in said


@pytest.mark.parametrize("row", ["file:1", "file:2", "file:4"])
def test_personal_data_is_shown_only_when_asked_for(row: str):
    assert MAIL not in why(row, SHOWN)
    assert MAIL in why(row, Shown(("SA",), personal_data=True))


def test_a_row_without_words_says_why_it_has_none():
    assert "(none: it could not be read)" in why("file:4", SHOWN)
    assert "(none: its words are forgotten)" in why("file:5", SHOWN)


@pytest.mark.parametrize(
    ("outcome", "code", "meant"),
    [("droped", None, "dropped"), (None, "repetitoin", "repetition"), (None, "unreadble", "unreadable")],
)
def test_a_mistyped_outcome_or_code_is_told_with_what_it_may_be(outcome: str | None, code: str | None, meant: str):
    with pytest.raises(QiratError, match=rf"did you mean .*\b{meant}\b.*\?"):
        listed(outcome, code, 10, SHOWN)


def test_a_code_that_no_row_has_is_no_mistake():
    assert listed(None, "semantic_copy", 10, SHOWN).startswith("0 of 0 rows")


def test_lists_show_no_personal_data_either():
    said = listed("quarantined", None, 10, SHOWN)
    assert "file:4: quarantined for unreadable" in said
    assert MAIL not in said


def test_a_turn_that_only_calls_a_tool_shows_the_call_without_personal_data():
    call = [{"function": {"name": "find_order", "arguments": {"mail": MAIL, "colour": "blue"}}}]
    messages = talk("Where is my lamp?", "", "Well?", "It left on Monday.")
    messages[1]["tool_calls"] = json.dumps(call)
    save("ingested/conversations", record(messages))
    said = why("file:1", SHOWN)
    assert re.search(r"2 assistant: .*blue.*find_order", said)
    assert MAIL not in said


def test_a_copy_is_shown_beside_the_row_that_stands_for_it():
    said = why("file:3", SHOWN)
    assert "file:2 stands for it" in said
    assert "[-13-]{+12+}" in said


def test_what_decides_nothing_is_told_when_asked_for():
    assert "reply_words" not in why("file:2", SHOWN)
    said = why("file:2", Shown(("SA",), every=True))
    assert "reply_words (value 40, limit 5) (decides nothing)" in said
    assert said.count("repetition (value 0.9)") == 1


def test_rows_are_listed_by_outcome_and_code():
    assert listed("dropped", "repetition", 10, SHOWN).startswith(
        "file:2: dropped for repetition and also for outlier\n1 of 1 rows"
    )
    assert "1 of 1 rows" in listed("dropped", "outlier", 10, SHOWN), "it spoke against the row beside the cause"
    assert "0 of 0 rows" in listed("dropped", "spam", 10, SHOWN)
    assert listed(None, None, 2, SHOWN).endswith("2 of 5 rows; `qirat why ROW` tells the whole story")


def test_a_row_that_is_not_there_is_told_how_rows_are_named():
    with pytest.raises(QiratError, match="no rows are called 'nothing'; give a row_id"):
        why("nothing", SHOWN)


def test_a_list_is_narrowed_by_where_rows_come_from():
    said = {
        name: listed(None, None, 10, SHOWN, Where(**{name: value})).splitlines()[-1].partition(" of ")[2].split()[0]
        for name, value in {"file": "file", "language": "en", "label": "none", "month": "none", "turns": "2"}.items()
    }
    assert said == {"file": "5", "language": "3", "label": "3", "month": "3", "turns": "3"}
    assert listed("used", None, 10, SHOWN, Where(turns="2-4", language="en")).startswith("file:1: accepted")
    assert listed(None, None, 10, SHOWN, Where(turns="3+")).startswith("0 of 0")
    with pytest.raises(QiratError, match="expected a number of turns"):
        listed(None, None, 10, SHOWN, Where(turns="many"))


STEERING = "\x1b]0;all is well\x07\x1b[2J\r\x9b31m\x7f\u202e\u2028"


def test_what_is_shown_of_a_row_cannot_steer_the_terminal() -> None:
    save("ingested/quarantine", pl.DataFrame({"row_id": ["file:4"], "raw": [f"{{ {STEERING}"]}))
    told = CliRunner().invoke(app, ["why", "file:4"])
    assert told.exit_code == 0, told.output
    assert "{ \\u001b]0;all is well\\u0007" in told.output
    assert not set(STEERING) & set(told.output) - set("[]0;alis weJ31m2")


def test_every_command_speaks_through_what_cannot_steer_the_terminal() -> None:
    allowed = {"curation/harness/terminal.py": 1, "qirat/cli.py": 1}  # the way itself; a preview in colours of its own
    found = {
        path.relative_to(ROOT).as_posix(): text.count("typer.echo(")
        for room in ("curation", "training", "qirat")
        for path in (ROOT / room).rglob("*.py")
        if "typer.echo(" in (text := path.read_text("utf-8"))
    }
    assert found == allowed
