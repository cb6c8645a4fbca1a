"""What a layer moves, counted on tensors without memory."""

import pytest
import torch

from benchmarks.training import traffic
from benchmarks.training.gpu import documents
from benchmarks.training.traffic import counted, sizes


def test_fused_layers_move_less_and_by_fewer_kernels_and_products_are_the_same() -> None:
    ways = ("before", "eager", "compiled")
    before, eager, compiled = (counted(sizes("tiny"), way, torch.bfloat16) for way in ways)
    moved = [sum(one.bytes for one in kernels) for kernels in (before, eager, compiled)]
    assert moved[0] > 1.1 * moved[1] > 2 * moved[2]
    assert len(before) > len(eager) > 2 * len(compiled)
    products = [sum(one.operations for one in kernels) for kernels in (before, eager, compiled)]
    assert products[0] == products[1] == products[2]
    elements = traffic.TOKENS * sizes("tiny").hidden_size
    norm = 2 * 2 * elements  # bytes: what a norm reads and writes, the least that any way can do
    assert moved[2] > 4 * norm


def test_what_is_said_of_trl_is_what_its_settings_and_its_collator_do() -> None:
    """Eight rows, each as long as the longest; all layers computed twice; nothing packed."""
    from trl import SFTConfig  # type: ignore[attr-defined]
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    settings = SFTConfig(use_cpu=True, bf16=False)
    assert (settings.per_device_train_batch_size, settings.gradient_checkpointing) == (traffic.ROWS, True)
    assert not (settings.packing or settings.padding_free)
    rows = documents(1000, 2**18)
    collate = DataCollatorForLanguageModeling(pad_token_id=0)
    starts = range(0, len(rows) - traffic.ROWS + 1, traffic.ROWS)
    given = [collate(rows[at : at + traffic.ROWS])["input_ids"].numel() for at in starts]
    real = sum(len(row["input_ids"]) for row in rows[: len(given) * traffic.ROWS])
    assert real / sum(given) == pytest.approx(traffic.share_of_documents("trl"), rel=0.03)


def test_more_cards_take_less_and_what_does_not_hold_the_model_is_not_counted() -> None:
    one, eight = (traffic.evaluation_seconds(sizes("8B"), "H200", cards) for cards in traffic.MANY)
    assert one
    assert eight
    assert one / 9 < eight < one / 6
    assert traffic.evaluation_seconds(sizes("8B"), "T4", 1) is None
