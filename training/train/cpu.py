"""A step on a CPU: its passes side by side, a core each, and only what is learnt through the head.

Two cores on one pass wait for each other at every layer, two passes of a core each do not (training/model/lanes.py).
TRL's head reckons every place of a pass where there is no Triton, twice, though the loss looks at the learnt ones
alone: a third of a small model's work.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from training.model.lanes import lanes_of, side_by_side
from training.model.template import IGNORED

if TYPE_CHECKING:
    from torch import Tensor, nn

    Pass = tuple[Tensor, Sequence[Tensor | None]]  # loss, and the gradients of what is tuned


def trainer_on_cpu() -> Any:
    """SFTTrainer, made for one process on a CPU. The sums are TRL's but for rounding, in one order for any number of
    cores.
    """
    import torch
    from trl import SFTTrainer  # type: ignore[attr-defined]

    class OnCpu(SFTTrainer):  # type: ignore[misc]
        lanes = 1  # the first step goes pass by pass and looks whether they draw: then lanes would take turns at random

        def get_batch_samples(self, *given: Any) -> Any:
            found = super().get_batch_samples(*given)
            self.batches = found[0]
            return found

        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> "Tensor":
            if inputs is self.batches[0]:
                self.losses = self._stepped(model.train())
            return next(self.losses)

        def _stepped(self, model: Any) -> "Iterator[Tensor]":
            """The losses of the passes, once their gradients stand where the optimiser looks."""
            before, cores = torch.get_rng_state(), lanes_of(model.device)
            tuned = [weights for weights in model.parameters() if weights.requires_grad]
            with one_thread():
                work = partial(passing, model, tuned, learnt(self.batches))
                passes = dict(side_by_side(self.batches, work, self.lanes))
            self.lanes = cores if torch.equal(before, torch.get_rng_state()) else 1
            for _, gradients in (passes[place] for place in range(len(passes))):
                for weights, gradient in zip(tuned, gradients, strict=True):
                    if gradient is not None:
                        weights.grad = gradient if weights.grad is None else weights.grad + gradient
            return (passes[place][0] for place in range(len(passes)))

    return OnCpu


def learnt(batches: Sequence[Mapping[str, "Tensor"]]) -> int:
    """Tokens that a step learns."""
    return sum(int((batch["labels"][:, 1:] != IGNORED).sum()) for batch in batches)


def passing(model: "nn.Module", tuned: Sequence["Tensor"], tokens: int) -> "Callable[[Mapping[str, Tensor]], Pass]":
    """What computes a pass of a step that learns so many tokens."""
    import torch

    def run(batch: Mapping[str, "Tensor"]) -> "Pass":
        with torch.enable_grad():
            loss = summed_loss(model, batch) / max(tokens, 1)
            return loss.detach(), torch.autograd.grad(loss, tuned, allow_unused=True)

    return run


def seconds_a_pass(model: Any, batch: Mapping[str, "Tensor"], passes: int) -> float:
    """By a trial of as many at the same time as a step has; the first pays for memory that the next ones find."""
    import torch

    tuned = [weights for weights in model.parameters() if weights.requires_grad]
    lanes = min(passes, lanes_of(model.device))
    seconds = []
    with one_thread():
        for _ in range(2):
            started = time.perf_counter()
            with torch.random.fork_rng(devices=[]):  # what a trial draws, the run draws too
                deque(side_by_side([batch] * lanes, partial(passing, model, tuned, 1), lanes), maxlen=0)
            seconds.append(time.perf_counter() - started)
    return min(seconds) / lanes


@contextmanager
def one_thread() -> Iterator[None]:
    """For a pass: how many share a product decides the last bits of it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def summed_loss(model: "nn.Module", batch: Mapping[str, "Tensor"]) -> "Tensor":
    """Nats of the learnt tokens together."""
    import torch

    rest = {name: value for name, value in batch.items() if name != "labels"}
    labels = batch["labels"][:, 1:]
    places = (labels != IGNORED).any(dim=0).nonzero()[:, 0]
    logits = model(**rest, logits_to_keep=places, use_cache=False).logits
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), labels[:, places].flatten(), ignore_index=IGNORED, reduction="sum"
    )
