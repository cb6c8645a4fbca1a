"""Sequences that begin alike are read once: a prompt before every conversation, a question before its answers.

Sorted, each row goes on where it parts from the one before it. What is new of several rows is read as one row of the
model, a tree whose tokens see their own branch alone (by a mask; their positions are those in the sequence), on top of
the cache of what was read before. So nothing is padded and nothing read twice. Models that keep no whole cache, or see
otherwise than by a mask, cannot be read so; which these are is tried and not looked up, see sharing.py.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

Rows = Sequence[list[int]]
PACK = 512  # tokens read at a time: enough for all products, and few enough that the tree stays cheap beside them


def alike(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens both begin with."""
    both = zip(left, right, strict=False)
    return next((at for at, (one, other) in enumerate(both) if one != other), min(len(left), len(right)))


def packs(rows: Rows, most: int) -> list[list[int]]:
    """Indices of the rows, sorted by their tokens, in packs with `most` new tokens at most (one row at least)."""
    order = sorted(range(len(rows)), key=lambda i: tuple(rows[i]))
    found: list[list[int]] = []
    fresh = 0
    for index in order:
        new = len(rows[index]) - (alike(rows[found[-1][-1]], rows[index]) if found else 0)
        if not found or fresh + new > most:
            found.append([])
            fresh = 0
        found[-1].append(index)
        fresh += new
    return found


class Reader:
    """Reads packs of sorted rows one after the other; what the last row shares with the next pack is not read again."""

    def __init__(self, model: "nn.Module") -> None:
        from transformers import DynamicCache

        self.model: Any = model
        self._kind = next(weights for weights in model.parameters() if weights.is_floating_point())
        self._row: Sequence[int] = ()
        self._path: Any = ()
        config: Any = model.config
        self.cache: Any = DynamicCache(config=config)

    def read(self, rows: Rows, wanted: Rows) -> "tuple[Tensor, list[np.ndarray[Any, Any]]]":
        """What foretells the tokens behind the `wanted` places of each row (ascending, at least one).

        Returns logits (places, vocabulary), row after row, and for each row where in the cache its tokens stand.
        """
        import torch

        known = min(alike(self._row, rows[0]), *(places[0] for places in wanted))
        self._keep(known)
        tokens, positions, paths, seen = _tree(rows, known)
        kept = [int(path[at]) - known for path, places in zip(paths, wanted, strict=True) for at in places]
        device, dtype = self._kind.device, self._kind.dtype
        hidden = torch.zeros(seen.shape, dtype=dtype).masked_fill_(~torch.from_numpy(seen), torch.finfo(dtype).min)
        out = self.model(
            input_ids=torch.tensor([tokens], device=device),
            position_ids=torch.tensor([positions], device=device),
            attention_mask=hidden[None, None].to(device),
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=torch.tensor(kept, device=device),
        )
        self._row, self._path = rows[-1], paths[-1]
        return out.logits[0], paths

    def _keep(self, known: int) -> None:
        """Leaves the first tokens of the last row in the cache, in their order."""
        import torch

        for layer in self.cache.layers:
            if layer.is_initialized:
                places = torch.as_tensor(self._path[:known], dtype=torch.long, device=layer.keys.device)
                layer.keys, layer.values = layer.keys[:, :, places], layer.values[:, :, places]


def _tree(rows: Rows, known: int) -> tuple[list[int], list[int], list[Any], Any]:
    """Tokens to read, their positions, the path of each row, and (tokens, known + tokens) which sees which.

    The first `known` tokens of the first row stand in the cache already.
    """
    import numpy as np

    tokens: list[int] = []
    positions: list[int] = []
    paths: list[Any] = []
    shared = [known, *(alike(*pair) for pair in pairwise(rows))]
    path = np.arange(known)
    for row, common in zip(rows, shared, strict=True):
        begin = known + len(tokens)
        tokens += row[common:]
        positions += range(common, len(row))
        path = np.concatenate([path[:common], np.arange(begin, known + len(tokens))])
        paths.append(path)
    seen = np.zeros((len(tokens), known + len(tokens)), dtype=bool)
    for path, common in zip(paths, shared, strict=True):
        new = path[common:]
        seen[np.ix_(new - known, path)] = np.tril(np.ones((len(new), len(path)), dtype=bool), k=common)
    return tokens, positions, paths, seen
