"""The last words of `make repro`."""

import json
from pathlib import Path

import polars as pl
import pytest

from curation.commands.results import results
from training.evaluate.clock import COST, Clock
from training.judge.reasons import Reason, as_codes
from training.judge.scoring import PREDICTIONS

FEW = Reason("too_few", {"n": 4, "metric": "playbook", "least": 30})
OPEN = Reason("too_little", {"measured": "playbook 4/124"})


@pytest.fixture
def undecided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    found = {"verdict": "undecided", **as_codes([FEW, OPEN]), "further": as_codes([FEW] * 3), "more": 120}
    path = tmp_path / "data/evaluated/verdict.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(found), "utf-8")
    return path


def test_an_undecided_verdict_ends_with_how_much_more_it_takes(undecided: Path) -> None:
    *_, first, second, besides, further = results().splitlines()
    assert first.startswith("verdict   undecided: only 4 conversations stand behind playbook")
    assert "playbook 4/124" in second
    assert "and 3 more reasons in data/evaluated/verdict.json" in besides
    assert further == "next      120 more test conversations would decide it in four cases of five"


def test_the_minutes_are_those_of_all_arms_as_the_adapters_replies_took(undecided: Path) -> None:
    rows = [(arm, "a", 1, 180, "x", 10, True) for arm in ("base", "prompted", "adapter")]
    written = pl.DataFrame(rows, schema=PREDICTIONS, orient="row")
    clock = Clock(fresh=True, began=0.0, seconds=10.0)
    clock.note(written)
    assert json.loads(COST.read_text("utf-8"))["seconds"] == pytest.approx(30)
    assert "about 60 minutes here" in results()
    Clock(fresh=False, seconds=0.01).note(written)  # remembered replies took no time, and measure none
    assert "about 60 minutes here" in results()


def test_a_decided_verdict_names_no_further_conversations(undecided: Path) -> None:
    found = json.loads(undecided.read_text("utf-8")) | {"verdict": "do not promote"}
    undecided.write_text(json.dumps(found), "utf-8")
    assert "next " not in results()
