"""`pip install qirat` in a fresh environment, a project made with it, and its road to the gate: `make wheel`."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from curation.harness.dvc import PACKAGES, stages
from tests.builders import ROOT
from tests.e2e.project import environment, ran

pytestmark = pytest.mark.skipif("WHEEL" not in os.environ, reason="`make wheel` builds it, a minute and a half")


def git(folder: Path, *command: str) -> str:
    return subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=True).stdout


def installed(folder: Path) -> Path:
    """An environment with the wheel of the working tree, and what that requires from the one that runs the tests."""
    source, env, pip = (
        folder / "source",
        folder / "env",
        [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"],
    )
    tracked = git(
        ROOT, "ls-files", "-z", *PACKAGES, "qirat", ".dvc", "*.toml", "LICENSE", ":(glob)*.md", ":(glob)*.yaml"
    )
    for name in tracked.split("\0")[:-1]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name, follow_symlinks=False)
    subprocess.run([*pip, "wheel", source, "--no-deps", "--no-build-isolation", "-w", folder], check=True)
    venv.create(env)
    home = next(env.glob("lib/python*/site-packages"))
    (home / "requirements.pth").write_text(str(Path(pytest.__file__).parents[1]), "utf-8")
    (wheel,) = folder.glob("*.whl")
    into = ["--python", env / "bin/python", "install", "--no-deps", "--no-compile", wheel]
    subprocess.run([*pip, *into], check=True)
    return env


def run(env: Path, folder: Path, *command: str) -> str:
    """A command of the environment, in the project; what it said."""
    given = environment(ROOT) | {"PATH": f"{env / 'bin'}:{environment(ROOT)['PATH']}"}
    given.pop("PYTHONPATH")
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


ROWS = "".join(
    f'{{"messages": [{{"role": "user", "content": "{asked} {n}؟ {"very " * (n % 7)}"}}, '
    f'{{"role": "assistant", "content": "{reply} {n}."}}]}}\n'
    for n in range(30)
    for asked, reply in (
        (
            f"Where is the parcel that I sent from the shop in street {n * 7}",
            "We look for it and will write to you, case",
        ),
        (f"متى يصل الطلب الذي دفعته في الفرع رقم {n * 7}", "نعتذر عن التأخير، سنكتب إليك قريباً بشأن الحالة"),
    )
)


def test_from_the_wheel_to_a_project_that_runs_and_an_upgrade_runs_again_what_it_changes(tmp_path: Path) -> None:
    env, project, last = installed(tmp_path), tmp_path / "ours", "gate"
    run(env, tmp_path, "qirat", "init", "ours")
    (project / "data/raw/chats.jsonl").write_text(ROWS, "utf-8")
    settings = project / "params.yaml"
    few = settings.read_text("utf-8").replace("min_clean: 1000", "min_clean: 5")
    settings.write_text(few.replace("min_per_language: 100", "min_per_language: 1"), "utf-8")
    first = ran(run(env, project, "dvc", "repro", last))
    assert first == [name for name in list(stages())[: list(stages()).index(last) + 1] if name != "audit"]
    assert "60 raw = " in run(env, project, "qirat", "results")
    (code,) = env.glob("lib/python*/site-packages/curation")
    for name, new in (
        ("dedup/__main__.py", "print('another rule')"),
        ("ingest/__main__.py", "# what reads"),
        ("harness/stage.py", "print('another harness')"),
    ):
        text = (code / name).read_text("utf-8")
        (code / name).write_text(text.replace("\nimport", f"\n{new}\nimport", 1), "utf-8")
    assert "other rules: dedup, audit." in run(env, project, "qirat", "upgrade")
    assert ran(run(env, project, "dvc", "repro", last)) == ["dedup"]  # whose tables came out the same
