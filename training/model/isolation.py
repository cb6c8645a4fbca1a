"""Whether conversations packed into one row see each other: tried on the model at hand, not looked up by name.

A model may forget where a document ends in many ways: row boundaries that never reach its attention, a mask of its own,
a convolution or a state that runs on. No loss on dev shows it. So a row of short documents is read before training,
once more with other neighbours, and each document alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.model.attention import Attention, use_attention, ways_to_attend
from training.model.base import computes_in_bfloat16

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

LENGTHS = (9, 4, 13, 6)  # tokens; short, so that what leaks over a border alone is not drowned by what follows
# Of the spread of the logits, by the root of the mean square: what rounding moves, with numbers of 24 bits and of 8.
MOVED = (1e-3, 1e-2)  # between two rows of one shape, which round alike
STRAYED = (1e-3, 0.1)  # between a row and a document alone


@dataclass(frozen=True)
class Tried:
    """One way to attend over packed rows. Figures are shares of the spread of the logits, of the worst document."""

    attention: str
    moved: float = 0.0  # by other documents in the same row
    strayed: float = 0.0  # from the document alone
    trouble: str = ""  # what the model tripped over, in place of figures
    exact: bool = True  # numbers of 24 bits

    @property
    def apart(self) -> bool:
        """Documents see only themselves (a figure that is no number proves nothing)."""
        rough = 0 if self.exact else 1
        return not self.trouble and self.moved <= MOVED[rough] and self.strayed <= STRAYED[rough]

    def __str__(self) -> str:
        return f"{self.attention}: {self.trouble or f'{max(self.moved, self.strayed):.1%}'}"


@dataclass(frozen=True)
class Apart:
    """How the model attends from now on, and whether rows may hold several documents."""

    attention: str
    packed: bool
    tried: Sequence[Tried]


def attend_apart(model: "PreTrainedModel", wanted: Attention) -> Apart:
    """Sets the first way to attend that keeps documents of a row apart; where none does, the model's own, unpacked."""
    own = str(model.config._attn_implementation)
    tried: list[Tried] = []
    with _as_trained(model):
        alone = _alone(model)
        for way in ways_to_attend(model, wanted):
            tried.append(_try(model, way, alone))
            if tried[-1].apart:
                return Apart(way, True, tried)
    model.set_attn_implementation(own)
    return Apart(own, False, tried)


def _try(model: "PreTrainedModel", way: str, alone: "Sequence[Tensor]") -> Tried:
    import torch

    try:
        use_attention(model, way, packed=True)  # type: ignore[arg-type]
        packed, other = _packed(model, _documents(model, ())), _packed(model, _documents(model, (0, 2)))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever it trips over, so would training
        return Tried(way, trouble=next(iter(str(error).strip().splitlines()), type(error).__name__))
    return Tried(
        way,
        moved=max(_distance(packed[n], other[n]) for n in (1, 3)),
        strayed=max(map(_distance, packed, alone)),
        exact=packed[0].dtype == torch.float32,
    )


def _distance(one: "Tensor", other: "Tensor") -> float:
    one, other = one.float(), other.float()
    return float((one - other).square().mean().sqrt() / other.std())


def _alone(model: Any) -> "list[Tensor]":
    import torch

    rows = [torch.tensor([ids], device=model.device) for ids in _documents(model, ())]
    return [model(input_ids=row, use_cache=False).logits[0] for row in rows]


def _packed(model: Any, documents: list[list[int]]) -> "list[Tensor]":
    """Logits of each document in one row, in the very form in which TRL's trainer gives it."""
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    row = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)([{"input_ids": ids} for ids in documents])
    del row["labels"]
    given = {name: value.to(model.device) if hasattr(value, "to") else value for name, value in row.items()}
    return list(model(**given, use_cache=False).logits[0].split(LENGTHS))


def _documents(model: Any, changed: Sequence[int]) -> list[list[int]]:
    """Plain tokens, away from the ends of the vocabulary, where special ones stand; `changed` are other ones."""
    size = int(model.get_input_embeddings().weight.shape[0])
    first, some = size // 10, max(size // 2 - size // 10, 1)
    return [
        [first + (37 * n + 101 * at + 7 * at * at + 53 * (n in changed)) % some for at in range(length)]
        for n, length in enumerate(LENGTHS)
    ]


@contextmanager
def _as_trained(model: "PreTrainedModel") -> Iterator[None]:
    """In the trainer's number format, without dropout and gradients."""
    import torch

    training = model.training
    with torch.no_grad(), torch.autocast(model.device.type, torch.bfloat16, enabled=computes_in_bfloat16()):
        try:
            model.train(False)
            yield
        finally:
            model.train(training)
