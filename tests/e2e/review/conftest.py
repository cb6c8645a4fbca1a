"""A scratch project under review, with the real Argilla server: what tests of people and of the server share."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from curation.core.record.conversation import conversations, message
from curation.decisions.decisions import write_decisions
from curation.review.commands import app
from curation.review.embedded import process
from tests.builders import save
from tests.review.queue_tables import write_tables

REPOSITORY = Path(__file__).parents[3]

ENGLISH = [
    message("user", "My blender arrived broken, order ZH-1042.\nCan you help? Call +966 55 123 4567"),
    message("assistant", "I am sorry. Call +966 11 123 4567: returning it costs $49.90."),
    message("user", "Why should I pay?"),
    message("assistant", "You need not. Is there anything else?"),
]
ARABIC = [
    message("user", "وصلني الطلب متأخراً أسبوعين"),
    message("assistant", "نعتذر عن التأخير، ستصل البقية يوم الثلاثاء. هل هناك شيء آخر؟"),
]


@dataclass(frozen=True)
class Project:
    """A scratch project, in its folder."""

    folder: Path

    def review(self, *arguments: str) -> str:
        """What a command says when it ends well."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Argilla's client warns of itself
            done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        return done.stdout

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A command as a user runs it, which may be killed."""
        command = [sys.executable, "-m", "curation.review.commands", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True)

    @property
    def home(self) -> Path:
        return self.folder / process.HOME

    @property
    def url(self) -> str:
        return (self.home / "url").read_text()

    def queue(self, turn: int | None = 1, **talks: Any) -> dict[str, str]:
        """Makes the queue of these conversations, named by language, this turn doubted; returns name -> id."""
        rows = [
            {"row_id": f"f:{n}", "messages": talk, "language": name[:2], "source": "t", "label": "refund"}
            for n, (name, talk) in enumerate(talks.items())
        ]
        table = conversations(rows)
        write_tables(self.folder, table, turn)
        return dict(zip(talks, table["conversation_id"], strict=True))

    def doubt(self, conversation: str, turn: int) -> None:
        """Another turn of one conversation is doubted."""
        path = self.folder / "data/scored/findings.parquet"
        moved = pl.when(conversation_id=conversation).then(turn).otherwise("turn").cast(pl.Int32)
        pl.read_parquet(path).with_columns(turn=moved).write_parquet(path)

    def answered(self, talks: Mapping[str, Any], replies: Mapping[str, tuple[str, str]]) -> dict[str, str]:
        """The project after evaluate: each conversation's first turn answered by the adapter and by a prompt."""
        ids = self.queue(**talks)
        read = pl.read_parquet(self.folder / "data/ingested/conversations.parquet")
        table = read.with_columns(parent_id=pl.lit(None, pl.String))
        for split, part in (("test", table), ("dev", table[:0]), ("train", table[:0])):
            save(self.folder, f"splits/{split}", part)
        rows = [
            (arm, ids[language], 1, text)
            for language, texts in replies.items()
            for arm, text in zip(("adapter", "prompted"), texts, strict=True)
        ]
        columns = ["arm", "conversation_id", "turn", "text"]
        save(self.folder, "evaluated/predictions", pl.DataFrame(rows, schema=columns, orient="row"))
        verdict = self.folder / "data/evaluated/verdict.json"
        verdict.write_text('{"best_prompt_arm": "prompted"}', "utf-8")
        return ids

    def api(self, method: str, place: str, body: Any = None) -> Any:
        """Argilla's own interface, as its owner."""
        key = process.credentials(self.home)["api_key"]
        headers = {"X-Argilla-Api-Key": key, "Content-Type": "application/json"}
        content = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/api/v1/{place}", content, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.chdir(tmp_path)
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    write_decisions([], tmp_path / "data/review/decisions.jsonl")
    project = Project(tmp_path)
    project.review("serve", "--background", "--port", "0")
    yield project
    project.review("stop")
    assert process.running(project.home) is None
