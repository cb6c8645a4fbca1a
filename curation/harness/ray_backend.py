"""Kernels on Ray, here or on a cluster. The answers are those of the local backend, in the same order.

Parts and answers travel by value, so that nodes need no disk in common, but each needs Qirat as it is installed here.
A process that dies is started again and its part given to another: a kernel keeps nothing, so the bytes are the same.
"""

import atexit
import contextlib
import functools
import gc
import importlib.metadata
import itertools
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from curation.harness.dvc import CODE
from curation.harness.errors import QiratError
from curation.harness.local_backend import AHEAD, THREADS, YOUNG_OBJECTS, Workers, one_thread_each, processes

TRIES = 4  # of a part whose process dies; then it is the part, or too little memory
PATIENCE = 10  # seconds until a cluster answers, and between two looks whether it still does
STARTS = 3  # tries: Ray gives its own processes 15 seconds to begin, which a busy machine may not
STORE = 256 * 2**20  # bytes of parts and answers that are held in memory here; more goes to disk
OWN = 6 * 10**8  # bytes that Ray itself takes where it is started here, with that
SHORT = Path("/tmp")  # the system allows the paths of sockets 107 characters
OURS = "qirat-ray-"  # folders of Ray in SHORT, with the number of the process that made them
PRIVATE = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of parts that nobody waits for any more
    "RAY_task_oom_retries": str(TRIES - 1),  # Ray's own number has no end
}
ALONE = {  # of Ray on one machine
    "worker_niceness": "0",  # 15 in Ray: beside other programs nothing would move
    "num_workers_soft_limit": "0",  # workers without work hold their memory ...
    "idle_worker_killing_time_threshold_ms": "5000",  # ... no longer than this
}
NOT_THERE = "failed to import on the worker"
SAME = "install on every node what is installed here: the same Qirat, with constraints.txt"
LACKING = f"a node of Ray lacks Qirat, or cannot import it; {SAME}"
QUIET = {"log_to_driver": False, "logging_level": "ERROR"}  # nothing of Ray's own on the terminal

Item = TypeVar("Item")
Result = TypeVar("Result")


def cluster(address: str | None) -> str | None:
    """The cluster that is meant, HOST:PORT; None where Ray is started on this machine."""
    return address or os.environ.get("RAY_ADDRESS")


def spread(
    prepare: Callable[[], Callable[[Item], Result]],
    items: Iterable[Item],
    workers: Workers,
    address: str | None,
    *,
    cards: bool = False,
) -> Iterator[Result]:
    """prepare()(item) for each item, in order. `prepare` runs once a process; it, items and results must pickle.

    `workers` processes at most, "auto": one for each CPU that Ray has; with `cards` one for each of these, where there
    are any. `address` is a cluster's, HOST:PORT; None: what RAY_ADDRESS says, else Ray is started on this machine until
    this process ends. What nobody waits for any more is answered all the same: `ray.cancel` now and then brings down
    the process that calls it (Ray 2.60).
    """
    ray = _connected(workers, address)
    kernel = ray.put(prepare)
    holders = _one_a_card(ray, workers) if cards else []
    task = ray.remote(num_cpus=1, max_retries=TRIES - 1)(_answer)
    ask = itertools.cycle([holder.answer for holder in holders] or [task])
    waiting: deque[Any] = deque()
    cores, looked = 0, -math.inf
    for item in items:
        if time.monotonic() - looked > PATIENCE:  # a cluster may grow; one that is gone has Ray wait for a minute
            _refuse_a_lost_cluster(ray)
            cores, looked = len(holders) or max(1, _resources(ray, "CPU")), time.monotonic()
        at_once = cores if workers == "auto" else min(workers, cores)
        while len(waiting) >= AHEAD * at_once:  # items may be read as they come: never all at once
            yield _fetched(ray, waiting.popleft())
        if at_once < cores:
            _wait_until_fewer(ray, waiting, at_once)
        waiting.append(next(ask).remote([kernel], kernel.hex(), installed(), item))
    while waiting:
        yield _fetched(ray, waiting.popleft())


