"""Layers computed another way, proved against the model as it comes, on a CPU that plays a card."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.harness.errors import QiratError
from tests.training.rehearsal.models import made
from training.model import kernels
from training.model.attention import use_attention
from training.model.kernels import compute_fast, ways_to_compute
from training.model.rows import filled
from training.train import fit

DOCUMENTS = [list(range(20, 20 + length)) for length in (9, 4, 13, 6)]
LONGEST = 13


def tuned(kind: str = "qwen3") -> Any:
    from peft import LoraConfig, get_peft_model

    base = made(kind)
    use_attention(base, "varlen", packed=True)
    model: Any = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=4))
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "lora_B" in name:
                weights.normal_(std=0.1)
    return model.train()


def batch(documents: list[list[int]] = DOCUMENTS) -> dict[str, Any]:
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    examples = [{"input_ids": ids, "labels": [-100] * 3 + ids[3:]} for ids in documents]
    found: dict[str, Any] = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)(examples)
    return found


def row(model: Any, given_: dict[str, Any]) -> Callable[[], list[Any]]:
    def computed() -> list[Any]:
        loss = model(**given_, use_cache=False, num_items_in_batch=20).loss
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        return [loss, *torch.autograd.grad(loss, weights)]

    return computed


@settings(max_examples=12)
@given(more=st.integers(0, 60))
def test_filling_a_row_up_gives_one_shape_and_no_gradient(more: int) -> None:
    model, plain = SHARED, batch()
    tokens = plain["input_ids"].shape[1] + more
    full = filled(plain, tokens, LONGEST)
    assert {full[name].shape[1] for name in ("input_ids", "labels", "position_ids", "seq_idx")} == {tokens}
    assert full["cu_seq_lens_q"][-1] == tokens
    assert full["cu_seq_lens_q"].diff().max() <= full["max_length_q"] == LONGEST
    assert full["seq_idx"].max() + 1 == len(full["cu_seq_lens_q"]) - 1
    for one, other in zip(row(model, plain)(), row(model, full)(), strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-7)


SHARED = tuned()


def test_compiled_layers_come_to_the_gradients_of_the_model_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "HOW", {"backend": "aot_eager"})
    model = tuned()
    plain = row(model, batch())()
    found = compute_fast(model, "compiled", row(model, filled(batch(), 64, LONGEST)), one_length=True)
    assert found.way == "compiled"
    assert all(layer._compiled_call_impl for layer in model.get_decoder().layers)
    for one, other in zip(row(model, filled(batch(), 64, LONGEST))(), plain, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)
    found.undo()
    assert not any(layer._compiled_call_impl for layer in model.get_decoder().layers)


def test_rows_of_other_documents_are_computed_by_what_was_compiled_for_the_first_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from torch._dynamo.testing import CompileCounterWithBackend

    compiler: Any = CompileCounterWithBackend("aot_eager")
    monkeypatch.setattr(kernels, "HOW", {"backend": compiler})
    model = tuned()
    found = compute_fast(model, "compiled", row(model, filled(batch(), 64, LONGEST)), one_length=True)
    counts = []
    for documents in (DOCUMENTS[:2], DOCUMENTS[:3], [*DOCUMENTS, *DOCUMENTS[1:2]], DOCUMENTS[:1]):
        row(model, filled(batch(documents), 64, LONGEST))()
        counts.append(compiler.frame_count)
    found.undo()
    assert counts[1:] == [counts[1]] * 3


def test_lora_under_autocast_comes_to_the_same_without_a_float32_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "computes_in_bfloat16", lambda: True)
    model = tuned().to(torch.bfloat16)
    read: set[torch.dtype] = set()
    for name, weights in model.named_parameters():
        if "lora_" in name:
            weights.data = weights.data.float()
    for name, module in model.named_modules():
        if name.endswith("lora_A.default"):
            module.register_forward_pre_hook(lambda _module, args: read.add(args[0].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        plain = row(model, batch())()
        assert read == {torch.float32}
        read.clear()
        with fit.lora_under_autocast(model):
            found = row(model, batch())()
    assert read == {torch.bfloat16}
    assert all(map(torch.equal, plain, found))
    assert {part.dtype for part in found[1:]} == {torch.float32}  # of what the optimiser steps


def wrong(model: Any) -> Callable[[], None]:
    """Norms that forget how wide they are, as a kernel for another family would."""
    norms = [module for name, module in model.named_modules() if name.endswith("input_layernorm")]
    for norm in norms:
        norm.forward = lambda hidden: 1.5 * hidden

    def undo() -> None:
        for norm in norms:
            del norm.forward

    return undo


def test_a_way_that_strays_is_refused_by_name_where_asked_for_and_passed_over_where_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tuned()
    plain = row(model, batch())
    before = [part.clone() for part in plain()]
    monkeypatch.setitem(kernels.APPLIED, "liger", wrong)
    monkeypatch.setattr(kernels, "_no_liger", lambda _: "")
    with pytest.raises(QiratError, match=r"Qwen3ForCausalLM computed liger is not what .* move by \d+.*%.*use auto"):
        compute_fast(model, "liger", plain, one_length=True)
    monkeypatch.setattr(kernels, "ways_to_compute", lambda *_: ["liger"])
    assert compute_fast(model, "auto", plain, one_length=True).way == "eager"
    assert "computed liger is not what it is as it comes" in capsys.readouterr().err
    assert all(map(torch.equal, before, plain()))


def test_a_cpu_computes_as_it_comes_and_what_cannot_be_had_is_told() -> None:
    assert ways_to_compute(SHARED, "auto", one_length=True) == []
    assert ways_to_compute(SHARED, "eager", one_length=True) == []
    with pytest.raises(QiratError, match=r"compiled cannot compute .* \(rows are not packed"):
        ways_to_compute(SHARED, "compiled", one_length=False)
    with pytest.raises(QiratError, match=r"liger cannot compute .*pip install 'qirat\[kernels\]'"):
        ways_to_compute(SHARED, "liger", one_length=True)
