import json
from pathlib import Path

import polars as pl
import pytest

from curation.harness.files import atomic
from curation.harness.memory import version_of
from curation.harness.params import Params
from curation.harness.stage import Stage

DVC = """
stages:
  split:
    cmd: python -m split
    deps: [data/here, data/dedup, playbook.yaml, data/seeds.json, data/raw]
    params: [split]
    outs: [data/there]
    metrics: [metrics/split.json: {cache: false}]
"""


class Sweep(Params):
    least: float


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text(DVC)
    Path("params.yaml").write_text("split: {least: 0.5}")
    Path("data/here").mkdir(parents=True)
    return tmp_path


def test_what_a_stage_writes_it_can_read_back():
    rows = pl.DataFrame({"n": [1, 2]})
    rows.write_parquet("data/here/rows.parquet")
    with Stage("split", Sweep) as stage:
        stage.write("there/rows", stage.read("here/rows"))
        stage.write_metrics({"rows": 2})
    assert pl.read_parquet("data/there/rows.parquet").equals(rows)
    assert json.loads(Path("metrics/split.json").read_text()) == {"rows": 2}


def test_a_stage_may_read_some_columns_only():
    pl.DataFrame({"n": [1, 2], "m": [3, 4]}).write_parquet("data/here/rows.parquet")
    with Stage("split", Sweep) as stage:
        assert stage.read("here/rows", ("m",)).to_dict(as_series=False) == {"m": [3, 4]}


def test_a_stage_marks_that_the_road_goes_on():
    with Stage("split", Sweep) as stage:
        stage.passed("there")
    assert Path("data/there/passed").read_bytes() == b"passed\n"


def test_reading_what_dvc_does_not_know_of_stops_the_stage():
    with (
        pytest.raises(SystemExit, match=r"data/secret/rows.parquet: list it under deps"),
        Stage("split", Sweep) as stage,
    ):
        stage.read("secret/rows")


def test_writing_what_dvc_does_not_know_of_stops_the_stage():
    with pytest.raises(SystemExit, match="list it under outs"), Stage("split", Sweep) as stage:
        stage.write("here/rows", pl.DataFrame({"n": [1]}))


def test_reading_params_dvc_does_not_know_of_stops_the_stage():
    with pytest.raises(SystemExit, match="list it under params"), Stage("split", Sweep) as stage:
        stage.section("route", Sweep)


def test_a_missing_input_names_the_command_that_makes_it():
    with pytest.raises(SystemExit, match="dvc repro split"), Stage("split", Sweep) as stage:
        stage.read("dedup/pairs")


@pytest.mark.parametrize(
    ("path", "cure"),
    [
        ("playbook.yaml", "git checkout -- playbook.yaml"),
        ("data/seeds.json", "git checkout -- data/seeds.json"),
        ("data/raw", "mkdir -p data/raw"),
    ],
)
def test_a_missing_input_that_people_write_is_not_told_to_come_from_a_run(path: str, cure: str):
    told = f"{path} is missing; no stage makes it.*{cure}"
    with pytest.raises(SystemExit, match=told) as error, Stage("split", Sweep) as stage:
        stage.input(path)
    assert "dvc repro" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("split: {least: much}", "split.least"),
        ("split: {leest: 1}", "split.leest"),
        ("splat: 1", "no stage reads splat"),
        ("split: 1", "split:"),
        ("- split", "split:"),
        ("split: [", "is no YAML"),
    ],
)
def test_mistyped_params_are_named(text: str, complaint: str):
    Path("params.yaml").write_text(text)
    with pytest.raises(SystemExit, match=complaint), Stage("split", Sweep):
        pass


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else():
    Path("data/there").mkdir()
    target = Path("data/there/rows.json")
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert [p.name for p in target.parent.iterdir()] == ["rows.json"]
    assert target.read_text() == "old"


def test_a_killed_writer_s_leftovers_go_with_the_next_write():
    Path("data/there").mkdir()
    Path("data/there/.rows.json.0123.partial").write_text("left by kill -9")
    with atomic(Path("data/there/rows.json")) as temporary:
        temporary.write_text("new")
    assert [p.name for p in Path("data/there").iterdir()] == ["rows.json"]


def test_a_folder_is_replaced_as_a_whole():
    old = Path("data/there/adapter")
    old.mkdir(parents=True)
    (old / "stale").touch()
    with atomic(old) as temporary:
        temporary.mkdir()
        (temporary / "fresh").touch()
    assert [p.name for p in old.iterdir()] == ["fresh"]


def test_what_was_remembered_comes_back_under_the_same_version_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("{}")
    table = pl.DataFrame({"a": [1, 2]})
    with Stage("score", Params) as stage:
        stage.memory.keep("check", version_of("score", 1), table)
        assert table.equals(stage.memory.recall("check", version_of("score", 1)))
        assert stage.memory.recall("check", version_of("score", 2)) is None
        assert stage.memory.recall("other", version_of("score", 1)) is None
        (tmp_path / "data/cache/score/check.parquet").write_bytes(b"PAR1 torn")
        assert stage.memory.recall("check", version_of("score", 1)) is None
        stage.memory.keep("check", version_of("score", 1), table)
        stage.memory.forget_but([])
        assert stage.memory.recall("check", version_of("score", 1)) is None