def _one_a_card(ray: Any, workers: Workers) -> list[Any]:
    """A process for each card, none where there is no card: tasks would load the model anew for every part."""
    cards = _resources(ray, "GPU")
    holder = ray.remote(num_cpus=1, num_gpus=1, max_restarts=-1, max_task_retries=TRIES - 1)(Holder)
    return [holder.remote() for _ in range(cards if workers == "auto" else min(workers, cards))]


def _resources(ray: Any, name: str) -> int:
    return int(ray.cluster_resources().get(name, 0))


def _deaths(ray: Any) -> tuple[type[Exception], ...]:
    """What Ray raises of a process that died once too often."""
    found = ray.exceptions
    return found.WorkerCrashedError, found.OutOfMemoryError, found.NodeDiedError, found.RayActorError


def _wait_until_fewer(ray: Any, parts: Iterable[Any], most: int) -> None:
    """Returns when fewer than `most` parts are unanswered: Ray itself would work on as many as it has CPUs."""
    unanswered = list(parts)
    while len(unanswered) >= most:
        number = len(unanswered) - most + 1
        _, unanswered = ray.wait(unanswered, num_returns=number, fetch_local=False, timeout=PATIENCE)
        _refuse_a_lost_cluster(ray)


def _refuse_a_lost_cluster(ray: Any) -> None:
    """Raises QiratError where the process is gone that knows of all others: Ray would end this one, without a cure."""
    address = ray.get_runtime_context().gcs_address
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
    except OSError as error:
        raise QiratError(
            f"the head of Ray at {address} is gone ({_line(error)}); start the cluster again, or set machine.engine to "
            "local, and run the stage again: what it had written is untouched"
        ) from None


def _got(ray: Any, part: Any) -> Any:
    while True:
        try:
            return ray.get(part, timeout=PATIENCE)
        except ray.exceptions.GetTimeoutError:
            _refuse_a_lost_cluster(ray)


def _fetched(ray: Any, part: Any) -> Any:
    """The answer to a part; what went wrong with the kernel is told as if it had run here."""
    try:
        return _got(ray, part)
    except ray.exceptions.RayTaskError as error:
        if NOT_THERE in str(error.cause):
            raise QiratError(LACKING) from error
        raise error.cause from error
    except _deaths(ray) as error:
        if NOT_THERE in str(error):
            raise QiratError(LACKING) from error
        raise QiratError(
            f"a worker process of Ray died {TRIES} times over the same part, most likely for want of memory; set "
            "machine.workers to fewer in params.yaml"
        ) from None
    except ray.exceptions.RayError as error:
        raise QiratError(f"Ray lost a part: {_line(error)}; run it again, or set machine.engine to local") from error


# -- in Ray's processes ------------------------------------------------------------------------------------------------

_KERNEL: dict[str, Callable[[Any], Any]] = {}


def _answer(kernel: list[Any], name: str, there: Mapping[str, str], item: Any) -> Any:
    """The kernel's answer to an item; it is made when this process is first asked for one of this name."""
    if name not in _KERNEL:
        import ray

        gc.set_threshold(YOUNG_OBJECTS)
        refuse_other_versions(there, installed())
        _KERNEL.clear()
        _KERNEL[name] = ray.get(kernel[0])()
    return _KERNEL[name](item)


class Holder:
    """Keeps a card, and the model that lies on it, from the first part to the last."""

    def answer(self, kernel: list[Any], name: str, there: Mapping[str, str], item: Any) -> Any:
        """As `_answer`."""
        return _answer(kernel, name, there, item)


