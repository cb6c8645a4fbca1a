"""Further processes that answer with the same model, each on cards of its own.

Batches are divided into runs that do not depend on how many processes there are, and each run begins with nothing read.
So every figure is the same to the last bit, whichever process computes it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from curation.harness.damage import explained
from curation.harness.errors import QiratError
from curation.harness.local_backend import environment, one_thread_each
from training.model.lanes import side_by_side

if TYPE_CHECKING:
    from torch import nn

Batch = TypeVar("Batch")
Found = TypeVar("Found")
Make = Callable[[Any], Callable[[Batch], Found]]  # of a model, what computes a batch with it; it must pickle
Load = Callable[[], Any]  # gives the model; it must pickle

_HELPERS: "WeakKeyDictionary[nn.Module, Sequence[Helper]]" = WeakKeyDictionary()


class Helper:
    """A process of its own. It loads the model when it is first asked, and ends with the one that started it."""

    def __init__(self, load: Load, variables: Mapping[str, str]) -> None:
        from multiprocessing import get_context

        spawning = get_context("spawn")
        self._pipe, theirs = spawning.Pipe()
        with one_thread_each(), environment(variables):
            spawning.Process(target=_serve, args=(theirs, load), daemon=True).start()
        theirs.close()

    def compute(self, make: "Make[Batch, Found]", part: Sequence[Batch]) -> list[Found]:
        """What the model there gives for each batch. Raises QiratError with what went wrong there."""
        try:
            self._pipe.send((make, part))
            found: list[Found] | str = self._pipe.recv()
        except (EOFError, OSError):
            raise QiratError(
                "a process that answers on another GPU died, most likely for want of memory; its last words stand "
                "above. CUDA_VISIBLE_DEVICES=0 answers on one alone"
            ) from None
        if isinstance(found, str):
            raise QiratError(f"a process that answers on another GPU failed: {found}")
        return found


def help_with(model: "nn.Module", load: Load, environments: Sequence[Mapping[str, str]]) -> None:
    """Starts a process in each of these environments, which computes with the same model as this one."""
    _HELPERS[model] = [Helper(load, variables) for variables in environments]


def processes_of(model: "nn.Module") -> int:
    """That compute with the model, this one among them."""
    return 1 + len(_HELPERS.get(model, ()))


def shared_out(
    model: Any, batches: Sequence[Batch], make: "Make[Batch, Found]", lanes: int, run: int
) -> Iterator[tuple[int, Found]]:
    """(place in `batches`, what it gives) as they come: by lanes on a CPU; else in runs of `run` batches, by all
    processes that have the model.
    """
    import torch

    if model not in _HELPERS and torch.device(model.device).type == "cpu":
        yield from side_by_side(batches, partial(make, model), lanes)
        return
    helpers = _HELPERS.get(model, ())
    workers: SimpleQueue[Callable[[Sequence[Batch]], list[Found]]] = SimpleQueue()
    for worker in (partial(_here, model, make), *(partial(helper.compute, make) for helper in helpers)):
        workers.put(worker)
    parts = [batches[start : start + run] for start in range(0, len(batches), run)]
    for at, found in side_by_side(parts, workers.get, 1 + len(helpers)):
        yield from enumerate(found, at * run)


def _here(model: Any, make: "Make[Batch, Found]", part: Sequence[Batch]) -> list[Found]:
    return [*map(make(model), part)]


def _serve(pipe: Any, load: Load) -> None:
    """Answers until the other process ends."""
    import torch

    model: Any = None
    while True:
        try:
            make, part = pipe.recv()
        except EOFError:
            return
        try:
            model = model or load()
            with torch.no_grad():
                found: list[Any] | str = _here(model, make, part)
        except Exception as error:
            found = explained(error) or f"{type(error).__name__}: {error}"
        pipe.send(found)
