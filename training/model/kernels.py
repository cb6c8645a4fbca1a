"""How decoder layers are computed on a card: compiled, with Liger's kernels, or as they come.

As they come, three quarters of what a small model moves in memory are norms, rotations, gates and casts, each a kernel
that reads and writes all tokens (docs/training.md has the counts). Fused, they cost little. Whether that comes to the
same is found out on the model at hand: one row forward and backward, against the model as it comes.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from curation.harness.errors import QiratError

if TYPE_CHECKING:
    from torch import Tensor

Kernels = Literal["auto", "compiled", "liger", "eager"]
Row = Callable[[], "Sequence[Tensor | None]"]  # computes one row: its loss and the gradients of what is trained
# Of the gradients, by the root of the mean square: what rounding moves, with numbers of 24 bits and of 8 or 11.
STRAYED = (1e-3, 0.1)
FUSED = {"rope": True, "rms_norm": True, "cross_entropy": False, "fused_linear_cross_entropy": False}  # TRL has a head
WHERE = "params.yaml, train: kernels"


@dataclass(frozen=True)
class Computing:
    """How layers are computed from now on, and what takes that back."""

    way: str
    undo: Callable[[], None]


def compute_fast(tuned: Any, wanted: Kernels, row: Row, one_length: bool) -> Computing:
    """Sets the first way that comes to the loss and the gradients of the model as it comes.

    Rows must be of `one_length` to be compiled. Where `auto` finds a way that strays or fails it says so on stderr and
    takes the next; where the way was asked for by name QiratError is raised, with the model's.
    """
    ways = ways_to_compute(tuned, wanted, one_length)
    expected = row() if ways else ()
    for way in ways:
        undo = APPLIED[way](tuned)
        trouble = _of_any_process(_trouble(expected, row))
        if not trouble:
            return Computing(way, undo)
        undo()
        told = f"{_name(tuned)} computed {way} is not what it is as it comes ({trouble})"
        if wanted != "auto":
            raise QiratError(f"{WHERE}: {told}; use auto or eager")
        print(f"train: {told}, so it is not computed so", file=sys.stderr, flush=True)
    return AS_IT_COMES


def ways_to_compute(tuned: Any, wanted: Kernels, one_length: bool) -> list[str]:
    """What to try before the model as it comes, the fastest first; QiratError where the one asked for cannot be had."""
    on_card = tuned.device.type == "cuda"
    lacking = {
        "compiled": "" if one_length else "rows are not packed, and each would be of another length",
        "liger": _no_liger(tuned),
    }
    if wanted == "auto":
        with_triton = on_card and find_spec("triton") is not None
        return [way for way, why in lacking.items() if with_triton and not why]
    if wanted == "eager":
        return []
    if lacking[wanted]:
        raise QiratError(f"{WHERE}: {wanted} cannot compute {_name(tuned)} ({lacking[wanted]}); use auto or eager")
    return [wanted]


def _no_liger(tuned: Any) -> str:
    """Why Liger's kernels cannot be had; "" when they can."""
    if find_spec("liger_kernel") is None:
        return "the package liger-kernel is not installed: `pip install 'qirat[kernels]'`"
    from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN

    kind = tuned.config.model_type
    return "" if kind in MODEL_TYPE_TO_APPLY_LIGER_FN else f"Liger knows no model type {kind}"


def _trouble(expected: "Sequence[Tensor | None]", row: Row) -> str:
    """How a row differs from what it was; "" where by no more than rounding."""
    import torch

    try:
        found = row()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever it trips over, so would training
        return next(iter(str(error).strip().splitlines()), type(error).__name__)
    loss, *_ = found
    exact = loss is not None and loss.dtype == torch.float32 and not torch.is_autocast_enabled(loss.device.type)
    worst = max(_distance(found[:1], expected[:1]), _distance(found[1:], expected[1:]))
    return "" if worst <= STRAYED[0 if exact else 1] else f"loss or gradients move by {worst:.1%}"


def _of_any_process(trouble: str) -> str:
    """The trouble of the first process that has one: all processes of a training compute in one way."""
    import torch

    if not torch.distributed.is_initialized():
        return trouble
    told = [""] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(told, trouble)
    return next(filter(None, told), "")


def _distance(found: "Sequence[Tensor | None]", expected: "Sequence[Tensor | None]") -> float:
    """A share of what was expected, of all together; infinite where a gradient is missing."""
    pairs = [*zip(found, expected, strict=True)]
    if any((one is None) != (other is None) for one, other in pairs):
        return float("inf")
    both = [
        (one.detach().float(), other.detach().float()) for one, other in pairs if one is not None and other is not None
    ]
    moved, whole = (
        sum(float(part) for part in parts)
        for parts in (((one - other).square().sum() for one, other in both), (o.square().sum() for _, o in both))
    )
    return float((moved / whole) ** 0.5) if whole else float(moved > 0)


def _compiled(tuned: Any) -> Callable[[], None]:
    """Each decoder layer by torch.compile: all are of one kind, so they are compiled once."""
    layers = tuned.get_decoder().layers
    for layer in layers:
        layer.compile(**HOW)

    def undo() -> None:
        for layer in layers:
            layer._compiled_call_impl = None

    return undo


def _by_liger(tuned: Any) -> Callable[[], None]:
    """Norms, rotations and gates by Liger's kernels. What it sets in the library's module is for all models there."""
    from transformers.integrations.liger import apply_liger_kernel

    base = tuned.get_base_model()
    shared = vars(sys.modules[type(base).__module__])
    before, own = dict(shared), [(module, set(vars(module))) for module in base.modules()]
    apply_liger_kernel(tuned, FUSED)  # type: ignore[no-untyped-call]

    def undo() -> None:
        shared.update(before)
        for module, names in own:
            for name in vars(module).keys() - names:
                del vars(module)[name]

    return undo


def _name(tuned: Any) -> str:
    return str(tuned.config._name_or_path or type(tuned.get_base_model()).__name__)


AS_IT_COMES = Computing("eager", lambda: None)
# Without trying on the device which of two kernels is faster: another run would choose otherwise, and round otherwise.
HOW: dict[str, Any] = {"backend": "inductor", "options": {"deterministic": True}}
APPLIED: dict[str, Callable[[Any], Callable[[], None]]] = {"compiled": _compiled, "liger": _by_liger}
