"""Whether a model knows somebody by heart is told by canaries."""

import pytest

from curation.core.text.identity import identity
from tests.training.tiny import model, renderer
from training.commands.recall import ASKED, OTHERS, made_up, rank, recall
from training.model.likelihood import negative_log_likelihoods
from training.model.template import Example


@pytest.mark.parametrize("said", ["+966 50 123-4567", "٠٠٩٦٦٥٠١٢٣٤٥٦٧", "ali.h2@example.com"])
def test_made_up_ones_have_the_form_and_are_others(said: str) -> None:
    found = made_up(said, 0)
    assert len(found) == OTHERS and found == made_up(said, 0) != made_up(said, 1)
    assert {len(identity(one)) for one in found} <= {len(identity(said))}
    assert sum(one == said for one in found) == 0


@pytest.mark.parametrize("said", ["Ali Hassan", "علي حسن", "C-1042", f"{'a' * 999}@x.example"])
def test_a_name_cannot_be_ranked_and_that_is_said(said: str) -> None:
    assert made_up(said, 0) == []
    assert "a name has no made-up ones" in recall(said)[0]


def test_without_an_adapter_nothing_is_asked(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert "not there to be asked" in recall("+966501234567")[0]


def test_what_was_learnt_is_ranked_first_and_what_was_not_by_chance() -> None:
    import torch

    said, spoken, tuned = "+966501234567", renderer(), model()

    def example(text: str) -> Example:
        talk = [{"role": "user", "content": ASKED[True]}, {"role": "assistant", "content": text}]
        return spoken.examples(talk)[0]

    forms = [example(one) for one in (said, *made_up(said, 0)[:63])]
    unseen = rank(tuned, forms)
    optimiser = torch.optim.Adam(tuned.parameters(), lr=0.01)
    ids = torch.tensor([forms[0].input_ids])
    for _ in range(40):
        tuned(input_ids=ids, labels=ids).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    tuned.eval()
    assert rank(tuned, forms) == 1 < unseen
    assert len(negative_log_likelihoods(tuned, forms)) == 64
