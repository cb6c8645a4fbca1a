"""How much memory there is to work in, and what that means for the size of parts and the number of processes.

The figures of this file were measured (docs/scaling.md); they err on the side of too much.
"""

import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from curation.harness.errors import QiratError

GB = 10**9
OWN = GB // 2  # bytes of a stage's own process before it reads a row: libraries, and their threads' buffers
LATER = GB // 4  # bytes that libraries and threads reserve which are not there yet when a stage begins
PROCESS = 55 * GB // 100  # of a further process with its libraries and models: those of all checks, or the encoder's
A_ROW = 30_000  # of a row with its texts while a part is worked on: a dozen copies of 2.5 KB
SHARE = 4  # a part takes up at most a quarter of what is left
MOST_ROWS, FEWEST_ROWS = 20_000, 500  # of a part
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": GB, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*((?:[kmgt]i?)?)b?", re.IGNORECASE)
_GROUPS = Path("/sys/fs/cgroup")
_LIMITS = {"": "memory.max", "memory": "memory/memory.limit_in_bytes"}  # of control groups of version 2 and of 1


def in_bytes(amount: Any) -> Any:
    """2GB, 500 MiB or a number of bytes as a number."""
    if not isinstance(amount, str):
        return amount
    found = _AMOUNT.fullmatch(amount.strip())
    if found is None:
        raise ValueError("an amount of memory is written as 2GB, 1.5GiB or 500MB")
    return round(float(found[1]) * _UNITS[found[2].lower()])


Bytes = Annotated[int, BeforeValidator(in_bytes)]


def there_is() -> int:
    """Bytes that this process and its children may take: the machine's, less where a limit is set on them."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    limits += [max(soft - _reserved(), 1)] if soft != resource.RLIM_INFINITY else []
    for path in _of_groups(Path("/proc/self/cgroup")):
        told = path.read_text("ascii").strip() if path.is_file() else ""
        limits += [int(told)] if told.isdigit() else []
    return min(limits)


def _reserved(told: Path = Path("/proc/self/statm")) -> int:
    """Bytes of addresses, which `ulimit -v` counts, that this process holds or will hold and never fills."""
    size, filled = map(int, told.read_text("ascii").split()[:2]) if told.is_file() else (0, 0)
    return (size - filled) * os.sysconf("SC_PAGE_SIZE") + LATER


def _of_groups(told: Path, groups: Path = _GROUPS) -> Iterator[Path]:
    """Where the limits of the control groups lie that a process is in, up to the root, which is a container's own."""
    lines = told.read_text("utf-8").splitlines() if told.is_file() else []
    for _, controllers, place in (line.split(":", 2) for line in ["0::/", "0:memory:/", *lines]):
        for kind in {"", "memory"} & set(controllers.split(",")):
            folder, name = (groups / _LIMITS[kind]).parent, Path(_LIMITS[kind]).name
            inner = folder / place.strip("/")
            yield from (group / name for group in (inner, *inner.parents) if group.is_relative_to(folder))


def rows_of_a_part(memory: int) -> int:
    """How many rows with their texts are read at once."""
    fitting = (memory - OWN) // SHARE // A_ROW
    return max(FEWEST_ROWS, min(MOST_ROWS, fitting))


def room_for(memory: int) -> int:
    """How many processes there is room for beside the stage's own and a part, one at least."""
    return max(1, (memory - OWN) * (SHARE - 1) // SHARE // PROCESS)


def refuse_too_little(stage: str, rows: int, a_row: int, memory: int, beside: int = 0) -> None:
    """Stops before the work where `a_row` bytes for each of the rows, beside what every stage takes, do not fit.

    `beside`: bytes that this one takes however many the rows are.
    """
    needed = OWN + FEWEST_ROWS * A_ROW * SHARE + rows * a_row + beside
    if needed > memory:
        raise QiratError(
            f"{rows:,} rows take {stage} about {needed / GB:.1f} GB of memory, and it may take {memory / GB:.1f} GB; "
            f"set machine.memory in params.yaml to {_rounded_up(needed)} or leave it out, go where there is as much, "
            "or put fewer files into data/raw"
        )


def _rounded_up(amount: int) -> str:
    return f"{-(-amount * 2 // GB) / 2:g}GB"
