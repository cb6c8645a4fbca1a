"""Where kernels run: in this process or in several, here or, with another backend, elsewhere. No stage knows which.

A kernel is a plain function of a table or an item. It is made by `prepare`, once in each process, and `prepare`, what
the kernel is given and what it answers must pickle. Answers come in the order of what was given, so what is written
depends on neither the number of processes nor the backend.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

import polars as pl
from pydantic import Field, PrivateAttr

from curation.harness import local_backend, ray_backend
from curation.harness.local_backend import Workers, packed, unpacked
from curation.harness.memory_limit import Bytes, room_for, rows_of_a_part, there_is
from curation.harness.params import Params

Given = TypeVar("Given")
Answer = TypeVar("Answer")
OfTable = Callable[[], Callable[[pl.DataFrame], Answer]]  # `prepare` of a kernel of tables
FAN_IN = 64  # answers that `reduce` joins at a time
# What a kernel keeps busy: an interpreter; none, as libraries do that use threads here; or a card where there is one.
Work = Literal["python", "threads", "model"]


class Machine(Params):
    """params.yaml: machine. Where things run and how one looks on, never what comes out: no stage depends on it."""

    engine: Literal["local", "ray"] = "local"
    address: str | None = None  # of a Ray cluster, HOST:PORT; else RAY_ADDRESS, else Ray is started on this machine
    workers: Workers = "auto"  # processes
    memory: Bytes | None = Field(default=None, gt=0)  # of all processes of a stage, e.g. 2GB; None: what there is
    checkpoint_minutes: float = Field(default=10, ge=0)  # of training: what a kill loses at most; 0: every step
    live: bool = False  # training is logged to DVCLive too
    report_to: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ()  # and to these; nothing is sent unless named

    _held: int = PrivateAttr(default=0)  # bytes that the stage's rows take from its begin to its end

    def holding(self, held: int) -> "Machine":
        """This machine, of whose memory the rows of a stage take so many bytes."""
        machine = self.model_copy()
        machine._held = held
        return machine

    @property
    def most(self) -> int:
        """Bytes that the processes of a stage may take together."""
        return there_is() if self.memory is None else min(self.memory, there_is())

    @property
    def of_ray(self) -> int:
        """Bytes that Ray itself takes of them, where it starts here."""
        return ray_backend.OWN if self.engine == "ray" and not ray_backend.cluster(self.address) else 0

    @property
    def room(self) -> int:
        """Bytes that are left."""
        return self.most - self.of_ray - self._held

    @property
    def rows_at_once(self) -> int:
        """Rows with their texts that a stage reads at once."""
        return rows_of_a_part(self.room)

    @property
    def processes(self) -> int:
        """`workers` of this machine, as far as there is room for them."""
        return min(room_for(self.room), local_backend.processes(self.workers))


Prepare = Callable[[], Callable[[Any], Any]]
Backend = Callable[[Prepare, Iterable[Any], Machine, bool, Work], Iterator[Any]]


def _here(prepare: Prepare, items: Iterable[Any], machine: Machine, large: bool, work: Work) -> Iterator[Any]:
    if work == "threads":
        return local_backend.in_threads(prepare, items)
    # Where there is room for one process beside this one, that one: what its libraries and models hold goes with it.
    apart = large and local_backend.processes(machine.workers) > 1
    return local_backend.spread(prepare, items, machine.processes, apart)


def _on_ray(prepare: Prepare, items: Iterable[Any], machine: Machine, large: bool, work: Work) -> Iterator[Any]:
    if not large:
        return _here(prepare, items, machine, large, work)
    address = ray_backend.cluster(machine.address)
    workers = machine.workers if address else machine.processes
    return ray_backend.spread(prepare, items, workers, address, cards=work == "model")


BACKENDS: Mapping[str, Backend] = {"local": _here, "ray": _on_ray}  # by machine.engine


def map_items(
    prepare: Callable[[], Callable[[Given], Answer]],
    items: Iterable[Given],
    machine: Machine,
    large: bool,
    work: Work = "python",
) -> Iterator[Answer]:
    """prepare()(item) for each item, in order. Work that is not `large` stays in this process."""
    return BACKENDS[machine.engine](prepare, items, machine, large, work)


def map_rows(
    prepare: OfTable[Answer], rows: pl.DataFrame, at_once: int, machine: Machine, large: int
) -> Iterator[Answer]:
    """The kernel's answer to each part of `at_once` rows, at least one part; `large` rows pay for processes."""
    parts = (packed(rows, start, at_once) for start in range(0, max(rows.height, 1), at_once))
    return map_items(partial(_unpacking, prepare), parts, machine, rows.height >= large)


def map_parts(
    prepare: OfTable[Answer],
    parts: Iterable[pl.DataFrame],
    at_once: int,
    machine: Machine,
    large: bool,
    work: Work = "python",
) -> Iterator[Answer]:
    """As `map_rows`, of rows that come in parts: no more of them are read than the processes have in work."""
    some = (packed(rows, start, at_once) for rows in parts for start in range(0, max(rows.height, 1), at_once))
    return map_items(partial(_unpacking, prepare), some, machine, large, work)


def map_groups(prepare: OfTable[Answer], rows: pl.DataFrame, by: str, machine: Machine, large: int) -> Iterator[Answer]:
    """The kernel's answer to each group of rows with one value of the column `by`, in the order of the values."""
    ordered = rows.sort(by, maintain_order=True)
    sizes = ordered.group_by(by, maintain_order=True).len()["len"].to_list()
    parts = (packed(ordered, end - size, size) for size, end in zip(sizes, itertools.accumulate(sizes), strict=True))
    return map_items(partial(_unpacking, prepare), parts, machine, rows.height >= large)


def reduce(join: Callable[[Sequence[Answer]], Answer], answers: Iterable[Answer]) -> Answer:
    """All answers joined in their order, FAN_IN at a time, so that not all of them lie in memory. `join` associates."""
    waiting = iter(answers)
    joined = list(itertools.islice(waiting, 1))
    while more := list(itertools.islice(waiting, FAN_IN)):
        joined = [join([*joined, *more])]
    return join(joined)


def _unpacking(prepare: OfTable[Answer]) -> Callable[[bytes], Answer]:
    kernel = prepare()
    return lambda part: kernel(unpacked(part))
