"""The tutorial, as its page has it: what it types prints what it shows. To the gate and beyond with `make wheel`."""

import csv
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.builders import ROOT
from tests.docs import pages
from tests.e2e.project import edit, environment

PAGE = "docs/tutorial.md"
OTHERS = (
    "formats",
    "checks",
    "policy",
    "privacy",
    "validation",
)  # pages that open with this project as section 4 has it
COLUMNS = ("decision ·", "reasons ·", "corrected ·")
ARABIC = "لا، التنظيف لا يضر المينا. إنه يزيل الترسبات التي لا تصل إليها الفرشاة فقط."


def columns(project: Path) -> None:
    (said,) = re.findall(r"^```yaml\n(.*)\n```$", pages.text(PAGE), re.MULTILINE)
    edit(project, "params.yaml", "  columns: {}\n", f"{said}\n")


def few(project: Path) -> None:
    edit(project, "params.yaml", "min_clean: 1000", "min_clean: 10")
    edit(project, "params.yaml", "min_per_language: 100", "min_per_language: 5")


def sara(project: Path) -> None:
    """Fills the spreadsheet in as the page tells."""
    path = project / "doubtful.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        head, *rows = csv.reader(file)
    places = (next(n for n, name in enumerate(head) if name.startswith(wanted)) for wanted in COLUMNS)
    decision, reasons, corrected = places
    for row in rows:
        if "As an AI" in row[4]:
            row[decision], row[reasons] = "drop", "not_useful"
        elif "only soft food and" in row[4]:
            row[decision], row[reasons] = "drop", "incomplete"
        elif "another language" in row[1]:
            row[decision], row[corrected] = "edit", ARABIC
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def names(project: Path) -> None:
    edit(project, "params.yaml", "name: report", "name: mask")


# What the reader does by hand in a section, before its n-th command.
BY_HAND: Mapping[tuple[str, int], Callable[[Path], None]] = {
    ("2", 1): columns,
    ("3", 0): few,
    ("5", 1): sara,
    ("6", 1): names,
}


def test_what_the_tutorial_types_prints_what_it_shows(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docs/tutorial/clinic.csv", tmp_path)
    folder = tmp_path
    for section in re.findall(r"^## (\d\. .*?)(?=^## )", pages.text(PAGE), re.MULTILINE | re.DOTALL):
        if section[0] > "2" and "WHEEL" not in os.environ:
            break
        folder = typed(folder, session(section), section[0])
        if section[0] == "4":
            for page in OTHERS:
                typed(folder, session(pages.text(f"docs/{page}.md")))


def typed(folder: Path, commands: list[tuple[str, str]], section: str = "") -> Path:
    """Runs what a section types, each command with what the reader does by hand before it; where that ends."""
    for n, (command, shown) in enumerate(commands):
        BY_HAND.get((section, n), lambda _: None)(folder)
        if command.startswith("cd "):
            folder /= command.removeprefix("cd ")
        else:
            assert seen(shown, said(folder, command)), command
    return folder


def session(section: str) -> list[tuple[str, str]]:
    """Commands of a section, each with what the page shows of its output."""
    blocks = re.findall(r"^```console\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(blocks), re.MULTILINE)


def said(folder: Path, command: str) -> str:
    env = environment(folder) | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    done = subprocess.run(command, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def seen(shown: str, output: str) -> bool:
    """Whether the output has what is shown, `…` being what is left out."""
    wanted = ".*".join(re.escape(piece.strip("\n")) for piece in shown.split("…"))
    return re.search(wanted, output, re.DOTALL) is not None


@pytest.mark.parametrize(("shown", "found"), [("a\n…\nc\n", True), ("a\nc\n", False), ("a …\nd\n", False)])
def test_what_is_left_out_is_marked(shown: str, found: bool) -> None:
    assert seen(shown, "a b\nb\nc\n") == found
