"""A newcomer adds a format: one file and nothing else."""

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from curation.ingest.formats import formats
from tests.builders import ROOT

FORMAT = '''"""Threads of a made-up forum: `thread` with posts, each by `asker` or `helper`.

Keeps: the topic as the label.
"""

from collections.abc import Iterator

from curation.ingest.formats import Outcome, Reading, each_row, format_of, lacks
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents
from curation.ingest.turns import chat_messages


@format_of("forum", lambda contents: lacks(contents, "thread"))
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row."""
    sides = {"asker": "user", "helper": "assistant", **reading.roles}
    return each_row(contents.rows, lambda row: (chat_messages(row["thread"], sides), provenance([row], {"thread"})))
'''
THREAD = (
    '{"thread": [{"from": "asker", "text": "Where is it?"}, {"from": "helper", "text": "Here."}], "topic": "order"}'
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A copy of the code with one more file, and a raw file of the new format."""
    for name in ("curation", "training", "qirat", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
    shutil.copy(ROOT / "benchmarks/results.py", tmp_path / "benchmarks")
    for name in ("dvc.yaml", "params.yaml", "docs/formats.md", "data/forget.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for folder in ("raw", "evaluation"):
        (tmp_path / "data" / folder).mkdir()
        (tmp_path / "data" / folder / "threads.jsonl").write_text(THREAD + "\n")
    (tmp_path / "curation/ingest/formats/forum.py").write_text(FORMAT)
    return tmp_path


def run(home: Path, *command: str) -> str:
    """What a command of the copy says."""
    environment = {**os.environ, "PYTHONPATH": str(home)}
    done = subprocess.run([sys.executable, *command], cwd=home, env=environment, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout


def test_one_new_file_is_read_explained_and_documented(home: Path):
    run(home, "-m", "curation.ingest")
    for table in ("conversations", "evaluation"):
        (row,) = pl.read_parquet(home / f"data/ingested/{table}.parquet").iter_rows(named=True)
        assert (row["row_id"], row["source"], row["label"]) == ("threads.jsonl:1", "forum", "order")
        assert [m["content"] for m in row["messages"]] == ["Where is it?", "Here."]
    said = run(home, "-c", "from qirat.cli import app; app()", "ingest", "--explain")
    assert "threads.jsonl: forum (JSON lines, utf-8), 1 raw row\n  user: Where is it?" in said
    assert "data/evaluation/threads.jsonl: forum" in said
    run(home, "-m", "benchmarks.document", "formats.md")
    page = (home / "docs/formats.md").read_text("utf-8")
    what = "Threads of a made-up forum: `thread` with posts, each by `asker` or `helper`."
    assert f"| `forum` | {what} | the topic as the label. |  |" in page
    assert page.count("\n| `") == (ROOT / "docs/formats.md").read_text("utf-8").count("\n| `") + 1


def test_every_format_says_what_it_keeps() -> None:
    told = {name: inspect.getdoc(inspect.getmodule(form.read)) or "" for name, form in formats().items()}
    assert [name for name, said in told.items() if "\n\nKeeps: " not in said] == []
