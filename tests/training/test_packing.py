"""Packed rows give what one conversation at a time gives, on every way to attend."""

from typing import Any

import pytest

from curation.harness.errors import QiratError
from tests.training.tiny import model
from training.model.attention import use_attention

LENGTHS = (5, 17, 9, 30, 2, 12)
WAYS = ("varlen", "sdpa", "eager")


def rows() -> list[dict[str, list[int]]]:
    """Tokens with the first third of each as context."""
    found = []
    for n, length in enumerate(LENGTHS):
        ids = [(7 * n + 13 * at) % 500 + 20 for at in range(length)]
        context = max(1, length // 3)
        found.append({"input_ids": ids, "labels": [-100] * context + ids[context:]})
    return found


def gradients(attention: Any, packed: bool) -> Any:
    """The gradients of the mean loss over all supervised tokens, as one vector."""
    import torch
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    made = model()
    made.lm_head.weight.data.mul_(20)
    use_attention(made, attention, packed=True)
    supervised = sum(label >= 0 for row in rows() for label in row["labels"][1:])
    collate = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)
    batches = [rows()] if packed else [[row] for row in rows()]
    for batch in batches:
        inputs = collate(batch)
        labels = inputs.pop("labels")
        logits = made(**inputs, use_cache=False).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")
        (loss / supervised).backward()
    return torch.cat([p.grad.flatten() for p in made.parameters()])


@pytest.mark.parametrize("attention", WAYS)
def test_packed_rows_give_the_gradients_of_one_at_a_time(attention: str) -> None:
    alone, packed = gradients("sdpa", packed=False), gradients(attention, packed=True)
    assert float((packed - alone).norm() / alone.norm()) <= 1e-6


def test_a_document_that_saw_its_neighbour_would_be_noticed() -> None:
    import torch

    made = model()
    joined = torch.tensor([[token for row in rows() for token in row["input_ids"]]])
    alone = gradients("sdpa", packed=False)
    made.lm_head.weight.data.mul_(20)
    labels = torch.tensor([label for row in rows() for label in row["labels"]])
    logits = made(input_ids=joined).logits[0, :-1]
    torch.nn.functional.cross_entropy(logits, labels[1:]).backward()
    leaked = torch.cat([p.grad.flatten() for p in made.parameters()])
    assert float((leaked - alone).norm() / alone.norm()) > 1e-2


def test_varlen_refuses_what_it_cannot_compute() -> None:
    from curation.harness.errors import QiratError

    made = model()
    made.config.layer_types = ["sliding_attention", "full_attention"]
    with pytest.raises(QiratError, match="sliding_attention"):
        use_attention(made, "varlen", packed=True)
    assert use_attention(made, "auto", packed=True) == made.config._attn_implementation


def test_layers_that_varlen_knows_nothing_of_are_left_to_the_model() -> None:
    made = model()
    came_with = made.config._attn_implementation
    made.config.layer_types = ["full_attention", "chunked_attention"]
    assert use_attention(made, "auto", packed=True) == came_with
    with pytest.raises(QiratError, match="it has layers of chunked_attention"):
        use_attention(made, "varlen", packed=True)
