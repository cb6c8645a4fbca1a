"""nf4 means nf4 for all who read the base: trained, judged and exported is one and the same model."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tests.training.adapters import trained
from tests.training.tiny import model
from training.baseline import __main__ as baseline
from training.commands.export import Adapter, export, probed
from training.commands.likeness import next_token_scores
from training.model.adapter import load_adapter
from training.model.base import Model, load_model, weights_id
from training.model.preflight import planned, tried
from training.model.recipe import Train
from training.train import __main__ as train

PLAIN = Model(name="tiny", dtype="float32", template_arguments={})
ROUNDED = PLAIN.model_copy(update={"quantised": "nf4"})


@pytest.fixture
def project(project: Path) -> Path:
    settings = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    settings["model"]["quantised"] = "nf4"
    settings["strength"]["cpu"] = "auto"
    Path("params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    return project


def test_every_stage_that_reads_weights_reads_the_rounded_ones(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by what each of them lacks."""
    monkeypatch.setattr("training.model.base.find_spec", lambda _name: None)
    Path("data/baseline").mkdir()
    Path("data/baseline/passed").write_text("passed\n", "utf-8")
    for stage in (baseline, train):
        with pytest.raises(SystemExit, match=r"model\.quantised needs the package bitsandbytes \(`pip install"):
            stage.main()


def test_what_was_learnt_beside_rounded_weights_belongs_to_them(project: Path) -> None:
    assert weights_id(ROUNDED) == f"{weights_id(PLAIN)} in nf4"


def rounded() -> None:
    pytest.importorskip("bitsandbytes", reason="nf4 needs bitsandbytes, which no other part does")


def test_a_rounded_base_is_tried_trained_and_measured_as_one(project: Path) -> None:
    rounded()
    Path("data/baseline").mkdir()
    Path("data/baseline/passed").write_text("passed\n", "utf-8")
    settings = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    tokens = pl.read_parquet("data/tokenized/train.parquet")
    found = planned(ROUNDED, Train.model_validate(settings["train"]), tokens)
    assert tried(load_model(ROUNDED), found).tokens > 0
    train.main()
    told = json.loads(Path("models/trained/provenance.json").read_text("utf-8"))
    assert told["base"]["weights"].endswith(" in nf4")
    tuned: Any = load_adapter(load_model(ROUNDED), Path("models/trained"), ROUNDED)
    assert "uint8" in {str(weight.dtype).rpartition(".")[2] for weight in tuned.parameters()}


@pytest.mark.parametrize("kind", ["adapter", "merged"])
def test_an_export_answers_as_the_rounded_base_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    rounded()
    import torch

    monkeypatch.chdir(tmp_path)
    folder = trained(tmp_path)
    settings = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    settings["model"] |= {"quantised": "nf4", "dtype": "float32"}
    Path("params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    told = json.loads((folder / "provenance.json").read_text("utf-8"))
    told["base"]["weights"] = weights_id(ROUNDED)
    (folder / "provenance.json").write_text(json.dumps(told), "utf-8")
    export(kind, Path("out"), dtype="float32")
    evaluated: Any = load_adapter(load_model(ROUNDED), folder, ROUNDED)
    examples, _ = probed(Adapter.at(folder))
    expected = next_token_scores(evaluated, examples, 50)
    assert "The base was rounded to nf4 before training" in Path("out/README.md").read_text("utf-8")
    if kind == "merged":
        merged = load_model(PLAIN.model_copy(update={"name": "out"}))
        torch.testing.assert_close(next_token_scores(merged, examples, 50), expected, atol=1e-4, rtol=1e-4)
    plain = next_token_scores(model(), examples, 50)
    assert float((plain - expected).abs().max()) > 0.01
