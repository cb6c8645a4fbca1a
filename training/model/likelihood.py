"""How probable a model finds given replies: token-weighted, the same for every batch size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from training.template import IGNORED, Example

if TYPE_CHECKING:
    from torch import device, nn

Progress = Callable[[Iterable[list[int]], int], Iterable[list[int]]]  # of batches of indices, and how many


def examples_of(tokens: pl.DataFrame) -> list[Example]:
    """Tokens and labels of a tokenized table."""
    return [Example(ids, labels) for ids, labels in tokens.select("input_ids", "labels").iter_rows()]


def negative_log_likelihoods(
    model: "nn.Module", examples: Sequence[Example], batch_tokens: int = 2048, progress: Progress | None = None
) -> list[float]:
    """Sum over the supervised tokens of -ln p, one figure an example (nats), in the order given.

    Divide sums by sums of `Example.supervised` for a mean over tokens; a mean of means would weigh batches, not tokens.
    """
    import torch

    batches = list(_batches([len(e.input_ids) for e in examples], batch_tokens))
    sums = [0.0] * len(examples)
    place = next(model.parameters()).device
    with torch.no_grad():
        for batch in progress(batches, len(batches)) if progress else batches:
            for index, value in zip(batch, _sums(model, [examples[i] for i in batch], place), strict=True):
                sums[index] = value
    return sums


def token_loss(model: "nn.Module", examples: Sequence[Example]) -> float:
    """Nats a supervised token: a mean over tokens and not over batches."""
    return sum(negative_log_likelihoods(model, examples)) / sum(e.supervised for e in examples)


def _sums(model: "nn.Module", examples: Sequence[Example], place: "device") -> list[float]:
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
