"""How probable a model finds given replies: token-weighted, the same for every batch size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from training.model.crew import Make, shared_out
from training.model.instep import Beside
from training.model.lanes import lanes_of
from training.model.shared import PACK, Reader, packs
from training.model.sharing import can_share
from training.model.template import IGNORED, Example

if TYPE_CHECKING:
    from torch import Tensor, device, nn

Progress = Callable[[Iterable[Any], int], Iterable[Any]]  # of batches, and how many
Weigher = Make[Sequence[Example], list[float]]
RUN = 32  # batches on a card that go on from what the one before has read


def examples_of(tokens: pl.DataFrame) -> list[Example]:
    """Tokens and labels of a tokenized table."""
    return [Example(ids, labels) for ids, labels in tokens.select("input_ids", "labels").iter_rows()]


def negative_log_likelihoods(
    model: "nn.Module", examples: Sequence[Example], batch_tokens: int = PACK, progress: Progress | None = None
) -> list[float]:
    """Sum over the supervised tokens of -ln p, one figure an example (nats), in the order given.

    What examples begin with alike is read once where the model allows it (training/model/shared.py), at most
    `batch_tokens` new tokens at a time; else in padded batches of as many. Which examples stand together moves a sum by
    less than 1e-4 nats in float32.

    Divide sums by sums of `Example.supervised` for a mean over tokens; a mean of means would weigh batches, not tokens.
    """
    sums = [0.0] * len(examples)
    chosen, weigher, lanes = plan_of(model, examples, batch_tokens)
    if not chosen:
        return sums
    weighed = shared_out(model, [[examples[i] for i in batch] for batch in chosen], weigher, lanes, RUN)
    for place, values in progress(weighed, len(chosen)) if progress else weighed:
        for index, value in zip(chosen[place], values, strict=True):
            sums[index] = value
    return sums


def plan_of(
    model: "nn.Module", examples: Sequence[Example], batch_tokens: int = PACK
) -> tuple[list[list[int]], Weigher, int]:
    """Indices of the examples with a token to tell in batches, what makes a weigher of a model, and how many lanes.

    A weigher passes a batch through the model once, and gives the sums of its examples.
    """
    told = [i for i, example in enumerate(examples) if _told(example)]
    batches, weigher, lanes = _plan(model, [examples[i] for i in told], batch_tokens)
    return [[told[place] for place in batch] for batch in batches], weigher, lanes


def weighed_beside(example: Example, keep: Callable[[float], None]) -> Beside:
    """An example with a token to tell, to be read beside prompts that are answered; `keep` is given its nats."""
    return Beside(
        what_is_read(example), [place - 1 for place in _told(example)], lambda logits: keep(_loss(example, logits))
    )


def token_loss(model: "nn.Module", examples: Sequence[Example]) -> float:
    """Nats a supervised token: a mean over tokens and not over batches."""
    return sum(negative_log_likelihoods(model, examples)) / sum(e.supervised for e in examples)


def _plan(model: "nn.Module", examples: Sequence[Example], batch_tokens: int) -> tuple[list[list[int]], Weigher, int]:
    if can_share(model):
        batches = packs([what_is_read(example) for example in examples], batch_tokens)
        return batches, _branching, lanes_of(next(model.parameters()).device)
    return list(_batches([len(e.input_ids) for e in examples], batch_tokens)), _padding, 1


def _told(example: Example) -> list[int]:
    """Places of the tokens that the ones before them are to foretell."""
    return [place for place, label in enumerate(example.labels) if label != IGNORED and place]


def what_is_read(example: Example) -> list[int]:
    """The tokens that foretell one that is told: nothing depends on the last that is told, nor on what follows it."""
    return example.input_ids[: _told(example)[-1]]


def _branching(model: "nn.Module") -> Callable[[Sequence[Example]], list[float]]:
    return partial(_branches, Reader(model))


def _padding(model: "nn.Module") -> Callable[[Sequence[Example]], list[float]]:
    return partial(_sums, model, next(model.parameters()).device)


def _branches(reader: Reader, examples: Sequence[Example]) -> list[float]:
    import torch

    places = [_told(example) for example in examples]
    logits, _ = reader.read([what_is_read(e) for e in examples], [[place - 1 for place in told] for told in places])
    parts = torch.split(logits, [len(told) for told in places])
    return [_loss(example, part) for example, part in zip(examples, parts, strict=True)]


def _loss(example: Example, logits: "Tensor") -> float:
    """Nats, by the logits (places, vocabulary) that foretell the tokens that are told."""
    import torch

    labels = torch.tensor([example.labels[place] for place in _told(example)], device=logits.device)
    losses: Any = torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none")
    return float(losses.double().sum())


def _sums(model: "nn.Module", place: "device", examples: Sequence[Example]) -> list[float]:
    import torch

    # Padding stands on the right, where a causal model cannot see it from the tokens that count.
    padded = partial(torch.nn.utils.rnn.pad_sequence, batch_first=True)
    ids = padded([torch.tensor(e.input_ids) for e in examples]).to(place)
    labels = padded([torch.tensor(e.labels) for e in examples], padding_value=IGNORED).to(place)[:, 1:]
    attended = padded([torch.ones(len(e.input_ids), dtype=torch.long) for e in examples]).to(place)
    # The head is a large part of a small model, and most tokens are context: it only looks where a reply is to come.
    places = (labels != IGNORED).any(dim=0).nonzero()[:, 0]
    labels = labels[:, places]
    counted = labels != IGNORED
    logits = model(input_ids=ids, attention_mask=attended, logits_to_keep=places).logits[counted].float()
    losses = torch.zeros(labels.shape, dtype=torch.float64, device=labels.device)
    losses[counted] = torch.nn.functional.cross_entropy(logits, labels[counted], reduction="none").double()
    return [float(value) for value in losses.sum(dim=1)]


def _batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Indices in batches of at most `batch_tokens` padded tokens (at least one each), longest first."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > batch_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
