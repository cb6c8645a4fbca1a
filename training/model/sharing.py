"""Which models can be read in a tree and written in step: tried on a few tokens, not looked up by name."""

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from training.model.instep import InStep
from training.model.shared import Reader

if TYPE_CHECKING:
    from torch import nn

PROBE = ([1, 2, 3, 4, 5], [1, 2, 3, 6], [1, 2, 3, 6, 7, 2])
# Of the spread of the logits, by the root of the mean square: what numbers move them by, of 24 bits and of 8 or 11.
EXACT, ROUGH = 1e-3, 0.1
_tried: "WeakKeyDictionary[nn.Module, bool]" = WeakKeyDictionary()


def can_share(model: "nn.Module") -> bool:
    """Whether the model gives the same when read in a tree and written in step, tried once on a few tokens."""
    if model.training:  # checkpoints keep no cache, dropout tells no truth
        return False
    if model not in _tried:
        _tried[model] = _keeps_all(model) and _agrees(model)
    return _tried[model]


def is_spread(model: Any) -> bool:
    """Whether layers lie on several cards."""
    return len(set((getattr(model, "hf_device_map", None) or {}).values())) > 1


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
