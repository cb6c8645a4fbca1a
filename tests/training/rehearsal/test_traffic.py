"""What a layer moves, counted on tensors without memory."""

import torch

from benchmarks.training import traffic
from benchmarks.training.traffic import counted, sizes


def test_fused_layers_move_less_and_by_fewer_kernels_and_products_are_the_same() -> None:
    before, eager, compiled = (counted(sizes("tiny"), way, torch.bfloat16) for way in traffic.WAYS)
    moved = [sum(one.bytes for one in kernels) for kernels in (before, eager, compiled)]
    assert moved[0] > 1.1 * moved[1] > 2 * moved[2]
    assert len(before) > len(eager) > 2 * len(compiled)
    products = [sum(one.operations for one in kernels) for kernels in (before, eager, compiled)]
    assert products[0] == products[1] == products[2]
    elements = traffic.TOKENS * sizes("tiny").hidden_size
    norm = 2 * 2 * elements  # bytes: what a norm reads and writes, the least that any way can do
    assert moved[2] > 4 * norm
