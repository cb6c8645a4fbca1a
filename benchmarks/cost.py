"""What a command costs: wall time, CPU time and peak memory of it and all its children."""

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
    seconds: dict[int, float] = {}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(list(command), cwd=folder, env=dict(environment), stdout=said, stderr=said)
        while process.poll() is None:
            sampled = _sample(process.pid)
            seconds |= {pid: cpu for pid, (cpu, _, _) in sampled.items()}
            rss = max(rss, sum(one[1] for one in sampled.values()))
            pss = max(pss, sum(one[2] for one in sampled.values()))
            time.sleep(SAMPLED_EVERY)
        if process.returncode:
            said.seek(0)
            sys.exit(f"{' '.join(command)} in {folder} failed:\n{said.read().decode()[-4000:]}")
    return Cost(time.monotonic() - started, sum(seconds.values()), rss / 2**20, pss / 2**20)


def _sample(pid: int) -> dict[int, tuple[float, int, int]]:
    """pid -> CPU seconds, RSS and PSS bytes, of the process and all below it."""
    found = {}
    try:
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return {}
    for process in tree:
        try:
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
        found[process.pid] = times.user + times.system, memory.rss, memory.pss
    return found
