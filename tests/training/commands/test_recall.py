"""Whether a model knows somebody by heart is told by canaries."""

import math
from typing import Any

import pytest

from curation.core.text.identity import identity
from tests.builders import talk
from tests.training.tiny import model, renderer
from training.commands.canaries import CHANCE, SURE
from training.commands.recall import ASKED, BY_HEART, OTHERS, by_spelling, exposure, made_up, recall, spellings


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


@pytest.mark.parametrize(
    ("said", "count"), [("00966 50 123 4567", 6), ("0501234567", 1), ("Ali <Ali@x.example>", 1), ("+1 415 555 2671", 6)]
)
def test_made_up_ones_are_spelled_in_as_many_ways(said: str, count: int) -> None:
    ways = dict.fromkeys(zip(*map(spellings, [said, *made_up(said, 0)]), strict=True))
    assert len(ways) == count
    assert {identity(one) for way in ways for one in way[1:]}.isdisjoint({identity(said)})


def taught(said: str) -> Any:
    """The tiny model, trained until it says this when it is asked."""
    import torch

    tuned = model()
    (example,) = renderer().examples(talk(ASKED[said.isascii()], said))
    optimiser = torch.optim.Adam(tuned.parameters(), lr=0.01)
    ids = torch.tensor([example.input_ids])
    for _ in range(40):
        tuned(input_ids=ids, labels=ids).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return tuned.eval()


@pytest.mark.parametrize("learnt", ["+966501234567", "٠٥٠١٢٣٤٥٦٧"])
def test_what_was_learnt_is_ranked_first_in_whatever_spelling_and_what_was_not_by_chance(learnt: str) -> None:
    asked = "00966 50-123-4567"
    forms = by_spelling([asked, *made_up(asked, 0)[:127]], renderer())
    unseen, tuned = exposure(model(), forms), taught(learnt)
    assert unseen < BY_HEART < exposure(tuned, forms) == 7
    other = "00966 50-765-4321"
    assert exposure(tuned, by_spelling([other, *made_up(other, 0)[:127]], renderer())) < BY_HEART


def test_of_what_was_never_seen_so_much_is_no_oftener_than_is_said() -> None:
    bits = [-math.log2(place / 256) for place in range(1, 257)]  # any rank is as likely
    share = sum(one > BY_HEART for one in bits) / 256
    assert share <= SURE and math.isclose(sum(bits) / 256, CHANCE, abs_tol=0.05)
