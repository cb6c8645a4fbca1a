"""Memory by counting against a step on tensors without memory, and what fits on which card by it."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from tests.builders import ROOT, params
from training.model.cost import CARDS, FREE, NF4, Numbers, Shape, memory, weight_bytes
from training.model.recipe import Asked, Recipe, cards_needed, least_memory, settled, ways_to_fit

RANK, TOKENS = 16, 4096
QWEN: dict[str, dict[str, Any]] = {
    "0.6B": {"hidden_size": 1024, "num_hidden_layers": 28, "num_attention_heads": 16, "intermediate_size": 3072},
    "1.7B": {"hidden_size": 2048, "num_hidden_layers": 28, "num_attention_heads": 16, "intermediate_size": 6144},
    "4B": {"hidden_size": 2560, "num_hidden_layers": 36, "num_attention_heads": 32, "intermediate_size": 9728},
    "8B": {"hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32, "intermediate_size": 12288,
           "tie_word_embeddings": False},
}  # fmt: skip
BF16, FP32, AUTOCAST = Numbers(2, 2), Numbers(4, 4), Numbers(4, 2)


def qwen(size: str, **other: Any) -> Any:
    from transformers import Qwen3Config

    shared = {"num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "tie_word_embeddings": True}
    return Qwen3Config(**{**shared, **QWEN[size], **other})


def others(kind: str) -> Any:
    from transformers import AutoConfig

    sizes: dict[str, dict[str, Any]] = {
        "llama": {"hidden_size": 2048, "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 8192,
                  "vocab_size": 128256, "tie_word_embeddings": True},
        "gemma3_text": {"hidden_size": 1152, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
                        "intermediate_size": 6912, "vocab_size": 262144},
        "qwen3_moe": {"hidden_size": 2048, "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128,
                      "moe_intermediate_size": 768, "num_experts": 128, "num_experts_per_tok": 8, "vocab_size": 151936},
        "mixtral": {"hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32000,
                    "intermediate_size": 14336, "num_local_experts": 8, "num_experts_per_tok": 2},
        "phi3": {"hidden_size": 3072, "num_attention_heads": 32, "intermediate_size": 8192, "vocab_size": 32064,
                 "pad_token_id": 0},
    }  # fmt: skip
    return AutoConfig.for_model(kind, num_hidden_layers=2, **sizes[kind])


@pytest.mark.parametrize(
    ("kind", "numbers", "checkpointing"),
    [
        ("0.6B", BF16, False),
        ("1.7B", FP32, False),
        ("4B", BF16, True),
        ("8B", BF16, False),
        ("8B", AUTOCAST, True),
        ("llama", FP32, True),
        ("gemma3_text", BF16, False),
        ("phi3", BF16, True),
        ("qwen3_moe", BF16, False),
        ("mixtral", BF16, True),
    ],
)
def test_memory_by_counting_is_that_of_a_step_on_tensors_without_memory(
    kind: str, numbers: Numbers, checkpointing: bool
) -> None:
    """Of two layers, since further ones are the same."""
    from benchmarks.training.accounting import peak_bytes

    config = qwen(kind, num_hidden_layers=2) if kind in QWEN else others(kind)
    shape = Shape.of(config, RANK)
    real = peak_bytes(config, TOKENS, RANK, numbers, checkpointing)
    assert memory(shape, TOKENS, numbers, checkpointing) == pytest.approx(real, rel=0.1)


def test_embeddings_and_head_are_not_rounded() -> None:
    shape = Shape.of(qwen("8B"), RANK)
    assert shape.weights - shape.linear > 2 * shape.head * 0.99
    rounded = weight_bytes(shape, Numbers(2, 2, quantised=True))
    assert rounded > NF4 * shape.linear + 2 * 2 * shape.head
    assert rounded < 0.5 * weight_bytes(shape, BF16)


def asked(card: str, longest: int = 1024) -> Asked:
    packs = {**params("train")["gpu"], "batch": 4, "pack_tokens": TOKENS}
    recipe = settled(Recipe.model_validate(packs), qwen("8B"), [longest] * 1000)
    return Asked(recipe, longest, CARDS[card].numbers, "gpu")


@pytest.mark.parametrize(
    ("card", "fits"),
    [
        ("T4", {"0.6B": {}, "1.7B": {}, "4B": {"model.quantised"}, "8B": {"model.quantised"}}),
        ("L4", {"0.6B": {}, "1.7B": {}, "4B": {}, "8B": {}}),
        ("A100", {"0.6B": {}, "1.7B": {}, "4B": {}, "8B": {}}),
    ],
)
def test_what_fits_on_which_card_and_how(card: str, fits: dict[str, set[str]]) -> None:
    free = FREE * CARDS[card].memory
    for size, changes in fits.items():
        ways = ways_to_fit(Shape.of(qwen(size), RANK), asked(card), free)
        assert set(ways[0].changes) == set(changes), (size, ways)
        assert all(way.bytes <= free for way in ways)


def test_the_smaller_the_card_the_more_is_changed_and_every_way_keeps_its_word() -> None:
    shape = Shape.of(qwen("4B"), RANK)
    before = 0
    for free in (80e9, 16e9, 9e9, 6e9):
        ways = ways_to_fit(shape, asked("T4"), free)
        fewest = min((len(way.changes) for way in ways), default=99)
        assert fewest >= before
        before = fewest
        assert not any(one.changes.items() < other.changes.items() for one in ways for other in ways)
    assert least_memory(shape, asked("T4")) > 16e9


@pytest.mark.parametrize(("size", "card", "cards"), [("8B", "L4", 1), ("70B", "A100", 3), ("70B", "L4", None)])
def test_how_many_cards_share_out_what_one_does_not_hold(size: str, card: str, cards: int | None) -> None:
    """In nf4 none do: accelerate and transformers leave such weights whole on each card."""
    from transformers import LlamaConfig

    wide = {"hidden_size": 8192, "num_hidden_layers": 80, "num_attention_heads": 64, "intermediate_size": 28672}
    config = qwen(size) if size in QWEN else LlamaConfig(**wide, num_key_value_heads=8, vocab_size=128256)
    shape, free = Shape.of(config, RANK), FREE * CARDS[card].memory
    assert cards_needed(shape, asked(card), free) == cards
    rounded = replace(asked(card), numbers=Numbers(2, 2, quantised=True))
    assert cards_needed(shape, rounded, free) in (1, None)


def test_what_is_counted_of_one_of_several_cards_is_no_less_than_its_process_takes() -> None:
    """On tensors without memory; the others are not there. In a process of its own: torch takes one group of them.

    A CPU does not gather the next layer while it computes, so the count may be more.
    """
    command = [sys.executable, "-W", "ignore", "-m", "tests.training.rehearsal.sharing", "8B", "3", "8"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert not ran.returncode, ran.stderr[-2000:]
    real, counted = map(float, ran.stdout.split())
    assert real < counted < 1.35 * real
