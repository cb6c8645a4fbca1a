"""Runs a command and says what it cost; from a process of its own, for a child's peak memory starts at its parent's.

python cost.py OUTPUT COMMAND ...
"""

import contextlib
import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # Linux


def main() -> None:
    """Wall and CPU seconds of the command and all its processes, MiB of the largest, as JSON into OUTPUT."""
    output, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # what the command leaves behind becomes ours, to be counted
    started = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    wall, usages = time.monotonic() - started, [usage]
    with contextlib.suppress(ChildProcessError):
        while True:
            usages.append(os.wait4(-1, 0)[2])
    cpu, peak = sum(u.ru_utime + u.ru_stime for u in usages), max(u.ru_maxrss for u in usages)
    Path(output).write_text(json.dumps({"wall": wall, "cpu": cpu, "peak": peak / 1024}))
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
