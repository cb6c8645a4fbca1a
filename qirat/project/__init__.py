"""A project that is no fork of the repository: `qirat init` makes it, `qirat upgrade` takes it to another qirat.

The code comes with the installed package. dvc.yaml names, in place of the code's folders, a file for each stage that
holds a hash of the stage's rules (curation/harness/rules.py).
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from curation.harness.dvc import CODE, PACKAGES, listed, stages
from curation.harness.errors import QiratError
from curation.harness.files import atomic
from curation.harness.rules import RULES, write_rules
from qirat.project import settings

HERE = Path(__file__).parent
SUITES = "expectations"  # our code and the team's suites in one folder; a project has the suites only
RAW = "data/raw"  # people's words: DVC may keep them (`dvc add`), git does not
KEPT = "data/evaluation/.gitkeep"
SHIPPED = RULES / "shipped"  # files as the qirat wrote them that made the project or upgraded it last
LINES = (".gitignore", ".gitattributes", ".dvcignore")  # that a folder may have before
UNKEPT = ["*.partial", "/.venv", "/.qirat", "/data/cache", f"/{RAW}", "/models", "/dvc_plots"]
UNSEEN = [".venv", ".qirat", "*.partial", "data/cache"]
DVC = "[core]\n    analytics = false\n    check_update = false\n[plots]\n    html_template = plots/page.html\n"
HEAD = """\
# The road from raw conversations to a judged adapter, as the installed qirat has it. `qirat upgrade` writes this file
# anew: what you set stands in params.yaml. rules/STAGE changes with the rules of a stage, which then runs again.
"""
_STAGE = re.compile(r"^  (?P<stage>\w+):\n    cmd: .*\n    deps:\s*\[(?P<deps>[^]]*)\]", re.MULTILINE)


def init(folder: Path, example: bool = False) -> str:
    """Writes a new project and readies git and DVC in it; what to do next.

    Nothing that lies there is overwritten: lists of what git and DVC leave out are made longer, and of any other file
    that says something else QiratError is raised. So an init that was cut short is repeated.
    """
    written = {name: _with_lines(folder / name, text) for name, text in _written(example)}
    if there := [name for name, text in written.items() if _says_other(folder / name, text)]:
        raise QiratError(f"{folder} holds {', '.join(there[:3])} already; name a new folder, or an empty one")
    for name, text in written.items():
        _write(folder / name, text)
    for stage in stages():
        write_rules(stage, folder)
    (folder / RAW).mkdir(parents=True, exist_ok=True)
    if example:
        from qirat.sample import write

        write(folder)
    _ready(folder)
    return _next(folder, example)


def upgrade(root: Path = Path()) -> str:
    """Takes a project's dvc.yaml and rules to the installed qirat; which stages run again, which settings are other.

    What people wrote stays: params.yaml is told about and not written, and their lines in dvc.yaml are kept.
    """
    if not (root / RULES).is_dir():
        raise QiratError(f"{root.resolve()} has no folder {RULES}: it is no project that `qirat init` made")
    shipped = {"dvc.yaml": dvc_yaml(), "params.yaml": _params()}
    before = {name: _text(root / SHIPPED / name) for name in shipped}
    yours = _text(root / "dvc.yaml")
    stages_said = _merge(root / "dvc.yaml", before["dvc.yaml"], shipped["dvc.yaml"])
    changed = [stage for stage in stages() if write_rules(stage, root)]
    for path in [path for path in (root / RULES).iterdir() if path.is_file() and path.name not in stages()]:
        path.unlink()
    settings_said = settings.told(_text(root / "params.yaml"), shipped["params.yaml"], before["params.yaml"])
    lacking = {name: text for name, text in _in_git() if not (root / name).exists()}
    for name, text in [*lacking.items(), *((str(SHIPPED / name), text) for name, text in shipped.items())]:
        _write(root / name, text)
    said = f"other rules: {', '.join(changed)}" if changed else "no stage has other rules"
    said += "; dvc.yaml is new" if _text(root / "dvc.yaml") != yours else ""
    head = f"{said}. `dvc repro` runs what that changes and nothing else"
    if settings_said:
        settings_said.insert(0, "params.yaml stays as you wrote it. Beside the one that this qirat ships:")
    return "\n".join([head, *stages_said, *settings_said])


def _merge(path: Path, before: str, shipped: str) -> list[str]:
    """Puts what the new qirat changes into dvc.yaml, beside the lines that people wrote; the lines that changed.

    Where both changed the same lines nothing is written, and the lines are told.
    """
    yours = _text(path)
    new = shipped if before in ("", yours) else _merged(yours, before, shipped)
    if new is None:
        said = f"{path.name} has lines of yours where this qirat has others, and stays; put these in yourself:"
        return [said, *settings.difference(path.name, before, shipped)]
    if new != yours:
        _write(path, new)
    return settings.difference(path.name, yours, new)


def _merged(*texts: str) -> str | None:
    """Yours, what both began from, theirs: as one text; None where both changed the same lines."""
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / str(n) for n in range(len(texts))]
        for place, text in zip(places, texts, strict=True):
            place.write_text(text, "utf-8")
        done = subprocess.run(["git", "merge-file", "-p", *places], capture_output=True, check=False)
    return None if done.returncode else done.stdout.decode("utf-8")


def dvc_yaml() -> str:
    """The stages with their rules in place of their code."""
    text = (HERE / "dvc.yaml").read_text("utf-8")
    return HEAD + _STAGE.sub(_by_rules, text[text.index("stages:\n") :])


def _by_rules(found: re.Match[str]) -> str:
    deps = [name.strip() for name in found["deps"].split(",")]
    kept = [name for name in deps if name == SUITES or Path(name).parts[0] not in PACKAGES]
    listing = textwrap.fill(
        ", ".join([f"{RULES}/{found['stage']}", *kept]),
        width=110,
        initial_indent="      [",
        subsequent_indent="       ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return found[0][: found[0].index("    deps:")] + f"    deps:\n{listing}]"


def _written(example: bool) -> Iterator[tuple[str, str]]:
    """Every file of a new project but its rules, by its place."""
    yield "dvc.yaml", dvc_yaml()
    yield "params.yaml", _params(example)
    yield str(SHIPPED / "dvc.yaml"), dvc_yaml()
    yield str(SHIPPED / "params.yaml"), _params()
    for name in ("playbook.yaml", "prompt.md"):
        yield name, (HERE / (f"example_{name}" if example else name)).read_text("utf-8")
    for suite in sorted((CODE / SUITES).glob("*.json")):
        yield f"{SUITES}/{suite.name}", suite.read_text("utf-8")
    cached = {out for stage in stages().values() for out in stage["outs"] if isinstance(out, str)}
    yield ".gitignore", "\n".join([*UNKEPT, *(f"/{out}" for out in sorted(cached))]) + "\n"
    yield ".gitattributes", "data/looks.jsonl merge=union\n"
    yield ".dvcignore", "\n".join(UNSEEN) + "\n"
    yield KEPT, ""
    yield from _in_git()


def _params(example: bool = False) -> str:
    """The settings that ship; without what is the example's unless it comes along."""
    params = (HERE / "params.yaml").read_text("utf-8")
    return params if example else re.sub(r"(?m)^(  test_files: )\[.*?\]", r"\1[]", params)


