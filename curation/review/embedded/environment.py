"""A server's own Python environment, made once from pinned requirements with nothing but venv and pip."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curation.harness.errors import QiratError
from curation.harness.files import progress

PINS = Path(__file__).parent


@dataclass(frozen=True)
class Environment:
    """Where a server's environment lies, and what it is made of."""

    server: str
    place: Path
    requirements: Path  # each pinned by its version and the hashes of its files
    megabytes: int  # on the disk, for people who wait

    def interpreter(self) -> Path:
        """The environment's Python. The environment is made where there is none, or another or a changed one.

        Its last file written, `made_for`, names the requirements: without it the environment is half made, and made
        anew.
        """
        place = self.place.absolute()
        place.parent.mkdir(parents=True, exist_ok=True)
        python, made_for = place / "bin" / "python", place / "made_for"
        with place.with_name(f"{place.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two commands at once: the second waits and finds it made
            if not (made_for.exists() and made_for.read_text("utf-8") == self._wanted() and not self.changed()):
                shutil.rmtree(place, ignore_errors=True)
                told = f"Making the environment of the {self.server} server in {place} (once, some {self.megabytes} MB)"
                print(told, file=sys.stderr)
                _make(place)
                self._install(python)
                made_for.write_text(self._wanted(), "utf-8")
        return python

    def changed(self) -> list[str]:
        """Pins that do not lie there any more, as somebody's pip leaves it; told by folder names alone."""
        there = {_canonical(found.stem) for found in self.place.glob("lib/python*/site-packages/*.dist-info")}
        return [pin for pin in self.pins() if _canonical(pin.replace("==", "-")) not in there]

    def pins(self) -> list[str]:
        """The pinned packages, as name==version; their hashes stand on lines of their own."""
        lines = self.requirements.read_text("utf-8").splitlines()
        return [line for line in (line.partition("#")[0].strip(" \\") for line in lines) if "==" in line]

    def _wanted(self) -> str:
        python = f"python {sys.version_info.major}.{sys.version_info.minor}"
        return f"{python}, requirements {hashlib.sha256(self.requirements.read_bytes()).hexdigest()}\n"

    def _install(self, python: Path) -> None:
        """Every version is pinned by the hashes of its files, so pip has nothing to resolve and takes no other file."""
        command = [str(python), "-I", "-m", "pip", "install", "--no-deps", "--no-input", "--disable-pip-version-check"]
        command += ["--progress-bar", "off", "--require-hashes", "--requirement", str(self.requirements)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
            output: list[str] = []
            what, count = f"the {self.server} server", len(self.pins())
            for _ in progress(_collected(pip, output), what, total=count, unit="packages"):
                pass
        if pip.returncode:
            raise QiratError(
                f"{self.requirements} could not be installed:\n{''.join(output[-8:])}"
                "Check the network and pip's index (`pip config list`), then run this again"
            )


def _place(variable: str, folder: str) -> Path:
    return Path(os.environ.get(variable, f".qirat/{folder}/environment"))


ARGILLA = Environment("Argilla", _place("QIRAT_ARGILLA_ENVIRONMENT", "argilla"), PINS / "requirements.txt", 600)
LABEL_STUDIO = Environment(
    "Label Studio", _place("QIRAT_STUDIO_ENVIRONMENT", "label_studio"), PINS / "studio_requirements.txt", 1000
)


def interpreter() -> Path:
    """That of Argilla."""
    return ARGILLA.interpreter()


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _make(place: Path) -> None:
    try:
        venv.create(place, symlinks=True, with_pip=True)
    except subprocess.CalledProcessError as error:
        cure = "on Debian and Ubuntu, `apt install python3-venv` brings what is missing"
        raise QiratError(f"{sys.executable} cannot make the environment {place} ({error}); {cure}") from None


def _collected(pip: subprocess.Popen[str], output: list[str]) -> Iterator[str]:
    """pip's lines that begin a package; `output` gets them all."""
    assert pip.stdout
    for line in pip.stdout:
        output.append(line)
        if line.startswith("Collecting "):
            yield line
