"""A small project on which stages and commands are interrupted, starved and fed with rubbish."""

import hashlib
import importlib
import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.builders import ROOT
from tests.e2e.project import environment

STAGES: Mapping[str, Mapping[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
ROAD = tuple(itertools.takewhile(lambda stage: stage != "tokenize", STAGES))  # needs no model
SETTINGS: Mapping[str, Mapping[str, Any]] = yaml.safe_load("""
machine: {workers: 1}
audit: {share: 0}
route: {budget: 0.4, limits: {semantic_copy: {doubt: 0.9}}}
split: {test_files: [], test: 0.2, dev: 0.2, largest_group: 0.2}
gate: {min_clean: 10, min_per_language: 1, max_facts: 1.0}
""")
TINY: Mapping[str, Mapping[str, Any]] = yaml.safe_load("""
model: {name: tiny}
evaluate: {conversations: 6, generated: 4, most: 4, rivals: every, max_new_tokens: 8, bootstrap: 200, forgetting: 2}
""")
QUESTIONS = ("How do I send the {} back?", "كيف أعيد {} إليكم؟")
REPLIES = (
    "Open your orders, choose the {} and press return; a courier comes within days.",
    "افتح طلباتك واختر {} ثم اضغط إرجاع، ويأتيك المندوب خلال أيام.",
)
THINGS = (
    "kettle lamp blue-chair headset grey-rug mirror heater desk printer tent bicycle violin "
    "غلاية مصباح كرسي سماعة سجادة مرآة مدفأة مكتب طابعة خيمة دراجة كمان"
).split()


LARGE = (  # where it stands how much work there must be until it is given to other processes
    "curation.ingest.__main__",
    "curation.dedup.__main__",
    "curation.embed",
    "curation.score.__main__",
    "curation.curate.__main__",
)

SPREAD = "SPREAD"  # has `walk` give any work to other processes, were it ever so little


def small(root: Path) -> Path:
    """A project with 48 conversations in English and Arabic, two of them broken, and nothing made of them yet."""
    for name in ("dvc.yaml", "playbook.yaml", "prompt.md", "data/seeds.json", "data/forget.jsonl"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "data/review", root / "data/review")
    shutil.copytree(ROOT / "expectations", root / "expectations", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copy(ROOT / "params.yaml", root / "params.yaml")
    set_params(root, SETTINGS)
    for folder in ("data/raw", "data/evaluation"):
        (root / folder).mkdir()
    lines = [_conversation(number, thing) for number, thing in enumerate(THINGS * 2)]
    (root / "data/raw/chat.jsonl").write_text("".join(f"{line}\n" for line in [*lines, '{"messages": "torn']), "utf-8")
    (root / "data/evaluation/asked.jsonl").write_text(_conversation(0, "clock") + "\n", "utf-8")
    return root


def trainable(root: Path) -> Path:
    """A small project with a base model of a few thousand weights, so that every stage runs in seconds."""
    from tests.training import tiny

    tiny.model().save_pretrained(small(root) / "tiny")
    tiny.tokenizer().save_pretrained(root / "tiny")
    train = yaml.safe_load((root / "params.yaml").read_text("utf-8"))["train"]
    few = {"train_tokens": 1500, "dev_tokens": 500, "learning_rate": 0.01}
    set_params(root, {**TINY, "train": {"cpu": {**train["cpu"], **few}}, "machine": {"checkpoint_minutes": 0}})
    return root


def set_params(root: Path, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Changes settings in params.yaml."""
    params = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    for section, settings in wanted.items():
        params[section] = {**params.get(section, {}), **settings}
    (root / "params.yaml").write_text(yaml.safe_dump(params, allow_unicode=True), "utf-8")


def _conversation(number: int, thing: str) -> str:
    language = int(not thing.isascii())
    said = [QUESTIONS[language].format(thing), REPLIES[language].format(thing)]
    if number >= len(THINGS):
        said[0] += (" It is broken.", " وهو مكسور.")[language]
    messages = [{"role": role, "content": text} for role, text in zip(("user", "assistant"), said, strict=True)]
    return json.dumps({"messages": messages, "customer": f"c{number}"}, ensure_ascii=False)


def module(stage: str) -> str:
    """The module that dvc.yaml runs for a stage."""
    command: str = STAGES[stage]["cmd"]
    return command.split()[-1]


def main_of(stage: str) -> Callable[[], None]:
    """What dvc.yaml runs for a stage."""
    name = module(stage)
    package = (ROOT / name.replace(".", "/")).is_dir()
    found: Callable[[], None] = importlib.import_module(f"{name}.__main__" if package else name).main
    return found


def walk(*steps: str) -> list[str]:
    """The command that runs stages, and commands such as "qirat results", one after the other in one process.

    It says `begin` when everything is imported, which is most of a short run.
    """
    return [sys.executable, "-c", f"from tests.chaos.project import steps; steps({list(steps)})"]


def steps(wanted: Sequence[str]) -> None:
    """What `walk` runs."""
    from qirat.cli import app

    stages = {step: main_of(step) for step in wanted if step in STAGES}
    if SPREAD in os.environ:
        for name in LARGE:
            importlib.import_module(name).LARGE = -1  # type: ignore[attr-defined]
    print("begin", flush=True)
    for step in wanted:
        stages[step]() if step in stages else app(shlex.split(step)[1:], standalone_mode=False)


def timed(wanted: Sequence[str]) -> None:
    """Runs stages one after the other, and prints the CPU seconds of each as JSON; what they import is not counted."""
    stages = {stage: main_of(stage) for stage in wanted}
    taken = {}
    for name, stage in stages.items():
        before = sum(os.times()[:4])
        stage()
        taken[name] = round(sum(os.times()[:4]) - before, 2)
    print(json.dumps(taken))


def start(root: Path, command: Sequence[str], **options: Any) -> "subprocess.Popen[str]":
    """A command of ours begun in the project, with the code that is tested."""
    set_up = {**environment(ROOT), "PYTHONHASHSEED": "0"}
    return subprocess.Popen(
        command, cwd=root, env=set_up, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )


def run(root: Path, command: Sequence[str], **options: Any) -> tuple[int, str]:
    """The exit code of a command of ours, and what it said."""
    with start(root, command, **options) as process:
        said, _ = process.communicate()
        return process.returncode, said


def contents(root: Path) -> dict[str, str]:
    """By name: the hash of each file that stages write, and that people keep; nothing of what only saves time."""
    files = (path for folder in ("data", "metrics", "models", "reports") for path in (root / folder).rglob("*"))
    names = {path.relative_to(root).as_posix(): path for path in files if path.is_file()}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in sorted(names.items())
        if not name.startswith("data/cache/")
    }


TRIED: Counter[str] = Counter()  # by kind, how often something was broken; a test fails where anything was lost


def whole() -> bool:
    """Whether everything is tried, as `make chaos` does, or what takes seconds."""
    return "CHAOS" in os.environ
