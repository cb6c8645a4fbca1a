"""Two cards that are not there: tensors that say they lie on one, and are computed on the CPU.

As CUDA does, they refuse whatever would read tensors of two cards, or of a card and the CPU, at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

NAME = "cards"
COPIES = ("aten._to_copy", "aten.copy_", "aten.to.")
INDEXED = ("aten.index.Tensor", "aten.index_put_", "aten._index_put_impl_")  # places may lie on the CPU


class OnCard(torch.Tensor):
    """A tensor of a card; `held` is what it holds."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor, place: torch.device) -> "OnCard":
        made: OnCard = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype, device=place
        )
        made.held = held
        return made

    def tolist(self) -> Any:
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(function, args, kwargs or {})


class Cards(TorchDispatchMode):
    """Within this tensors can be made on cards."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(function, args, kwargs or {})


def computed(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """On the CPU, as if there."""
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    place = _place(str(function), given)
    place = next((leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.device)), place)
    known = {id(one.held): one for one in given if isinstance(one, OnCard) and one.device == place}
    out = function(*tree_map(_held, args), **tree_map(_held, kwargs))

    def lying(one: Any) -> Any:
        if not isinstance(one, torch.Tensor) or place.type != NAME:
            return one
        return known[id(one)] if id(one) in known else OnCard(one, place)

    return tree_map(lying, out)


def _place(name: str, given: list[torch.Tensor]) -> torch.device:
    """Where the result lies. RuntimeError where what is read lies on several devices."""
    places = {one.device for one in given if one.dim() or one.device.type == NAME}
    if name.startswith(INDEXED):
        places = {one.device for one in given if one.device.type == NAME} or places
    if name.startswith(COPIES):
        return given[0].device
    if len(places) > 1:
        raise RuntimeError(f"{name} would read tensors of {', '.join(sorted(map(str, places)))} at once")
    return next(iter(places), torch.device("cpu"))


def _held(one: Any) -> Any:
    if isinstance(one, torch.device):
        return torch.device("cpu")
    return one.held if isinstance(one, OnCard) else one


@contextmanager
def two_cards() -> Iterator[None]:
    """For one process, once: torch takes one such backend."""
    backend_registration._setup_privateuseone_for_python_backend(NAME)
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)  # what torch.tensor makes goes to the card as by `to`
    try:
        # Such tensors know no inference mode.
        with mock.patch.object(torch, "inference_mode", torch.no_grad), torch.no_grad(), Cards():
            yield
    finally:
        torch._C._set_only_lift_cpu_tensors(before)


def spread_over(model: Any, places: dict[str, str]) -> Any:
    """The model with its modules on those devices, moved along by accelerate's hooks as transformers' loader has it."""
    from accelerate import dispatch_model

    made: dict[int, torch.Tensor] = {}
    for name, module in model.named_modules():
        place = next((where for begin, where in places.items() if f"{name}.".startswith(f"{begin}.")), f"{NAME}:0")
        for tensors in (module._parameters, module._buffers):
            for own, tensor in tensors.items():
                if tensor is not None:
                    made.setdefault(id(tensor), OnCard(tensor.detach(), torch.device(place)))
                    moved: Any = made[id(tensor)]
                    tensors[own] = torch.nn.Parameter(moved, requires_grad=False) if name_is(tensor) else moved
    main = f"{NAME}:0"
    return dispatch_model(
        model, places, main_device=main, skip_keys=model._skip_keys_device_placement, force_hooks=True
    )


def name_is(tensor: torch.Tensor) -> bool:
    return isinstance(tensor, torch.nn.Parameter)
