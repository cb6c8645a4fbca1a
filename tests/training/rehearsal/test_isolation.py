"""Packed conversations see only themselves, on the model at hand, or have a row each."""

from typing import Any

import polars as pl
import pytest

from curation.harness.errors import QiratError
from tests.builders import params, talk
from tests.training.rehearsal.models import made
from tests.training.tiny import renderer, tokenizer
from training.model.attention import VARLEN, use_attention
from training.model.isolation import attend_apart
from training.model.recipe import Train
from training.model.rows import rows_apart
from training.train.fit import fit

APART = {"llama": "varlen", "qwen3": "varlen", "stablelm": "sdpa", "nemotron": "sdpa", "gemma2": "eager"}
LEAKING = ("gpt_oss", "afmoe", "lfm2", "lfm3", "minimax", "jamba", "mamba")


def gradient(model: Any, batches: list[list[dict[str, Any]]], flat: bool) -> Any:
    """The gradient of the summed loss over the supervised tokens, as one vector."""
    import torch
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    collate = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=flat)
    model.zero_grad(set_to_none=True)
    for batch in batches:
        given = collate(batch)
        labels = given.pop("labels")
        logits = model(**given, use_cache=False).logits[:, :-1]
        loss: Any = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")
        loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def rows() -> list[dict[str, list[int]]]:
    return [
        {"input_ids": (ids := [(7 * n + 13 * at) % 500 + 20 for at in range(length)]), "labels": ids}
        for n, length in enumerate((5, 17, 9, 30, 12))
    ]


def off(kind: str, way: str) -> float:
    """How far the gradient of packed rows is from that of each conversation alone."""
    model = made(kind)
    alone = gradient(model, [[row] for row in rows()], flat=False)
    use_attention(model, way, packed=True)  # type: ignore[arg-type]
    packed = gradient(model, [rows()], flat=True)
    return float((packed - alone).norm() / alone.norm())


@pytest.mark.parametrize("kind", APART)
def test_a_way_to_attend_is_chosen_that_keeps_conversations_apart(kind: str) -> None:
    found = attend_apart(made(kind), "auto")
    assert (found.packed, found.attention) == (True, APART[kind])
    assert off(kind, found.attention) < 1e-5


def test_a_model_whose_row_borders_get_lost_is_noticed() -> None:
    found = attend_apart(made("stablelm"), "varlen")
    assert not found.packed
    assert found.tried[0].moved > 0.1
    assert off("stablelm", "varlen") > 0.1


@pytest.mark.parametrize("kind", LEAKING)
def test_a_model_that_mixes_conversations_attends_as_it_came_and_is_not_packed(kind: str) -> None:
    model = made(kind)
    own = model.config._attn_implementation
    found = attend_apart(model, "auto")
    assert (found.packed, found.attention, model.config._attn_implementation) == (False, own, own)


def test_the_model_is_left_as_it_was_but_for_how_it_attends() -> None:
    model = made("llama").train()
    attend_apart(model, "auto")
    assert model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert model.config._attn_implementation == VARLEN


UNKNOWN = ("s_aux", "softcap", "sliding_window", "position_bias", "anything_new")


def handing(unknown: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Llama that hands attention one thing more."""
    from transformers.models.llama.modeling_llama import LlamaAttention

    plain: Any = LlamaAttention.forward
    monkeypatch.setattr(LlamaAttention, "forward", lambda *given, **named: plain(*given, **named, **{unknown: 4}))
    return made("llama")


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_what_our_attention_does_not_compute_is_refused(unknown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    model = handing(unknown, monkeypatch)
    use_attention(model, "varlen", packed=True)
    with pytest.raises(QiratError, match=f"attention varlen does not compute {unknown}"):
        model(input_ids=torch.tensor([[5, 6, 7]]))


def test_then_the_model_attends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    found = attend_apart(handing("s_aux", monkeypatch), "auto")
    assert "s_aux" in found.tried[0].trouble
    assert (found.packed, found.attention) == (True, "sdpa")


def examples() -> pl.DataFrame:
    made_of = [e for n in range(12) for e in renderer().examples(talk(f"question {n}", "yes " * (n % 3 + 1)))]
    schema = {"input_ids": pl.List(pl.Int32), "labels": pl.List(pl.Int32)}
    return pl.DataFrame([(e.input_ids, e.labels) for e in made_of], schema=schema, orient="row")


def train(**own: Any) -> Train:
    settings = params("train")
    packed = {"batch": 1, "passes": 1, "pack_tokens": 64, "epochs": 1, "dev_points": 2}
    return Train.model_validate({**settings, "cpu": {**settings["cpu"], **packed, **own}})


def test_rows_that_would_mix_are_padded_instead_and_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    tokens, settings = examples(), train()
    lengths = tokens["input_ids"].list.len().to_list()
    recipe = rows_apart(made("mamba"), settings.recipe, lengths)
    assert (recipe.flat, recipe.pack_tokens) == (False, None)
    assert recipe.batch == pytest.approx(64 / (sum(lengths) / len(lengths)), abs=0.5)
    said = capsys.readouterr().err
    assert "MambaForCausalLM does not keep conversations apart" in said
    assert "%" in said


def test_training_gives_a_model_that_mixes_one_conversation_a_row() -> None:
    import torch

    settings = train(epochs=1)
    model, seen = made("lfm2"), list[dict[str, Any]]()
    forward = model.forward

    def watched(**given: Any) -> Any:
        if torch.is_grad_enabled():
            seen.append(given)
        return forward(**given)

    model.forward = watched
    fit(model, tokenizer(), examples(), renderer().examples(talk("question", "yes")), settings, settings.recipe)
    assert seen
    assert all("attention_mask" in given and "cu_seq_lens_q" not in given for given in seen)


def test_rows_of_one_conversation_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.model.rows.attend_apart", None)
    alone = train(pack_tokens=None, batch=2, passes=2).recipe
    assert rows_apart(made("mamba"), alone, [5, 9]) == alone
