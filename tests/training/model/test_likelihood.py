import pytest

from tests.builders import talk
from tests.training.tiny import model, renderer
from training.model.likelihood import negative_log_likelihoods
from training.model.template import Example


def examples() -> list[Example]:
    said = ["short", "a rather longer reply with more words", "كيف أساعدك اليوم؟", "x " * 60]
    return [e for reply in said for e in renderer().examples(talk("a question", reply, "and?", reply[:9]))]


@pytest.mark.parametrize("batch_tokens", [1, 150, 100_000])
def test_the_batch_size_changes_nothing(batch_tokens: int) -> None:
    one_by_one = [negative_log_likelihoods(model(), [e])[0] for e in examples()]
    assert negative_log_likelihoods(model(), examples(), batch_tokens) == pytest.approx(one_by_one, rel=1e-5)


def test_sums_are_those_of_the_models_own_loss() -> None:
    import torch

    example = examples()[1]
    loss = model()(input_ids=torch.tensor([example.input_ids]), labels=torch.tensor([example.labels])).loss
    assert negative_log_likelihoods(model(), [example])[0] == pytest.approx(loss.item() * example.supervised, rel=1e-5)
