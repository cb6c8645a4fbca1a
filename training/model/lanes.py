"""Batches side by side on a CPU: one thread of the model for each core, where many threads in one would wait.

A step of writing is hundreds of small products; shared among cores each ends with a wait for the slowest, and two cores
write no more than one (docs/log.md). So each core takes batches of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import device

Batch = TypeVar("Batch")
Found = TypeVar("Found")
MOST = 8  # lanes: each holds keys and values of its own


def lanes_of(place: "device") -> int:
    """How many lanes the machine has for a model that lies there."""
    import torch

    return min(torch.get_num_threads(), MOST) if place.type == "cpu" else 1


def side_by_side(
    batches: Sequence[Batch], worker: Callable[[], Callable[[Batch], Found]], most: int
) -> Iterator[tuple[int, Found]]:
    """(place in `batches`, what it gives) as they come, from `most` lanes or fewer.

    A lane has a worker of its own and takes neighbouring batches, none of which needs gradients. An error of a worker
    is raised here; the other lanes end with the batch they are at.
    """
    import torch

    threads, lanes = torch.get_num_threads(), min(most, len(batches))
    if lanes < 2:
        with torch.no_grad():
            yield from enumerate(map(worker(), batches))
        return
    found: SimpleQueue[tuple[int, Found] | BaseException] = SimpleQueue()
    ended = Event()

    def run(indices: Sequence[int]) -> None:
        torch.set_num_threads(max(1, threads // lanes))  # of this thread
        try:
            with torch.no_grad():
                work = worker()
                for index in indices:
                    if not ended.is_set():
                        found.put((index, work(batches[index])))
        except BaseException as error:  # whoever waits must hear of it
            found.put(error)

    with ThreadPoolExecutor(lanes) as pool:
        try:
            for lane in range(lanes):
                pool.submit(run, range(len(batches) * lane // lanes, len(batches) * (lane + 1) // lanes))
            yield from (_raised(found.get()) for _ in batches)
        finally:
            ended.set()
            torch.set_num_threads(threads)


def _raised(found: tuple[int, Found] | BaseException) -> tuple[int, Found]:
    if isinstance(found, BaseException):
        raise found
    return found
