"""On which cards a model lies that answers, and that more processes answer the same; two cards are rehearsed."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.harness.errors import QiratError
from tests.builders import ROOT
from tests.training.rehearsal.test_memory import qwen
from tests.training.tiny import model, renderer, tokenizer
from training.judge import generation
from training.judge.generation import Decoding, generate_and_weigh
from training.model import layout as laid_out
from training.model import likelihood
from training.model.base import Model, load_model
from training.model.cost import CARDS, FREE, Numbers, Shape, weight_bytes
from training.model.crew import help_with, processes_of
from training.model.layout import Layout, answering_bytes, cards_of, layers_by_card, layout, placement
from training.model.recipe import LARGEST_RANK
from training.model.template import Example

BASE = Model(name="tiny", dtype="float32", template_arguments={})
PROMPTS = [[7, 8, n % 5, 9, *range(10, 10 + n)] for n in range(16)]
EXAMPLES = [Example([*prompt, 3, 4], [-100] * len(prompt) + [3, 4], []) for prompt in PROMPTS]


def shape(size: str) -> Shape:
    return Shape.of(qwen(size), LARGEST_RANK)


@pytest.mark.parametrize(
    ("size", "numbers", "card", "cards", "lies"),
    [
        ("0.6B", Numbers(2, 2), "L4", 4, (1, 4)),  # cards of a model, models
        ("8B", Numbers(2, 2), "A100", 8, (1, 8)),
        ("8B", Numbers(4, 4), "L4", 4, (2, 2)),
        ("8B", Numbers(4, 4), "T4", 5, (3, 1)),
        ("8B", Numbers(4, 4, quantised=True), "T4", 2, (1, 2)),
    ],
)
def test_a_model_lies_on_as_few_cards_as_hold_it_and_as_often_as_there_are(
    size: str, numbers: Numbers, card: str, cards: int, lies: tuple[int, int]
) -> None:
    found = layout(size, shape(size), numbers, cards, FREE * CARDS[card].memory)
    assert (found.cards, found.models) == lies
    assert ("does not fit on one GPU" in found.told()) == (lies[0] > 1)


def test_what_fits_nowhere_is_refused_with_what_would_do() -> None:
    with pytest.raises(QiratError, match=r"8B does not fit on 2 GPUs: to answer it takes \d.*nf4; or choose a base of"):
        layout("8B", shape("8B"), Numbers(4, 4), 2, FREE * CARDS["T4"].memory)


@given(size=st.sampled_from(["0.6B", "4B", "8B"]), cards=st.integers(1, 8), quantised=st.booleans())
def test_every_layer_lies_on_one_card_and_no_card_holds_much_more_than_its_share(
    size: str, cards: int, quantised: bool
) -> None:
    its, numbers = shape(size), Numbers(2, 2, quantised)
    layers = layers_by_card(its, numbers, cards)
    held = answering_bytes(its, numbers, layers)
    assert (len(layers), sum(layers)) == (cards, its.layers)
    assert sum(held) > weight_bytes(replace(its, lora=0), numbers)
    alone = answering_bytes(its, numbers, [0])[0]  # embeddings and head cannot be shared out
    a_layer = answering_bytes(its, numbers, [1])[0] - alone
    assert max(held) <= max(alone, sum(held) / cards) + 1.5 * a_layer


def test_cards_are_named_as_this_process_sees_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laid_out, "gpus", lambda: 5)
    two = Layout((10, 18), 2, 1e9)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert cards_of(two) == [["0", "1"], ["2", "3"]]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-a,5,6,7")
    assert cards_of(two) == [["3", "GPU-a"], ["5", "6"]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    model().save_pretrained("tiny")
    tokenizer().save_pretrained("tiny")
    return tmp_path


def test_each_module_is_loaded_to_its_place(here: Path) -> None:
    import torch

    places = placement(model().config, [1, 1])
    assert {name: card for name, card in places.items() if card} == {"model.layers.1": 1}
    spread: dict[str, Any] = dict.fromkeys(places, "cpu")  # transformers refuses a map that lacks a weight
    ids = torch.arange(20)[None]
    assert torch.equal(load_model(BASE, places=spread)(input_ids=ids).logits, load_model(BASE)(input_ids=ids).logits)


def test_two_processes_answer_to_the_last_bit_as_one(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On this CPU, as on two cards: what each is given does not depend on how many there are."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(likelihood, "RUN", 2)
    monkeypatch.setattr(generation, "lanes_of", lambda _place: 1)
    monkeypatch.setattr(likelihood, "lanes_of", lambda _place: 1)
    found = []
    for environments in ([], [{}]):
        loaded = load_model(BASE)
        help_with(loaded, partial(load_model, BASE), environments)
        assert processes_of(loaded) == 1 + len(environments)
        written = generate_and_weigh(loaded, renderer(), PROMPTS, EXAMPLES[:3], Decoding(6, 4))
        found.append((written, likelihood.negative_log_likelihoods(loaded, EXAMPLES, 32)))
    assert found[0] == found[1]
    plain = likelihood.negative_log_likelihoods(load_model(BASE), EXAMPLES, 32)
    assert found[0][1] == pytest.approx(plain, abs=1e-4)


def _broken() -> Any:
    raise QiratError("data/x is torn")


def test_what_goes_wrong_in_another_process_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    loaded = load_model(BASE)
    help_with(loaded, _broken, [{}])
    with pytest.raises(QiratError, match="answers on another GPU failed: data/x is torn"):
        generate_and_weigh(loaded, renderer(), PROMPTS, (), Decoding(6, 4))


def test_a_model_over_two_cards_answers_as_on_one() -> None:
    """In step and padded, with an adapter and without; tensors of two cards that meet in one operation are an error."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.training.rehearsal.spread"],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert not ran.returncode, ran.stderr[-2000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    for kind, in_step in (("qwen3", True), ("mistral", False)):
        for alone, spread in zip(found[kind], found[f"{kind}, spread"], strict=True):
            assert alone["in_step"] == spread["in_step"] == in_step
            assert spread["replies"] == alone["replies"]
            assert spread["nats"] == pytest.approx(alone["nats"], abs=1e-4)
        assert found[kind][0]["replies"] != found[kind][1]["replies"]
