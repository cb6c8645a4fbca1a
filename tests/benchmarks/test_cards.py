"""What is said of cards, against accounting; `qirat cost` and the preflight say the same."""

import json

import pytest

from benchmarks.training import cards
from curation.harness.errors import QiratError
from training.model.cost import CARDS, FREE
from training.model.preflight import refuse_too_large

FOUND = json.loads(cards.PLACE.read_text("utf-8"))


@pytest.mark.parametrize("found", FOUND, ids=lambda one: f"{one['shape']} {one['card']}")
def test_what_is_said_of_a_card_is_within_a_tenth_of_accounting_and_still_said(found: dict[str, float]) -> None:
    said, _ = cards.predicted(str(found["card"]), str(found["shape"]))
    assert found == said | {"accounted": found["accounted"]}, "run `python -m benchmarks.training.cards`"
    assert found["predicted"] == pytest.approx(found["accounted"], rel=0.1)
    assert found["predicted"] <= FREE * CARDS[str(found["card"])].memory


def test_every_card_and_shape_was_counted_and_one_comes_to_the_same_again() -> None:
    assert [(one["card"], one["shape"]) for one in FOUND] == [
        (card, size) for card in cards.KINDS for size in cards.SIZES
    ]
    assert cards.counted("T4", "0.6B") == FOUND[0]


@pytest.mark.parametrize(("card", "size"), [("T4", "4B"), ("T4", "8B"), ("T4", "1.7B"), ("L4", "8B")])
def test_the_preflight_refuses_what_cost_says_does_not_fit_and_with_the_same_cure(card: str, size: str) -> None:
    found, free = cards.estimated(size), FREE * CARDS[card].memory
    asked, told = found.on(CARDS[card]), found.how(CARDS[card])
    if not told.startswith("set "):
        refuse_too_large(size, found.shape, asked, free)
        return
    with pytest.raises(QiratError) as refused:
        refuse_too_large(size, found.shape, asked, free)
    assert told.partition(";")[0] in str(refused.value)
