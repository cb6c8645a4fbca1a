"""No word leaves the machine: the system's own calls are looked at, whatever library makes them."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.chaos.project import ROAD, run, small, walk, whole

CALLS = "connect,sendto,sendmsg,sendmmsg"
OUTSIDE = re.compile(r"sa_family=AF_INET6?.*?(?:inet_addr\(|inet_pton\(AF_INET6, )\"(?!127\.|::1\"|::ffff:127\.)")
COMMANDS = (
    "qirat why --code outlier",
    "qirat whatif route.budget=0.2",
    "qirat facts",
    "qirat forget --customer c3 --yes",
    "qirat review export queue.csv",
    "qirat playbook propose",
    "qirat results",
    "qirat ingest --explain",
)


@pytest.fixture(scope="module")
def strace() -> str:
    """The tracer, where the machine has one and lets it look."""
    found = shutil.which("strace")
    if (
        found is None
        or subprocess.run([found, "-e", "trace=connect", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no strace here, or none that may trace (apt-get install strace)")
    return found


def calls(strace: str, root: Path, command: Sequence[str]) -> list[str]:
    """The calls of a command, and of all that it starts, by which something could be sent."""
    trace = root / "trace.txt"
    run(
        root,
        [strace, "-f", "--seccomp-bpf", "-qq", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(trace), *command],
    )
    return trace.read_text("utf-8", "replace").splitlines()


def outside(seen: Sequence[str]) -> list[str]:
    """Those to an address that is not this machine's own."""
    return [call for call in seen if OUTSIDE.search(call)]


@pytest.mark.parametrize("address", ["192.0.2.1", "8.8.8.8", "2001:db8::1", "10.0.0.9", "::ffff:192.0.2.1"])
def test_a_call_to_another_machine_would_be_seen(address: str, strace: str, tmp_path: Path) -> None:
    family = "AF_INET6" if ":" in address else "AF_INET"
    script = f"import socket; socket.socket(socket.{family}, socket.SOCK_DGRAM).sendto(b'x', ({address!r}, 9))"
    assert outside(calls(strace, tmp_path, [sys.executable, "-I", "-S", "-c", script]))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.8.8.8"])
def test_a_call_to_this_machine_is_none(address: str, strace: str, tmp_path: Path) -> None:
    family = "AF_INET6" if ":" in address else "AF_INET"
    script = f"import socket; socket.socket(socket.{family}, socket.SOCK_DGRAM).sendto(b'x', ({address!r}, 9))"
    seen = calls(strace, tmp_path, [sys.executable, "-I", "-S", "-c", script])
    assert seen
    assert not outside(seen)


def test_nothing_is_sent(strace: str, tmp_path: Path) -> None:
    """The whole road up to the split, and commands, in `make chaos`; in CI what is read first."""
    small(tmp_path)
    steps = (*ROAD, *COMMANDS) if whole() else ("ingest",)
    assert not outside(calls(strace, tmp_path, walk(*steps)))
    assert (tmp_path / "data/ingested/conversations.parquet").exists()


@pytest.mark.skipif(not whole(), reason="`make chaos` runs without a network")
def test_a_run_without_a_network_writes_the_same(tmp_path: Path) -> None:
    from tests.chaos.project import contents

    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network can be taken away here")
    for name, before in (("with", []), ("without", [unshare, "--net"])):
        (tmp_path / name).mkdir()
        code, said = run(small(tmp_path / name), [*before, *walk(*ROAD)])
        assert code == 0, said
    assert contents(tmp_path / "with") == contents(tmp_path / "without")
