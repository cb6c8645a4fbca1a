"""What a training example pulls the adapter's weights towards: its gradient, folded into few numbers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from training.template import IGNORED, Example

if TYPE_CHECKING:
    from torch import Tensor, nn

# Numbers a gradient is folded into. Cosines of folded gradients differ from those of whole ones by about 1/sqrt(8192),
# a hundredth. Source: the projection of LESS (Xia et al. 2024); folding by sign and place is the count sketch (Charikar
# et al. 2002), which needs no matrix.
WIDTH = 8192
SEED = 7


def adapter_weights(model: "nn.Module") -> dict[str, "nn.Parameter"]:
    """Those of LoRA by name, and nothing else of the model has a gradient from now on."""
    found = {}
    for name, weight in model.named_parameters():
        weight.requires_grad_(".lora_" in name)
        if weight.requires_grad:
            found[name] = weight
    return found


def gradients(model: "nn.Module", examples: Iterable[Example]) -> Iterator["Tensor"]:
    """(WIDTH,) of the mean loss a supervised token of each example, float32 on the CPU."""
    import torch

    weights = adapter_weights(model)
    place = next(model.parameters()).device
    for example in examples:
        ids = torch.tensor([example.input_ids], device=place)
        labels = torch.tensor(example.labels[1:], device=place)
        counted = labels != IGNORED
        logits = model(input_ids=ids).logits[0, :-1][counted].float()
        loss = torch.nn.functional.cross_entropy(logits, labels[counted])
        yield folded(torch.autograd.grad(loss, list(weights.values())))


def folded(parts: Sequence["Tensor"]) -> "Tensor":
    """(WIDTH,): each number with a sign of its own on a place of its own, both drawn once for all examples."""
    import torch

    draw = torch.Generator().manual_seed(SEED)
    found = torch.zeros(WIDTH)
    for part in parts:
        flat = part.detach().reshape(-1).float().cpu()
        places = torch.randint(WIDTH, flat.shape, generator=draw)
        signs = torch.randint(2, flat.shape, generator=draw) * 2 - 1
        found.index_add_(0, places, flat * signs)
    return found
