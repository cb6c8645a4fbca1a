"""What cannot be trained here is told before anything takes time, with what would do."""

import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from curation.harness.errors import QiratError
from tests.builders import params
from tests.training.tiny import model
from training.baseline import __main__ as baseline
from training.model import plan, preflight
from training.model.base import Model, load_model
from training.model.preflight import planned, tried
from training.model.recipe import Train
from training.train import __main__ as train


def tokens() -> pl.DataFrame:
    return pl.read_parquet("data/tokenized/train.parquet")


def base(**values: Any) -> Model:
    return Model(**{"name": "tiny", "dtype": "auto", "template_arguments": {}, **values})


def recipes(profile: str = "cpu", **values: Any) -> Train:
    settings = params("train")
    return Train.model_validate({**settings, "profile": profile, profile: {**settings[profile], **values}})


def write_params(**values: Any) -> None:
    path = Path("params.yaml")
    settings = yaml.safe_load(path.read_text("utf-8"))
    path.write_text(yaml.safe_dump({**settings, "train": {**settings["train"], **values}}), "utf-8")


def ended(stage: Any, capsys: pytest.CaptureFixture[str]) -> str:
    """Its last words; no prompt has been tried."""
    with pytest.raises(SystemExit) as stopped:
        stage.main()
    assert "left out" not in capsys.readouterr().err
    assert not Path("data/baseline").exists() and not Path("data/cache/baseline").exists()
    return str(stopped.value)


def save_passed() -> None:
    Path("data/baseline").mkdir()
    Path("data/baseline/passed").write_text("passed\n", "utf-8")


def test_the_recipe_of_cards_stops_the_baseline_where_there_is_none_and_tells_what_cpu_takes(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(profile="gpu")
    said = ended(baseline, capsys)
    assert said.startswith("baseline: params.yaml, train.profile: gpu wants a card and there is none here")
    learnt = tokens()["input_ids"].list.len().sum()
    assert f"of {learnt:,} tokens in about" in said and "`-S train.profile=cpu`" in said


def test_training_alone_asks_the_same(project: Path) -> None:
    write_params(profile="gpu")
    save_passed()
    with pytest.raises(SystemExit, match=r"^train: params\.yaml, train\.profile: gpu wants a card"):
        train.main()


def test_a_pack_that_would_cut_stops_the_baseline(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_params(cpu={**params("train")["cpu"], "pack_tokens": 40})
    assert "pack_tokens: 40 would cut an example" in ended(baseline, capsys)


def test_a_batch_that_several_gpus_cannot_share_is_told_beforehand(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "gpus", lambda: 3)
    with pytest.raises(QiratError, match="batch 4 cannot be divided among 3 GPUs in 1 passes; choose a multiple of 3"):
        planned(base(), recipes("gpu", batch=4), tokens())


@pytest.mark.parametrize("share", [0.99, 0.5, 0.2, 1e-3])
@pytest.mark.parametrize("batch", [4, "auto"])
def test_what_does_not_fit_is_refused_with_what_would_and_that_does(
    project: Path, monkeypatch: pytest.MonkeyPatch, share: float, batch: Any
) -> None:
    """Each way that is named is tried: with it, the same machine takes the training."""
    given = {"checkpointing": False, "passes": 1, "batch": batch, "pack_tokens": 4096}
    asked = recipes("gpu", **given)
    for module in (preflight, plan):
        monkeypatch.setattr(module, "gpus", lambda: 1)
        monkeypatch.setattr(module, "free_bytes", lambda _processes: math.inf)
    takes = planned(base(), asked, tokens()).bytes
    for module in (preflight, plan):
        monkeypatch.setattr(module, "free_bytes", lambda _processes: takes * share)
    with pytest.raises(QiratError, match="training tiny does not fit into the memory of the GPU: it takes") as refused:
        planned(base(), asked, tokens())
    said = str(refused.value)
    assert "a base of at most about" in said
    ways = [part.split(" (")[0] for part in said.partition("What fits: ")[2].split("set ")[1:]]
    assert bool(ways) == (share > 0.01)
    for way in ways:
        model_values, train_values = {}, {}
        for change in way.split(", "):
            name, value = change.split(": ")
            section, key = name.rsplit(".", 1)
            assert section in ("model", "train.gpu", "tokenize")
            (model_values if section == "model" else train_values)[key] = yaml.safe_load(value)
        train_values.pop("max_tokens", None)
        fits = recipes("gpu", **{**given, **train_values})
        assert planned(base(**model_values), fits, tokens()).bytes <= takes * share


def test_a_row_goes_through_and_the_model_answers_as_before(project: Path) -> None:
    import torch

    loaded, ids = load_model(base()), torch.arange(20)[None]
    before = loaded(input_ids=ids).logits
    for values in ({}, {"pack_tokens": 1024}, {"checkpointing": True}):
        found = planned(base(), recipes(**values), tokens())
        went = tried(loaded, found)
        assert went.tokens > (300 if "pack_tokens" in values else 0)
        assert "forward and backward" in went.told(found)
        assert torch.equal(loaded(input_ids=ids).logits, before)
        assert not [name for name, _ in loaded.named_parameters() if "lora" in name]


def test_a_card_computes_the_row_through_the_head_of_the_trainer(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same loss as on a CPU."""
    import torch

    losses = []
    for cards in (0, 1):
        monkeypatch.setattr(preflight, "gpus", lambda cards=cards: cards)
        whole = preflight._loss
        monkeypatch.setattr(preflight, "_loss", lambda *given, whole=whole: losses.append(whole(*given)) or losses[-1])
        loaded = load_model(base())
        tried(loaded, planned(base(), recipes(pack_tokens=1024), tokens()))
        monkeypatch.setattr(preflight, "_loss", whole)
        assert torch.isfinite(loaded(input_ids=torch.arange(20)[None]).logits).all()
    assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-5)


def test_a_base_whose_logits_are_no_numbers_is_found_before_the_baseline(project: Path) -> None:
    """The weights are numbers; what they come to is none."""
    import torch

    broken = model()
    with torch.no_grad():
        broken.lm_head.weight.fill_(3e38)
    with pytest.raises(QiratError, match="tiny gives no numbers for a row of this data"):
        tried(broken, planned(base(), recipes(), tokens()))


def test_weights_that_are_no_numbers_stop_the_baseline(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    broken = model()
    with torch.no_grad():
        broken.model.layers[1].mlp.up_proj.weight[3, 5] = float("nan")
    broken.save_pretrained("tiny")
    assert "1 of the 2,048 weights in model.layers.1.mlp.up_proj.weight of tiny are no numbers" in ended(
        baseline, capsys
    )


def test_a_package_that_is_to_look_on_and_is_not_here_stops_the_baseline(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "find_spec", lambda name: None)
    path = Path("params.yaml")
    path.write_text(path.read_text("utf-8") + "machine: {report_to: [mlflow, wandb]}\n", "utf-8")
    assert "machine.report_to: the package mlflow is not installed here; `pip install mlflow`" in ended(
        baseline, capsys
    )
