from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation.stage import QiratError
from tests.builders import params, talk
from tests.training.tiny import model, renderer, tokenizer
from training.likelihood import negative_log_likelihoods
from training.template import Example
from training.train import Train, fit, refuse_several_gpus


def examples(*talks: list[dict[str, str]]) -> list[Example]:
    return [e for said in talks for e in renderer().examples(said)]


def table(rows: list[Example]) -> pl.DataFrame:
    schema = {"input_ids": pl.List(pl.Int32), "labels": pl.List(pl.Int32)}
    return pl.DataFrame([(e.input_ids, e.labels) for e in rows], schema=schema, orient="row")


def a_token(tuned: Any, rows: list[Example]) -> float:
    """Nats a token, each reply measured by the model's own loss and weighed by its tokens."""
    import torch

    def own(e: Example) -> float:
        return float(tuned(input_ids=torch.tensor([e.input_ids]), labels=torch.tensor([e.labels])).loss.detach())

    return sum(own(e) * e.supervised for e in rows) / sum(e.supervised for e in rows)


def confident() -> Any:
    """The tiny model with larger logits, so that a few steps of LoRA can change its mind."""
    import torch

    made = model()
    with torch.no_grad():
        made.lm_head.weight.mul_(20)
    return made


def recipe(**values: float) -> Train:
    settings = params("train")
    return Train.model_validate({**settings, "cpu": {**settings["cpu"], **values}})


def test_dev_loss_weighs_tokens_and_the_adapter_kept_is_that_of_the_lowest(tmp_path: Path) -> None:
    from peft import PeftModel

    learnt = examples(*[talk(f"question {n}", "yes yes yes") for n in range(12)])
    dev = examples(talk("question 3", "yes yes yes yes yes yes"), talk("question", "no"))
    settings = recipe(learning_rate=0.01, epochs=6, dev_points=10, batch=2, accumulate=1, warmup=0.0)
    trained = fit(confident(), tokenizer(), table(learnt), dev, settings)
    losses, best = trained.curve.losses, trained.curve.best_step

    assert losses[0] == pytest.approx(a_token(confident(), dev), rel=1e-4)
    mean_of_means = sum(a_token(confident(), [e]) for e in dev) / len(dev)
    assert abs(losses[0] - mean_of_means) > 0.01  # the two can be told apart here
    assert 0 < best < max(losses)
    assert losses[best] < losses[max(losses)] - 0.05  # it rose after the best step, as "no" was unlearnt

    trained.model.save_pretrained(tmp_path)
    saved = PeftModel.from_pretrained(confident(), str(tmp_path)).eval()
    for kept in (trained.model, saved):
        assert sum(negative_log_likelihoods(kept, dev)) / sum(e.supervised for e in dev) == pytest.approx(
            losses[best], rel=1e-5
        )


def test_several_gpus_are_refused_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_several_gpus()
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(QiratError, match="CUDA_VISIBLE_DEVICES=0"):
        refuse_several_gpus()
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(QiratError, match="without accelerate"):
        refuse_several_gpus()
