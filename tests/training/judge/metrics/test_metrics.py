"""The registry: what every metric says of itself, and what params.yaml may say of it."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from curation.report.words import languages
from tests.builders import params
from training.judge import metrics as package
from training.judge.metrics import Likely, Metric, measured, metrics
from training.judge.scoring import Evaluate


def evaluate(**changed: object) -> Evaluate:
    return Evaluate.model_validate({**params("evaluate"), **changed})


def test_a_metric_has_a_file_of_its_name() -> None:
    assert {path.stem for path in Path(package.__file__).parent.glob("*.py")} - {"__init__"} == set(metrics())


@pytest.mark.parametrize("metric", metrics().values(), ids=lambda metric: metric.name)
def test_a_metric_has_its_words_in_every_language_of_the_report(metric: Metric) -> None:
    for texts in (metric.title, metric.explanation):
        assert set(texts) == {words.code for words in languages()}
        assert len(set(texts.values())) == len(texts)
    assert not any("\u0620" <= letter <= "\u064a" for letter in metric.title["en"] + metric.explanation["en"])
    assert all(
        any("\u0620" <= letter <= "\u064a" for letter in texts["ar"]) for texts in (metric.title, metric.explanation)
    )


def test_what_has_no_better_direction_decides_nothing_and_only_what_decides_has_a_margin() -> None:
    assert all(metric.better or not metric.decides for metric in metrics().values())
    assert all(metric.decides or metric.margin is None for metric in metrics().values())


def test_only_a_metric_that_may_decide_is_primary_or_has_a_margin() -> None:
    for metric in metrics().values():
        if metric.decides:
            assert evaluate(primary=metric.name, margins={metric.name: 0.2}).guarded[metric.name] == 0.2
    deciding = ", ".join(metric.name for metric in metrics().values() if metric.decides)
    for name in ("style", "words", "prompt_tokens", "bits_per_byte", "dialect", "clarity"):
        with pytest.raises(ValidationError, match=f"expected one of {deciding}"):
            evaluate(primary=name)
        with pytest.raises(ValidationError, match=f"expected one of {deciding}"):
            evaluate(margins={name: 0.1})


def test_margins_are_the_metrics_own_unless_params_say_otherwise() -> None:
    own = {metric.name: metric.margin for metric in metrics().values() if metric.margin is not None}
    assert evaluate().guarded == own
    assert own.items() >= {"nll": 0.05, "playbook": 0.05, "stopped": 0.05}.items()
    del own["stopped"]
    assert evaluate(margins={"nll": 0.1, "stopped": None, "chrf": 2}).guarded == {**own, "chrf": 2, "nll": 0.1}


def test_a_reply_without_a_byte_has_a_loss_and_no_bits_a_byte() -> None:
    found = {metric.name: metric.measure(Likely(2.0, 3, 0)) for metric in measured("likelihood")}
    assert found == {"nll": (2.0, 3), "bits_per_byte": None}