@functools.cache
def installed() -> Mapping[str, str]:
    """What answers depend on: this code as a hash, and the version of each library of Qirat's that is there."""
    digest = sha256()
    for path in sorted(path for package in ("curation", "qirat") for path in (CODE / package).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(CODE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    found = {"the code of Qirat": digest.hexdigest()[:12]}
    for name in sorted({re.split(r"[^\w.-]", line)[0] for line in importlib.metadata.requires("qirat") or ()}):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def refuse_other_versions(there: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Raises QiratError where a node has another version than the machine that asks it."""
    other = [name for name, version in there.items() if here.get(name, version) != version]
    if other:
        name = other[0]
        raise QiratError(
            f"Ray's node {socket.gethostname()} has {here[name]} of {name} where {there[name]} is asked for, and "
            f"{len(other) - 1} more that differ; {SAME}"
        )


# -- Ray itself --------------------------------------------------------------------------------------------------------

_CARETAKERS: list[Any] = []  # each waits for the end of this process


def _connected(workers: Workers, address: str | None) -> Any:
    """The module `ray`, connected; one session serves a whole process. Token authentication is on."""
    address = cluster(address)
    if address and "://" in address:
        raise QiratError(f"machine.address is {address}; give HOST:PORT, and run this on a node of the cluster")
    os.environ.update(PRIVATE)
    if address:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    else:
        _keep_to_this_machine()
    try:
        import ray
    except ImportError:
        raise QiratError("machine.engine is ray, which needs Ray: pip install 'qirat[ray]'") from None
    if not ray.is_initialized():
        _silence(ray)
        _join(ray, address) if address else _start(ray, processes(workers))
    return ray


def _keep_to_this_machine() -> None:
    """Has Ray listen on the loopback alone, as it does on macOS, and under a token that no file holds."""
    import secrets

    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    for name, value in ALONE.items():
        os.environ.setdefault(f"RAY_{name}", value)


def _silence(ray: Any) -> None:
    """Ray would tell the terminal of each process that dies, at length; _fetched does where that stops anything."""
    ray._private.worker.print_to_stdstream = lambda data, ignore_prefix: None


def _join(ray: Any, address: str) -> None:
    threads = {"env_vars": dict.fromkeys(THREADS, "1")}
    try:
        if address != "auto":  # Ray itself would try for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), PATIENCE).close()
        ray.init(address, runtime_env=threads, **QUIET)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise QiratError(f"the Ray cluster {address} cannot be joined: {_line(error)}; see docs/scaling.md") from error


def _start(ray: Any, count: int) -> None:
    folder = _folder()
    _take_care(folder)
    atexit.register(_end, ray, folder)
    store, place = {"object_store_memory": STORE}, {"_temp_dir": str(folder / "ray")}
    for left in reversed(range(STARTS)):
        try:
            with one_thread_each(), _no_api_server():  # processes have the environment that Ray is started in
                ray.init("local", num_cpus=count, include_dashboard=False, **store, **place, **QUIET)
            return
        except Exception as error:  # Ray raises just that
            ray.shutdown()
            if not left:
                raise QiratError(
                    f"Ray does not start on this machine: {_line(error)}; run it again when less runs beside it, or "
                    "set machine.engine to local, which gives the same bytes"
                ) from error


@contextlib.contextmanager
def _no_api_server() -> Iterator[None]:
    """Ray starts one even without its dashboard: it would count use, and asks the network which cloud this is."""
    from ray._private import node

    nodes: Any = node.Node

    def left_out(self: Any, **_: Any) -> None:
        self._webui_url = ""

    start, nodes.start_api_server = nodes.start_api_server, left_out
    try:
        yield
    finally:
        nodes.start_api_server = start


def _folder() -> Path:
    """A new folder that nobody else may read; Ray opens its own, in it, to all, and keeps parts there at times."""
    for left in SHORT.glob(f"{OURS}*"):
        with contextlib.suppress(OSError, ValueError):
            if not _runs(int(left.name.split("-")[2])):  # it was killed
                shutil.rmtree(left)
    return Path(tempfile.mkdtemp(prefix=f"{OURS}{os.getpid()}-", dir=SHORT))


def _take_care(folder: Path) -> None:
    """Has the folder removed, and what Ray forgets to end, when this process is gone, however it went."""
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("ray_caretaker.py")), str(folder)]
    _CARETAKERS.append(subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True))


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _end(ray: Any, folder: Path) -> None:
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
