"""A CPU plays a card: its capability, its numbers, and a kernel that takes what torch's own takes."""

from itertools import pairwise
from typing import Any

import pytest

from tests.training.rehearsal.models import made
from tests.training.rehearsal.test_isolation import off
from training.model import attention
from training.model.attention import kernel_unfit
from training.model.isolation import attend_apart

T4, A100, H100 = (7, 5), (8, 0), (9, 0)


def checked(q: Any, k: Any, v: Any) -> None:
    """The kernel's own checks (flash_api.cpp)."""
    assert q.dtype == k.dtype == v.dtype
    assert q.dtype.itemsize == 2
    assert q.shape[-1] == k.shape[-1] == v.shape[-1]
    assert q.shape[-1] % 8 == 0
    assert q.shape[-1] <= 256


def document_by_document(q: Any, k: Any, v: Any, starts: Any, scale: float | None) -> Any:
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    checked(q, k, v)
    parts = []
    for begin, end in pairwise(starts.tolist()):
        one, two, three = (side[begin:end].transpose(0, 1)[None] for side in (q, k, v))
        grouped = q.shape[1] != k.shape[1]
        done = scaled_dot_product_attention(one, two, three, is_causal=True, scale=scale, enable_gqa=grouped)
        parts.append(done[0].transpose(0, 1))
    return torch.cat(parts)


def of_today(  # noqa: PLR0913 - torch's signature
    query: Any, key: Any, value: Any, starts: Any, _ends: Any, _longest: int, _most: int, *,
    scale: float | None = None, window_size: tuple[int, int] = (-1, -1), enable_gqa: bool = False,
) -> Any:  # fmt: skip
    assert window_size == (-1, 0)
    assert enable_gqa == (query.shape[1] != key.shape[1])
    return document_by_document(query, key, value, starts, scale)


def of_torch_2_11(
    query: Any, key: Any, value: Any, starts: Any, _ends: Any, _longest: int, _most: int, *,
    scale: float | None = None, window_size: tuple[int, int] = (-1, -1),
) -> Any:  # fmt: skip
    assert window_size == (-1, 0)
    assert query.shape[1] == key.shape[1]
    return document_by_document(query, key, value, starts, scale)


def of_torch_2_10(  # noqa: PLR0913 - torch's signature
    query: Any, key: Any, value: Any, starts: Any, _ends: Any, _longest: int, _most: int,
    is_causal: bool = False, return_aux: Any = None, scale: float | None = None,
) -> Any:  # fmt: skip
    assert is_causal
    assert query.shape[1] == key.shape[1]
    return document_by_document(query, key, value, starts, scale)


def play(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], autocast: bool = True, kernel: Any = of_today
) -> None:
    monkeypatch.setattr(attention, "compute_capability", lambda _: capability)
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", kernel)
    monkeypatch.setattr("training.model.isolation.computes_in_bfloat16", lambda: autocast)


@pytest.mark.parametrize("kernel", [of_today, of_torch_2_11, of_torch_2_10])
@pytest.mark.parametrize("kind", ["llama", "qwen3"])
def test_every_version_of_the_kernel_computes_the_same(kind: str, kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, H100, kernel=kernel)
    found = attend_apart(made(kind), "auto")
    assert (found.packed, found.attention) == (True, "varlen"), found.tried
    monkeypatch.setattr(attention, "kernel_unfit", lambda *_: "")  # in float32 the same can be told to the last bits
    monkeypatch.setattr("tests.training.rehearsal.test_attention.checked", lambda *_: None)
    assert off(kind, "varlen") < 1e-5


def test_a_base_in_float32_runs_through_the_kernel_where_training_computes_in_bfloat16(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play(monkeypatch, A100)
    assert attend_apart(made("llama"), "auto").attention == "varlen"


@pytest.mark.parametrize(
    ("capability", "autocast", "own", "why"),
    [
        (T4, False, {}, "compute capability 7.5"),
        (A100, False, {}, "numbers are float32"),
        (A100, True, {"head_dim": 12}, "heads have a size of 12"),
        (A100, True, {"head_dim": 264}, "heads have a size of 264"),
    ],
)
def test_where_the_kernel_cannot_run_the_library_attends(
    capability: tuple[int, int], autocast: bool, own: dict[str, int], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, capability, autocast)
    found = attend_apart(made("qwen3", **own), "auto")
    assert (found.packed, found.attention) == (True, "sdpa")
    assert why in found.tried[0].trouble


def test_latent_attention_with_other_heads_for_values_is_left_to_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, H100)
    found = attend_apart(made("deepseek_v3"), "auto")
    assert (found.packed, found.attention) == (True, "sdpa")
    assert "keys have heads of 16 and values of 24" in found.tried[0].trouble


@pytest.mark.parametrize(("size", "fits"), [(8, True), (64, True), (256, True), (60, False), (264, False)])
def test_heads_that_fit(size: int, fits: bool) -> None:
    import torch

    assert (kernel_unfit(H100, torch.bfloat16, size, size) == "") == fits


def test_no_kernel_without_cuda() -> None:
    import torch

    assert "no CUDA" in kernel_unfit(None, torch.bfloat16, 64, 64)
