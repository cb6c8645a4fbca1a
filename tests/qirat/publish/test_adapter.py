"""The adapter goes with its card, and without what it was trained on."""

import json
from pathlib import Path

import polars as pl
import pytest

from curation.core.record.pairs import Judgement, write_judgements
from curation.harness.errors import QiratError
from qirat.publish import Wanted, publish
from tests.qirat.publish.project import project, published
from training.model.adapter import identity

__all__ = ["project"]  # the fixture


def adapter(learnt: list[str]) -> None:
    """As much of a trained adapter as is published, and of the report that tells of it."""
    folder = Path("models/adapter")
    folder.mkdir(parents=True)
    said = {"base": {"name": "acme/base-1b", "weights": "sha256:1"}}
    (folder / "provenance.json").write_text(json.dumps(said), "utf-8")
    config = {"peft_type": "LORA", "base_model_name_or_path": "/home/zz-internal/models/base"}
    (folder / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    for name in ("adapter_model.safetensors", "tokenizer.json", "chat_template.jinja", "zz-notes.txt"):
        (folder / name).write_text("{}", "utf-8")
    pl.DataFrame({"conversation_id": learnt, "row_id": "secret-export.csv:1"}).write_parquet(
        folder / "trained_on.parquet"
    )
    Path("reports").mkdir()
    told = f"# Adapter `{identity(said)}`\n| `zz-reviewer` | 3 | `zz-reviewer's` |\n"
    Path("reports/model_card.md").write_text(told, "utf-8")
    judged = {"conversation_id": "0" * 32, "turn": 1, "replies": ("a" * 16, "b" * 16), "choice": "a"}
    write_judgements([Judgement(annotator="zz-reviewer", at="2026-01-05T10:00:00+00:00", **judged)])


def test_the_adapter_goes_with_its_card_and_without_what_it_was_trained_on_or_who_judged_it(project: Path):
    adapter(pl.read_parquet("data/splits/train.parquet")["conversation_id"].to_list())
    folder = published(adapter=True) / "adapter"
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "chat_template.jinja",
        "provenance.json",
        "tokenizer.json",
    }
    assert "| `judge 1` | 3 |" in (folder / "README.md").read_text("utf-8")
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    assert config["base_model_name_or_path"] == "acme/base-1b"
    assert "verdict of the evaluation: none" in publish(Wanted("mit", Path("again"), adapter=True), yes=False)


def test_an_adapter_that_learnt_what_has_left_the_set_stays_here(project: Path):
    adapter(["f" * 32])
    with pytest.raises(QiratError, match="has learnt 1 conversations that are not in the set"):
        published(adapter=True)
