"""The last words of `make repro`."""

import json
from pathlib import Path

import polars as pl
import pytest

from curation.commands.results import results
from curation.core.record.ledger import OUTCOMES, PARTS
from curation.harness.errors import QiratError
from training.evaluate.clock import COST, Clock
from training.judge.generation import Reply
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


def test_more_conversations_than_the_test_has_are_not_asked_for_without_a_word(undecided: Path) -> None:
    found = json.loads(undecided.read_text("utf-8"))
    for left, told in ((119, "the test has 119 more: give it others"), (120, ""), (None, "")):
        undecided.write_text(json.dumps({**found, "left": left}), "utf-8")
        assert told in results()
        assert ("split.test" in results()) == bool(told)


def replies(n: int, tokens: int = 10) -> list[Reply]:
    return [Reply("x", 180, tokens, True)] * n


def noted(seconds: float, anew: list[Reply], version: str = "v", tokens: int = 10) -> float | None:
    """What one more conversation takes, after a run that wrote these replies anew in so many seconds."""
    rows = [(arm, key, 1, 180, "x", tokens, True) for arm in ("base", "prompted", "adapter") for key in "abcd"]
    clock = Clock(version, began=0.0, seconds=seconds)
    clock.note(pl.DataFrame(rows, schema=PREDICTIONS, orient="row"), anew)
    return json.loads(COST.read_text("utf-8"))["seconds"] if COST.exists() else None


def test_the_minutes_are_those_of_all_arms_as_the_adapters_replies_took(undecided: Path) -> None:
    assert noted(40.0, replies(4)) == pytest.approx(30)
    assert "about 60 minutes here" in results()


def test_minutes_are_right_on_every_run_whatever_of_it_was_remembered(undecided: Path) -> None:
    assert noted(40.0, replies(4)) == pytest.approx(30)
    assert noted(0.01, []) == pytest.approx(30)  # remembered replies took no time, and measure none
    assert noted(0.01, [], tokens=30) == pytest.approx(60)  # replies of twice the work take twice the time
    assert noted(25.0, replies(1)) == pytest.approx(30)  # one alone is written more slowly than many in step
    assert noted(20.0, replies(4), "another adapter") == pytest.approx(15)  # trained anew, all of them written anew
    assert noted(10.0, replies(2), "a third") == pytest.approx(15)  # half of them by a run that was killed
    assert noted(0.01, [], "never measured") is None
    assert "minutes" not in results()


def test_a_decided_verdict_names_no_further_conversations(undecided: Path) -> None:
    found = json.loads(undecided.read_text("utf-8")) | {"verdict": "do not promote"}
    undecided.write_text(json.dumps(found), "utf-8")
    assert "next " not in results()


def test_outside_a_project_and_before_a_run_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QiratError, match=r"is no project: .* run this from the folder that does"):
        results()
    (tmp_path / "params.yaml").write_text("", "utf-8")
    with pytest.raises(QiratError, match="nothing has run here yet; `dvc repro`"):
        results()


def test_what_to_do_next_follows_from_what_there_is(undecided: Path) -> None:
    found = json.loads(undecided.read_text("utf-8")) | {"verdict": "promote"}
    undecided.write_text(json.dumps(found), "utf-8")
    assert [line for line in results().splitlines() if line.startswith("next")] == [
        "next      qirat export merged out/model: the adapter as servers load it"
    ]
    Path("metrics").mkdir()
    Path("metrics/route.json").write_text('{"review": 1200}', "utf-8")
    closed = dict.fromkeys((*OUTCOMES, *PARTS), 0)
    for held, told in ((1500, "1,200"), (70, "70"), (0, "no")):  # the others are decided
        Path("metrics/curate.json").write_text(json.dumps({"raw": 9, **closed, "held": held}), "utf-8")
        assert (f"people look at {told} doubtful rows" in results()) == bool(held)
    Path("metrics/curate.json").write_text(json.dumps({"raw": 9, **closed, "held": 1500}), "utf-8")
    for name in ("ledger.parquet", "gate/passed"):
        (Path("data") / name).parent.mkdir(exist_ok=True)
        (Path("data") / name).touch()
    said = results()
    assert "people look at 1,200 doubtful rows" in said
    assert all(
        f"next      qirat {command}" in said for command in ("review push", "why --dropped", "export", "publish")
    )
