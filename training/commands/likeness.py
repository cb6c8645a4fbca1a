"""Whether two models say the same: their likeliest tokens and the divergence of their probabilities."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from training.model.template import IGNORED, Example

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Tolerances:
    """What is still the same. Divergences are KL, in nats a token."""

    tie: float  # where the two likeliest tokens are this close (nats), either may come first
    top1: float  # least share of the other places with the same likeliest token
    mean: float
    most: float  # at any one place


# The weights are rounded to this format and computed in float32, so that only what the export did is measured.
LIMITS = {
    "float32": Tolerances(tie=1e-3, top1=1.0, mean=1e-6, most=1e-5),
    "float16": Tolerances(tie=0.02, top1=0.99, mean=1e-4, most=0.01),
    "bfloat16": Tolerances(tie=0.1, top1=0.98, mean=1e-3, most=0.05),
}


@dataclass(frozen=True)
class Likeness:
    """How like another model answers, over so many places where a supervised token is next."""

    positions: int
    top1: float  # share with the same likeliest token
    top1_but_ties: float  # the same, over the places that are no tie
    kl_mean: float
    kl_max: float

    def within(self, limits: Tolerances) -> bool:
        """False also for what is no number."""
        return self.top1_but_ties >= limits.top1 and self.kl_mean <= limits.mean and self.kl_max <= limits.most

    def as_json(self) -> dict[str, Any]:
        """To six significant digits."""
        return {
            name: value if isinstance(value, int) else float(f"{value:.6g}") for name, value in asdict(self).items()
        }


def next_token_scores(model: "nn.Module", examples: Sequence[Example], most: int) -> "Tensor":
    """(places, vocabulary): logits before each supervised token, of the first `most` of them, on the CPU."""
    import torch

    place, found = next(model.parameters()).device, []
    with torch.inference_mode():
        for example in examples:
            logits = model(input_ids=torch.tensor([example.input_ids], device=place)).logits[0, :-1]
            supervised = torch.tensor(example.labels[1:]) != IGNORED
            found.append(logits[supervised.to(place)].float().cpu())
            if sum(map(len, found)) >= most:
                break
    return torch.cat(found)[:most]


def likeness(reference: "Tensor", other: "Tensor", tie: float) -> Likeness:
    """Of two answers of `next_token_scores`."""
    expected, found = reference.double().log_softmax(-1), other.double().log_softmax(-1)
    divergence = (expected.exp() * (expected - found)).sum(-1).clamp(min=0)
    best = expected.topk(2).values
    clear = best[:, 0] - best[:, 1] >= tie
    same = expected.argmax(-1) == found.argmax(-1)
    return Likeness(
        positions=len(same),
        top1=float(same.double().mean()),
        top1_but_ties=float(same[clear].double().mean()) if clear.any() else 1.0,
        kl_mean=float(divergence.mean()),
        kl_max=float(divergence.max()),
    )
