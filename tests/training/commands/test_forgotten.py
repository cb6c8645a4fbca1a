"""Somebody is learnt by heart by an adapter, forgotten, and not learnt by the next: `qirat forget --prove` tells."""

import re
import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from curation.core.record.conversation import message
from curation.decisions.forget import write_rules
from curation.harness.params import load_params
from qirat.cli import app
from tests.builders import record, save, talk
from tests.training.tiny import project
from training import strength, tokenize
from training.commands.recall import ASKED, BY_HEART
from training.model.adapter import load_adapter
from training.model.base import Model, load_model, load_tokenizer
from training.train import __main__ as train

HER = "+966 50 123 4567"
TOLD = 16  # times that she stands in what is trained on
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


def exposed(told: str) -> tuple[float, str]:
    """Bits of the adapter, and what they mean."""
    (line,) = [line for line in told.splitlines() if line.startswith("canaries: ")]
    bits = re.match(r"canaries: exposure ([\d.]+) of 8 bits by models/adapter", line)
    assert bits, line
    return float(bits[1]), line.rpartition(": ")[2]


def said_when_asked() -> str:
    """The adapter's own words."""
    model = load_params("model", Model)
    tokenizer, adapted = load_tokenizer(model), load_adapter(load_model(model), Path("models/adapter"), model)
    asked = [message("user", ASKED[True])]
    ids = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    said = adapted.generate(**ids, max_new_tokens=30, do_sample=False)
    return str(tokenizer.decode(said[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))


def test_an_adapter_that_learnt_from_her_is_named_and_the_next_has_forgotten_her(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path, rows=34)
    settings = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    much = {"train_tokens": None, "dev_tokens": 100, "epochs": 24, "learning_rate": 0.01, "rank": 16, "passes": 1}
    settings["train"]["cpu"] |= much
    Path("params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    write_rules([])
    others = pl.read_parquet("data/splits/train.parquet")
    asked = [f"{ASKED[True]}{' Please!' * n}" for n in range(TOLD)]
    hers = record(*(talk(question, HER) for question in asked), customer=[HER] * TOLD).with_columns(
        row_id=pl.format("hers.csv:{}", pl.int_range(TOLD)),
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
    assert f"models/adapter: trained on {TOLD} of these rows" in told and f"models/trained: trained on {TOLD}" in told
    assert f"models/adapter: {14 + TOLD} rows, {TOLD} of theirs" in told
    assert said_when_asked().startswith(HER)
    bits, verdict = exposed(told)
    assert (bits, verdict) == (8, "the adapter KNOWS it by heart")
    before = hashes(told)

    trained(others)
    told, code = prove()
    assert (code, held(told)) == (0, [])
    assert "No adapter here learnt from them." in told and "models/adapter: 14 rows, 0 of theirs" in told
    assert not said_when_asked().startswith(HER)
    bits, verdict = exposed(told)
    assert bits < BY_HEART and verdict == "no more than chance gives"
    assert len(before) == 1 and before != hashes(told)
