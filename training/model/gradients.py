"""What a training example pulls the adapter's weights towards: its gradient, folded into few numbers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from training.model.template import IGNORED, Example

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

    weights = [*adapter_weights(model).values()]
    fold = folding([weight.numel() for weight in weights])
    place = next(model.parameters()).device
    for example in examples:
        labels = torch.tensor(example.labels[1:], device=place)
        told = (labels != IGNORED).nonzero()[:, 0]
        # The head is a large part of a small model: it only looks where a reply is to come.
        logits = model(input_ids=torch.tensor([example.input_ids], device=place), logits_to_keep=told).logits[0]
        loss = torch.nn.functional.cross_entropy(logits.float(), labels[told])
        yield fold(torch.autograd.grad(loss, weights))


def folding(sizes: Sequence[int]) -> Callable[[Sequence["Tensor"]], "Tensor"]:
    """What folds tensors of these sizes into (WIDTH,): each number has a place and a sign, drawn here once for all."""
    import torch

    draw = torch.Generator().manual_seed(SEED)
    places = [torch.randint(WIDTH, (size,), generator=draw, dtype=torch.int32) for size in sizes]
    signs = [torch.randint(2, (size,), generator=draw, dtype=torch.int8) * 2 - 1 for size in sizes]

    def fold(parts: Sequence["Tensor"]) -> "Tensor":
        found = torch.zeros(WIDTH)
        for part, at, sign in zip(parts, places, signs, strict=True):
            found.index_add_(0, at, part.detach().reshape(-1).float().cpu() * sign)
        return found

    return fold
