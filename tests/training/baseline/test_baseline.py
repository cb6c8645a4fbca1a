import pytest

from curation.harness.errors import QiratError
from tests.builders import params
from training.baseline.__main__ import Baseline, refuse_unmeasurable
from training.judge.scoring import Evaluate


def test_an_endpoint_that_cannot_be_compared_on_the_primary_metric_is_refused() -> None:
    """It would be missing among what the adapter has to beat."""
    elsewhere = Baseline.model_validate({**params("baseline"), "endpoint": {"url": "http://host/v1", "model": "m"}})
    by = {name: Evaluate.model_validate({**params("evaluate"), "primary": name}) for name in ("nll", "playbook")}
    with pytest.raises(QiratError, match="tells no likelihoods"):
        refuse_unmeasurable(elsewhere, by["nll"])
    refuse_unmeasurable(elsewhere, by["playbook"])
    refuse_unmeasurable(Baseline.model_validate(params("baseline")), by["nll"])
