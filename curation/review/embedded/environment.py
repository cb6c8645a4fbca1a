"""The server's own Python environment, made once from requirements.txt with nothing but venv and pip."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

from curation.harness.errors import QiratError
from curation.harness.files import progress

PLACE = Path(os.environ.get("QIRAT_ARGILLA_ENVIRONMENT", ".qirat/argilla/environment"))
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def interpreter(place: Path = PLACE) -> Path:
    """The environment's Python. The environment is made where there is none, or another or a changed one.

    Its last file written, `made_for`, names the requirements: without it the environment is half made, and made anew.
    """
    place = place.absolute()
    place.parent.mkdir(parents=True, exist_ok=True)
    python, made_for = place / "bin" / "python", place / "made_for"
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands at once: the second waits and finds it made
        if not (made_for.exists() and made_for.read_text("utf-8") == _wanted() and not changed(place)):
            shutil.rmtree(place, ignore_errors=True)
            print(f"Making the environment of the Argilla server in {place} (once, some 600 MB)", file=sys.stderr)
            _make(place)
            _install(python)
            made_for.write_text(_wanted(), "utf-8")
    return python


def changed(place: Path) -> list[str]:
    """Pins that do not lie there any more, as somebody's pip leaves it; told by folder names alone."""
    there = {_canonical(found.stem) for found in place.glob("lib/python*/site-packages/*.dist-info")}
    return [pin for pin in pins() if _canonical(pin.replace("==", "-")) not in there]


def pins() -> list[str]:
    """The pinned packages, as name==version; their hashes stand on lines of their own."""
    lines = (line.partition("#")[0].strip(" \\") for line in REQUIREMENTS.read_text("utf-8").splitlines())
    return [line for line in lines if "==" in line]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _wanted() -> str:
    python = f"python {sys.version_info.major}.{sys.version_info.minor}"
    return f"{python}, requirements {hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()}\n"


def _make(place: Path) -> None:
    try:
        venv.create(place, symlinks=True, with_pip=True)
    except subprocess.CalledProcessError as error:
        cure = "on Debian and Ubuntu, `apt install python3-venv` brings what is missing"
        raise QiratError(f"{sys.executable} cannot make the environment {place} ({error}); {cure}") from None


def _install(python: Path) -> None:
    """Every version is pinned by the hashes of its files, so pip has nothing to resolve and takes no other file."""
    command = [str(python), "-I", "-m", "pip", "install", "--no-deps", "--no-input", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "--require-hashes", "--requirement", str(REQUIREMENTS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        output: list[str] = []
        for _ in progress(_collected(pip, output), "the Argilla server", total=len(pins()), unit="packages"):
            pass
    if pip.returncode:
        raise QiratError(
            f"{REQUIREMENTS} could not be installed:\n{''.join(output[-8:])}"
            "Check the network and pip's index (`pip config list`), then run this again"
        )


def _collected(pip: subprocess.Popen[str], output: list[str]) -> Iterator[str]:
    """pip's lines that begin a package; `output` gets them all."""
    assert pip.stdout
    for line in pip.stdout:
        output.append(line)
        if line.startswith("Collecting "):
            yield line
