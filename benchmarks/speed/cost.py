"""What a command costs: wall time, CPU time and peak memory of it and all its children."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

SAMPLED_EVERY = 0.1  # seconds


@dataclass(frozen=True)
class Cost:
    """Seconds of wall and CPU time; peak MiB of memory, resident and proportional (a page shared by n counts 1/n)."""

    wall: float = 0.0
    cpu: float = 0.0
    rss: float = 0.0
    pss: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.rss, other.rss), max(self.pss, other.pss))

    def rounded(self) -> dict[str, float]:
        return {name: round(value, 2) for name, value in asdict(self).items()}


def measured(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Cost:
    """Runs the command to its end; what it says is shown only if it fails."""
    started = time.monotonic()
    rss = pss = 0.0
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(list(command), cwd=folder, env=dict(environment), stdout=said, stderr=said)
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:  # it knows the CPU time to the end, children's too
            sampled = _sample(process.pid)
            rss = max(rss, sum(one[0] for one in sampled))
            pss = max(pss, sum(one[1] for one in sampled))
            time.sleep(SAMPLED_EVERY)
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        if process.returncode:
            said.seek(0)
            sys.exit(f"{' '.join(command)} in {folder} failed:\n{said.read().decode()[-4000:]}")
    used = ended[2].ru_utime + ended[2].ru_stime
    return Cost(time.monotonic() - started, used, rss / 2**20, pss / 2**20)


def _sample(pid: int) -> list[tuple[int, int]]:
    """RSS and PSS bytes, of the process and all below it."""
    found = []
    try:
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
    for process in tree:
        try:
            memory = process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
        found.append((memory.rss, memory.pss))
    return found
