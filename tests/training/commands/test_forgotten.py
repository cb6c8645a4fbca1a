"""Somebody is learnt by a real adapter, forgotten, and not learnt by the next: `qirat forget --prove` tells each.

That the ranking finds what a model knows by heart is shown in test_recall.py: this one is too small to learn so much.
"""

import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from curation.decisions.forget import write_rules
from qirat.cli import app
from tests.builders import record, save, talk
from tests.training.tiny import project
from training import strength, tokenize
from training.commands.recall import ASKED
from training.train import __main__ as train

HER = "+966 50 123 4567"
SPELLED = "٠٠٩٦٦٥٠١٢٣٤٥٦٧"


def prove() -> tuple[str, int]:
    """The certificate on her, and the exit code."""
    done = CliRunner().invoke(app, ["forget", "--customer", SPELLED, "--prove"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output, done.exit_code


def trained(rows: pl.DataFrame) -> None:
    """The road from the split to the adapter."""
    save(Path(), "ingested/conversations", rows)
    save(Path(), "splits/train", rows)
    for folder in ("data/tokenized", "data/training", "models"):
        shutil.rmtree(folder, ignore_errors=True)
    tokenize.main()
    Path("data/baseline").mkdir(exist_ok=True)
    Path("data/baseline/passed").write_text("passed\n", "utf-8")
    train.main()
    strength.main()


def held(told: str) -> list[str]:
    return [line.partition(":")[0].strip() for line in told.splitlines() if line.startswith("  HELD")]


def hashes(told: str) -> list[str]:
    return [line for line in told.splitlines() if "SHA-256" in line and "safetensors" in line]


def test_an_adapter_that_learnt_from_her_is_named_and_the_next_has_forgotten_her(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path, rows=34)
    settings = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    few = {"train_tokens": None, "dev_tokens": 100, "epochs": 1}
    settings["train"]["cpu"] |= {**few, "learning_rate": 0.03}
    Path("params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    write_rules([])
    others = pl.read_parquet("data/splits/train.parquet")
    asked = [f"{ASKED[True]}{' Please!' * n}" for n in range(6)]
    hers = record(*(talk(question, HER) for question in asked), customer=[HER] * 6).with_columns(
        row_id=pl.format("hers.csv:{}", pl.int_range(6)),
        source_file=pl.lit("hers.csv"),
        origin=pl.lit("accepted"),
        parent_id=pl.lit(None, pl.String),
        cluster_id=pl.col("conversation_id"),
    )
    trained(pl.concat([others, hers.select(others.columns)]))
    assert CliRunner().invoke(app, ["forget", "--customer", HER, "--yes"]).exit_code == 0

    told, code = prove()
    assert code == 1
    assert {"HELD  tables and metrics", "HELD  models that learnt from them, or may have"} <= {*held(told)}
    assert "models/adapter: trained on 6 of these rows" in told and "models/trained: trained on 6" in told
    assert "models/adapter: 20 rows, 6 of theirs" in told
    before = hashes(told)

    trained(others)
    told, code = prove()
    assert (code, held(told)) == (0, [])
    assert "No adapter here learnt from them." in told and "models/adapter: 14 rows, 0 of theirs" in told
    assert "no more than chance gives" in told and len(before) == 1 and before != hashes(told)
