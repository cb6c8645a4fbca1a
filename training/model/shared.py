"""Sequences that begin alike are read once: a prompt before every conversation, a question before its answers.

Sorted, each row goes on where it parts from the one before it. What is new of several rows is read as one row of the
model, a tree whose tokens see their own branch alone (by a mask; their positions are those in the sequence), on top of
the cache of what was read before. So nothing is padded and nothing read twice. Models that keep no whole cache, or see
otherwise than by a mask, cannot be read so; which these are is tried and not looked up, see `can_share`.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

Rows = Sequence[list[int]]
PACK = 1024  # tokens read at a time: enough for a GPU, and few enough that the tree stays cheaper than the weights
PROBE = ([1, 2, 3, 4, 5], [1, 2, 3, 6], [1, 2, 3, 6, 7, 2])
# Of the spread of the logits, by the root of the mean square: what numbers move them by, of 24 bits and of 8 or 11.
EXACT, ROUGH = 1e-3, 0.1
_tried: "WeakKeyDictionary[nn.Module, bool]" = WeakKeyDictionary()


def alike(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens both begin with."""
    both = zip(left, right, strict=False)
    return next((at for at, (one, other) in enumerate(both) if one != other), min(len(left), len(right)))


def packs(rows: Rows, most: int) -> list[list[int]]:
    """Indices of the rows, sorted by their tokens, in packs with `most` new tokens at most (one row at least)."""
    order = sorted(range(len(rows)), key=lambda i: rows[i])
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


def can_share(model: "nn.Module") -> bool:
    """Whether the model gives the same when read in a tree and written in step, tried once on a few tokens."""
    if model.training:  # checkpoints keep no cache, dropout tells no truth
        return False
    if model not in _tried:
        _tried[model] = _keeps_all(model) and _agrees(model)
    return _tried[model]


def _keeps_all(model: Any) -> bool:
    """The cache holds every token of every layer: no window that slides, no state that is written over."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    if not hasattr(model, "config"):
        return False
    layers = DynamicCache(config=model.config).layers
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)


def _agrees(model: Any) -> bool:
    import torch

    from training.model.instep import InStep

    with torch.no_grad():
        plain = [model(input_ids=torch.tensor([row], device=model.device)).logits[0].double() for row in PROBE]
        ends = PROBE[::2]
        try:
            reader = Reader(model)
            found = [
                reader.read(pack, [[len(row) - 2, len(row) - 1] for row in pack])[0] for pack in (PROBE[:2], PROBE[2:])
            ]
            begun = InStep.of(Reader(model), [row[:-1] for row in ends], 1)
            found.append(begun.write(torch.tensor([row[-1] for row in ends], device=model.device)))
        except Exception:  # whatever it trips over, it is read the plain way
            return False
    expected = torch.cat([*(logits[-2:] for logits in plain), *(logits[-1:] for logits in plain[::2])])
    error = (torch.cat(found).double() - expected).square().mean().sqrt() / expected.std()
    return float(error) <= (EXACT if next(model.parameters()).dtype == torch.float32 else ROUGH)


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
