"""What git holds of earlier versions, in whatever branch, tag or experiment, and where nothing points any more."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace

EXPERIMENTS = "refs/exps/"  # where DVC keeps the commits of experiments


@dataclass(frozen=True)
class Blob:
    """One version of one file."""

    path: str  # one that it has or had; "" where nothing points to it
    where: str  # history, experiments, unreachable
    data: bytes = b""

    def without_data(self) -> "Blob":
        """Its name alone."""
        return replace(self, data=b"")


def blobs() -> Iterator[Blob]:
    """Every version of every file that git holds here; none outside of a repository."""
    every = [line.split() for line in _git("cat-file", "--batch-all-objects", "--batch-check").splitlines()]
    names = [name for name, kind, _ in (line for line in every if len(line) == 3) if kind == "blob"]
    if not names:
        return
    experiments = [ref for ref in _git("for-each-ref", "--format=%(refname)").split() if ref.startswith(EXPERIMENTS)]
    history = _paths("--exclude=refs/exps/*", "--all")
    tried = _paths(*experiments) if experiments else {}
    with subprocess.Popen(["git", "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        for name in names:
            process.stdin.write(f"{name}\n".encode())
            process.stdin.flush()
            size = int(process.stdout.readline().split()[2])
            data = process.stdout.read(size + 1)[:-1]
            path = history.get(name) or tried.get(name) or ""
            yield Blob(path, "history" if name in history else "experiments" if name in tried else "unreachable", data)
        process.stdin.close()


def git_remotes() -> list[str]:
    """The repositories that this one was cloned from or is pushed to."""
    return _git("remote").split()


def _paths(*asked: str) -> dict[str, str]:
    """Object -> the path under which these refs reach it."""
    lines = (line.partition(" ") for line in _git("rev-list", "--objects", *asked).splitlines())
    return {name: path for name, _, path in lines}


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, errors="replace", check=False)
    return done.stdout if done.returncode == 0 else ""
