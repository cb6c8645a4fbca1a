"""Work that Python does row by row, spread over processes. The results do not depend on how many there are."""

import contextlib
import gc
import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from threading import Thread
from typing import Any, Literal, TypeVar

import polars as pl
from pydantic import PositiveInt

from curation.harness.errors import QiratError

Workers = Literal["auto"] | PositiveInt  # auto: one a core where the work is large enough to pay for starting them
MOST = 16  # processes that "auto" starts: each holds its own libraries and models, about 300 MB
AHEAD = 3  # items a process that wait for it or for being fetched
YOUNG_OBJECTS = 50_000  # between two looks for circles among them: rows are many objects and none are circles
THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(
    prepare: Callable[[], Callable[[Item], Result]], items: Iterable[Item], workers: Workers, apart: bool
) -> Iterator[Result]:
    """prepare()(item) for each item, in order. `prepare` runs once a process; it, items and results must pickle.

    `apart`: in processes of their own, which are spawned, since a fork in the middle of another thread's work (Polars
    has many) never wakes up.
    """
    count = processes(workers)
    if not apart:
        work = None
        for item in items:
            work = work or prepare()
            yield work(item)
        return
    from multiprocessing import get_context

    with one_thread_each(), ProcessPoolExecutor(count, get_context("spawn"), _begin, (prepare,)) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(_do, item))
                if len(waiting) > AHEAD * count:  # items may be read as they come: never all at once
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise QiratError(
                "a worker process died, most likely for want of memory; set machine.workers to 1 in params.yaml"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def in_threads(prepare: Callable[[], Callable[[Item], Result]], items: Iterable[Item]) -> Iterator[Result]:
    """prepare()(item) for each item, in order, in threads of this process. The kernel is theirs in common."""
    kernel, count = prepare(), pl.thread_pool_size()
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(kernel, item))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def processes(workers: Workers) -> int:
    """How many of this machine are meant."""
    return workers if workers != "auto" else min(MOST, _cores())


def _cores() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_thread_each() -> contextlib.AbstractContextManager[None]:
    """Processes started meanwhile have one thread for each library: these read it when they are imported."""
    return environment(dict.fromkeys(THREADS, "1"))


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Variables that processes have which are started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_PREPARE: list[Callable[[], Callable[[Any], Any]]] = []


def packed(table: pl.DataFrame, start: int, length: int) -> bytes:
    """Rows of a table for another process. Pickle would send the texts of the whole table with every slice of it."""
    rows = table.select(pl.all().gather(range(start, min(start + length, table.height))))
    stream = io.BytesIO()
    rows.write_ipc_stream(stream, compat_level=pl.CompatLevel.oldest())
    return stream.getvalue()


def unpacked(rows: bytes) -> pl.DataFrame:
    """What `packed` took."""
    return pl.read_ipc_stream(io.BytesIO(rows))


class Parcel:
    """A table that threads have in common, and of which another process is sent what `packed` takes."""

    def __init__(self, table: pl.DataFrame) -> None:
        self.table = table

    def __reduce__(self) -> tuple[Callable[[bytes], "Parcel"], tuple[bytes]]:
        return _opened, (packed(self.table, 0, self.table.height),)


def _opened(rows: bytes) -> Parcel:
    return Parcel(unpacked(rows))


_WORK: list[Callable[[Any], Any]] = []


def _begin(prepare: Callable[[], Callable[[Any], Any]]) -> None:
    gc.set_threshold(YOUNG_OBJECTS)
    Thread(target=_end_with_the_stage, daemon=True).start()
    _PREPARE.append(prepare)


def _end_with_the_stage() -> None:
    """A stage that is killed tells its processes nothing: they would wait for parts for ever, with what they hold."""
    from multiprocessing import parent_process

    if stage := parent_process():
        stage.join()
        os._exit(1)


def _do(item: Any) -> Any:
    if not _WORK:  # here and not when the process begins, where what goes wrong would only be seen as its death
        _WORK.append(_PREPARE[0]())
    return _WORK[0](item)
