"""What the pages say is so: commands parse, params, files and links exist, and no paragraph is long."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.exceptions import TyperException

from curation.harness.dvc import listed, stages
from qirat.cli import app
from tests.builders import ROOT
from tests.docs import pages

LONGEST = 6 * 120  # signs of a paragraph: six lines
QIRAT = typer.main.get_command(app)
PLACES = "curation training expectations qirat benchmarks tests deploy docs pins metrics reports data models".split()
PACKAGES = ("qirat", "curation", "training", "expectations")
PARAMS: Mapping[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
LINES = re.findall(r"^([\w% -]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
TARGETS = {name for line in LINES for name in line.split()}
# Programs that are not ours: what stands behind them is theirs to check.
FOREIGN = {
    *". cd cp rm ls mkdir export sudo curl find ssh crontab wait sh flock 0 */5".split(),
    *"git pip hf docker ./make-env.sh vllm transformers llama-server ollama accelerate gepa ray".split(),
}


@pytest.mark.parametrize("page", pages.PAGES)
def test_no_paragraph_is_over_six_lines(page: str) -> None:
    assert [said[:80] for said in pages.paragraphs(pages.text(page)) if len(said) > LONGEST] == []


@pytest.mark.parametrize("page", pages.PAGES)
def test_a_page_opens_with_what_one_does_and_sees(page: str) -> None:
    first = [line for line in pages.lines(page) if line.text.strip()][1:5]
    assert any(
        line.code is not None or line.text.startswith(("|", "![", "[")) or "`make check`" in line.text for line in first
    )


def test_every_page_is_found_by_a_question_and_the_first_is_short() -> None:
    listed_pages = {link.partition("#")[0] for link in pages.links("docs/README.md")}
    assert {Path(page).name for page in pages.PAGES if page.startswith("docs/")} <= listed_pages | {"README.md"}
    assert len(pages.text("README.md").split()) < 900


@pytest.mark.parametrize("page", pages.PAGES)
def test_links_lead_somewhere(page: str) -> None:
    assert [link for link in pages.links(page) if not leads(page, link)] == []


def leads(page: str, link: str) -> bool:
    if link.startswith(("https://", "http://")):
        return True
    name, _, anchor = link.partition("#")
    target = (ROOT / page).parent / name if name else ROOT / page
    there = target.resolve().relative_to(ROOT).as_posix()
    return target.exists() and (not anchor or anchor in pages.anchors(there))


@pytest.mark.parametrize("page", pages.PAGES)
def test_commands_are_as_the_command_line_has_them(page: str) -> None:
    mentioned = [span for span in pages.spans(page) if span.partition(" ")[0] in {"qirat", "make", "dvc"}]
    whole = [(" ".join(command), fault(command, whole=True)) for command in pages.commands(page)]
    parts = [(span, fault(pages.words(span), whole=False)) for span in mentioned]
    assert [f"{command}: {wrong}" for command, wrong in (*whole, *parts) if wrong] == []


def fault(command: list[str], *, whole: bool) -> str:
    """What is wrong with a command; of one that is no more than mentioned what is missing may stay away."""
    program, *rest = command or [""]
    match Path(program).name, rest:
        case "qirat", _:
            return not_parsed(rest, whole)
        case "dvc", _:
            return not_of_dvc(rest)
        case "make", _:
            missing = [name for name in rest if "=" not in name and re.sub("^extra-.+", "extra-%", name) not in TARGETS]
            return f"no target {missing}" if missing else ""
        case "python", ["-m", module, *options]:
            return no_module(module, options)
        case "python" | "bash", [script, *_]:
            return "" if (ROOT / script).exists() or script == "convert_hf_to_gguf.py" else f"no script {script}"
        case name, _:
            return (
                "" if name in FOREIGN or program in FOREIGN or not name else f"{name} is no program that a page names"
            )


def not_parsed(arguments: list[str], whole: bool) -> str:
    """Reads the arguments as the command would, and runs nothing."""
    command: Any = QIRAT
    while arguments and hasattr(command, "commands"):
        if arguments[0] not in command.commands:
            return "" if arguments[0] in {"...", "--help", "COMMAND"} else f"no command {arguments[0]}"
        command, arguments = command.commands[arguments[0]], arguments[1:]
    if hasattr(command, "commands") or (not whole and not arguments):
        return ""
    try:
        command.make_context("qirat", [filled(argument) for argument in arguments if argument not in {"...", "…"}])
    except TyperException as error:
        said = str(getattr(error, "message", error))
        return "" if not whole and ("Missing" in said or "requires an argument" in said or not said) else said
    return ""


def filled(argument: str) -> str:
    return "7" if argument == "N" else argument


def not_of_dvc(arguments: list[str]) -> str:
    """Stages of `dvc repro`, and settings behind `-S`, must exist."""
    settings = [value for flag, value in pairwise(arguments) if flag == "-S" and "=" in value]
    wrong = [setting for setting in settings if not known(setting.partition("=")[0])]
    if arguments[:1] == ["repro"]:
        wrong += [name for name in arguments[1:] if name.isalpha() and name.islower() and name not in stages()]
    return f"unknown: {wrong}" if wrong else ""


def no_module(module: str, options: list[str]) -> str:
    place = ROOT / module.replace(".", "/")
    sources = [path for path in (place.with_suffix(".py"), *place.glob("*.py")) if path.is_file()]
    if not sources:
        return "" if module.startswith(("argilla_server", "http")) else f"no module {module}"
    shared = sorted((ROOT / module.split(".")[0]).glob("*.py"))
    held = "".join(path.read_text("utf-8") for path in (*sources, *shared))
    missing = [option for option in options if option.startswith("--") and f'"{option}"' not in held]
    return f"{module} has no {missing}" if missing else ""


@pytest.mark.parametrize("page", pages.PAGES)
def test_params_that_are_named_exist(page: str) -> None:
    assert [name for name in named_params(page) if not known(name)] == []


def named_params(page: str) -> Iterator[str]:
    """What is written like a setting, such as `route.budget` or `gate.min_clean: 10`."""
    for span in pages.spans(page):
        found = re.fullmatch(r"(?:params\.yaml: )?([a-z]+(?:\.[a-z_]+)+)(?:[:=] ?.*)?", span)
        if (
            found
            and found[1].split(".")[0] in PARAMS
            and not re.search(r"\.(py|md|jsonl?|yaml|csv|parquet|gguf)$", found[1])
        ):
            yield found[1]


def known(name: str) -> bool:
    """Whether params.yaml has the setting, or one above it that it leaves open."""
    value: Any = PARAMS
    *above, last = name.split(".")
    for part in (*above, last):
        if not isinstance(value, Mapping) or not value:
            return value is None or value == {}
        if part not in value:
            return (above[:1] == ["route"] and part in _codes()) or part in _fields()
        value = value[part]
    return True


@cache
def _fields() -> set[str]:
    """Settings that params.yaml leaves out: fields of the code's models."""
    sources = [path.read_text("utf-8") for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return set(re.findall(r"^    (\w+): .+", "\n".join(sources), re.MULTILINE))


@cache
def _codes() -> set[str]:
    from curation.checks.codes import codes

    return {*codes()}


@pytest.mark.parametrize("page", pages.PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    assert [name for name in named_files(page) if not any(exists(name, below) for below in (".", "docs"))] == []


def named_files(page: str) -> Iterator[str]:
    for span in pages.spans(page):
        if re.fullmatch(r"[\w./*<>{},-]+", span) and span.split("/")[0] in PLACES and "/" in span:
            yield span.rstrip("/")


def exists(name: str, below: str) -> bool:
    """In the repository, or among what stages write; capitals, * and <...> stand for any name."""
    pattern = re.sub(r"<\w+>|\{[\w,]+\}|\b[A-Z]+\b", "*", name)
    if pattern.startswith("data/cache") or any(ROOT.glob(f"{below}/{pattern}*")):
        return True
    outs = [out for stage in stages().values() for out in listed(stage, "outs", "metrics", "plots")]
    made = any(out.startswith(pattern.rstrip("*")) or Path(name).is_relative_to(out.split(".")[0]) for out in outs)
    return made or any(name in said for said in _texts())


def test_messages_that_are_explained_stand_in_the_code() -> None:
    page = pages.text("docs/troubleshooting.md")
    explained = [line.removeprefix("### ") for line in page.splitlines() if line.startswith("### ")]
    assert len(explained) >= 40
    assert [message for message in explained if not stands(message)] == []


def stands(message: str) -> bool:
    """Whether some text of the code has the pieces of the message in their order; `…` is what it fills in."""
    pieces = re.compile(".*".join(map(re.escape, filter(None, message.split("…")))), re.DOTALL)
    return any(pieces.search(said) for said in _texts())


@cache
def _texts() -> tuple[str, ...]:
    trees = [ast.parse(path.read_text("utf-8")) for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return tuple(said for tree in trees for node in ast.walk(tree) if (said := _said(node)))


def _said(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(_said(value) or "…" for value in values)
        case _:
            return ""
