"""The loss on dev where one training runs in several processes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from training.model.likelihood import plan_of, token_loss
from training.model.template import Example

if TYPE_CHECKING:
    from torch import nn


def several() -> int:
    """Processes of this training."""
    import torch

    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def shared_token_loss(model: "nn.Module", examples: Sequence[Example]) -> float:
    """`token_loss`, each process weighing its share of the batches; the same number in all.

    Where processes share the weights out (FSDP2) a pass of one is a pass of all, so who has fewer batches weighs one
    again.
    """
    import torch

    if (processes := several()) == 1:
        return token_loss(model, examples)
    batches, weigher, _ = plan_of(model, examples)
    rank, each = torch.distributed.get_rank(), -(-len(batches) // processes)
    mine = batches[rank * each : (rank + 1) * each]
    again = (mine or batches)[-1:] * (each - len(mine))
    weigh, nats = weigher(model), 0.0
    with torch.no_grad():
        for at, batch in enumerate([*mine, *again]):
            found = sum(weigh([examples[i] for i in batch]))
            nats += found if at < len(mine) else 0.0
    total = torch.tensor(nats, dtype=torch.float64, device=_place(model))
    torch.distributed.all_reduce(total)
    return float(total) / sum(e.supervised for e in examples)


def _place(model: "nn.Module") -> Any:
    return next(model.parameters()).device
