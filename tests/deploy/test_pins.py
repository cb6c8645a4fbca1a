"""Every package is pinned by the hashes of its files, pip takes no other, and what looks after them does not lie."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.wheel import empty_wheel

ROOT = Path(__file__).parents[2]
PINS = (
    "constraints.txt", "curation/review/embedded/requirements.txt",
    "curation/review/embedded/studio_requirements.txt",
    "pins/pip.txt", "pins/model.txt", "pins/newest.txt", "pins/older.txt", "pins/oldest.txt", "pins/tools.txt",
    "pins/torch-cpu.txt",
)  # fmt: skip


@pytest.mark.parametrize("file", PINS)
def test_every_pin_has_one_version_and_the_hashes_of_its_files(file: str) -> None:
    text = re.sub(r"^#.*\n", "", (ROOT / file).read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    pin = re.compile(r"[\w.-]+==[\w.!+]+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+")
    assert [line for line in text.splitlines() if not pin.fullmatch(line.strip())] == []
    assert text.strip()


def test_what_pyproject_wants_is_pinned(tmp_path: Path) -> None:
    pinned = {_name(line) for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if "==" in line}
    extras = ["dev", "gepa", "names", "serve", "sentence-transformers"]
    command = [sys.executable, ROOT / "pins/wanted.py"]
    wanted = subprocess.run([*command, *extras], capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(wanted) > 50 and {_name(line) for line in wanted} <= pinned
    unknown = subprocess.run([*command, "الكل"], capture_output=True, text=True, check=False)
    assert unknown.returncode == 1 and "has no extra الكل; it has dev" in unknown.stderr


@pytest.mark.parametrize("pinned", ["innocent==1.0 --hash=sha256:{wrong}", "innocent==1.0", ""])
def test_a_package_with_a_wrong_or_without_a_hash_is_refused(tmp_path: Path, pinned: str) -> None:
    """As the Makefile asks: wanted by name, pinned by constraints."""
    empty_wheel(tmp_path)
    done = _installed(tmp_path, pinned.format(wrong="0" * 64))
    assert done.returncode != 0 and not (tmp_path / "there" / "innocent.py").exists()
    assert re.search("HASHES|hashes|hash", done.stderr), done.stderr


def test_a_file_with_its_pin_s_hash_is_taken(tmp_path: Path) -> None:
    right = hashlib.sha256(empty_wheel(tmp_path).read_bytes()).hexdigest()
    done = _installed(tmp_path, f"innocent==1.0 --hash=sha256:{'0' * 64} --hash=sha256:{right}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "there" / "innocent.py").exists()


def test_the_makefile_installs_nothing_without_a_hash() -> None:
    lines = re.findall(r"(?:\$\(PIP\)|pip install).*", (ROOT / "Makefile").read_text("utf-8"))
    installing = [line for line in lines if line != "pip install --quiet"]
    assert len(installing) == 10
    open_ones = [line for line in installing if "--require-hashes" not in line]
    assert open_ones == ["$(PIP) --no-deps --no-build-isolation --editable ."]


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}, 0, "6 packages asked, 0 known holes"),
        (
            {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}]},
            1,
            "a 1: PYSEC-1; mended in 2",
        ),
        (
            {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "C", "aliases": ["CVE-1"]}]}]},
            1,
            "C CVE-1; ",
        ),
        (
            {"dependencies": [{"name": "a", "skip_reason": "Dependency not found"}]},
            2,
            "a not asked: Dependency not found",
        ),
        ({"dependencies": []}, 2, "found no pins"),
        ({}, 2, "Failed to resolve 'api.osv.dev'"),
        ("half", 2, "Failed to resolve 'api.osv.dev'"),
        ("", 2, "Failed to resolve 'api.osv.dev'"),
    ],
)
def test_only_an_answer_for_every_pin_is_an_all_clear(tmp_path: Path, answer: object, code: int, said: str) -> None:
    program = tmp_path / ".qirat/pins/bin/pip-audit"
    program.parent.mkdir(parents=True)
    (tmp_path / "pins").mkdir()
    shutil.copy(ROOT / "pins/audit.py", tmp_path / "pins")
    (tmp_path / "answer").write_text(answer if isinstance(answer, str) else json.dumps(answer))
    program.write_text(f"#!/bin/sh\necho \"Failed to resolve 'api.osv.dev'\" >&2\ncat {tmp_path}/answer\n")
    program.chmod(0o755)
    done = subprocess.run([sys.executable, tmp_path / "pins/audit.py"], capture_output=True, text=True, check=False)
    assert done.returncode == code and said in done.stdout
    assert ("Nothing is known of these" in done.stderr) == (code == 2)
    assert "Traceback" not in done.stderr


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found, requirement
    return re.sub("[-_.]+", "-", found[0]).lower()


def _installed(folder: Path, pinned: str) -> subprocess.CompletedProcess[str]:
    (folder / "constraints.txt").write_text(f"{pinned}\n")
    (folder / "wanted.txt").write_text("innocent>=0.5\n")
    command = [
        sys.executable,
        "-I",
        "-m",
        "pip",
        "install",
        "--no-index",
        "--find-links",
        folder / "files",
        "--isolated",
    ]
    command += ["--require-hashes", "--constraint", folder / "constraints.txt", "--requirement", folder / "wanted.txt"]
    command += ["--target", folder / "there"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