def _in_git() -> Iterator[tuple[str, str]]:
    """What stages read and people keep: empty, and with its header."""
    known = {dep for stage in stages().values() for dep in listed(stage, "deps")}
    for name in sorted(known):
        header: Mapping[str, object] = {"qirat": Path(name).stem, "version": 1}
        if name.endswith(".jsonl"):
            yield name, json.dumps(header, separators=(",", ":")) + "\n"
        elif name == "data/seeds.json":
            yield name, json.dumps({**header, "trainings": {}}, indent=1, sort_keys=True) + "\n"


def _with_lines(path: Path, text: str) -> str:
    """The text, or of a list that is there before the list with what it lacks."""
    if path.name not in LINES or not path.exists():
        return text
    before = path.read_text("utf-8")
    lacking = [line for line in text.splitlines() if line not in before.splitlines()]
    return "\n".join([*([before.rstrip("\n")] if before.strip() else []), *lacking]) + "\n"


def _says_other(path: Path, text: str) -> bool:
    return path.name not in LINES and path.exists() and path.read_text("utf-8") != text


def _write(path: Path, text: str) -> None:
    with atomic(path) as file:
        file.write_text(text, "utf-8")


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def _ready(folder: Path) -> None:
    """git and DVC in the folder, if they are not there yet, and all files added to git's next commit."""
    if shutil.which("git") is None:
        raise QiratError("git is not installed; install it and run this again: git and DVC keep the versions")
    if not (folder / ".git").exists():
        _run(folder, "git", "init", "--quiet")
    if not (folder / ".dvc").exists():
        _run(folder, sys.executable, "-m", "dvc", "init", "--quiet")
    with atomic(folder / ".dvc/config") as file:
        file.write_text(DVC, "utf-8")
    with atomic(folder / ".dvc/plots/page.html") as file:
        file.write_text((HERE / "plots.html").read_text("utf-8"), "utf-8")
    _run(folder, "git", "add", "--all")


def _run(folder: Path, *command: str) -> None:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise QiratError(f"`{' '.join(command[-3:])}` failed in {folder}: {done.stderr.strip()}")


def _next(folder: Path, example: bool) -> str:
    steps = [f"cd {shlex.quote(str(folder))}"] if folder.resolve() != Path.cwd() else []
    if not example:
        steps += [f"# drop your exports into {RAW}, then", "qirat ingest --explain"]
    steps += ["dvc repro", "qirat results"]
    return "\n".join([f"{folder} is ready{', with the example' * example}. Next:", *(f"  {step}" for step in steps)])
