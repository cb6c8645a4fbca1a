"""The pages that users read, and what stands on them: paragraphs, headings, links, commands, names in code."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.builders import ROOT

PAGES = sorted(page.relative_to(ROOT).as_posix() for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PAGES = [page for page in PAGES if page != "prompt.md"]  # a prompt, no page
_ITEM = re.compile(r"\s*([-*]|\d+\.) ")
_SHELL = {"", "sh", "bash", "console"}
_JOINS = {"&&", "||", "|", ";", "&", "(", ")", "{", "}"}


@dataclass(frozen=True)
class Line:
    """A line of a page, outside of prose where `code` tells the language of its block ("" where it names none)."""

    text: str
    code: str | None


@cache
def text(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


@cache
def lines(page: str) -> tuple[Line, ...]:
    return tuple(_lines(text(page)))


def paragraphs(markdown: str) -> Iterator[str]:
    """Each paragraph, or item of a list, as one line; tables, headings and code are none."""
    gathered: list[str] = []
    for line in [*_lines(markdown), Line("", None)]:
        said = line.text.strip()
        if gathered and (not said or line.code is not None or said.startswith(("|", "#", "<!--")) or _ITEM.match(said)):
            yield " ".join(gathered)
            gathered = []
        if said and line.code is None and not said.startswith(("|", "#", "<!--")):
            gathered.append(said)


def commands(page: str) -> Iterator[list[str]]:
    """The words of each command of the page's shell blocks, without prompt, comment and what it prints."""
    for block in _blocks(page):
        prompted = [line.removeprefix("$ ") for line in block if line.startswith("$ ")]
        begun = ""
        for line in prompted or block:
            begun = f"{begun}{line}\n"
            if not begun.endswith("\\\n") and (found := _words(begun)) is not None:
                yield from _parted(found)
                begun = ""
        assert not begun, f"{page}: no whole command: {begun}"


def spans(page: str) -> Iterator[str]:
    """What stands `in code` within prose and tables."""
    prose = "\n".join(line.text for line in lines(page) if line.code is None)
    yield from (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose))


def anchors(page: str) -> set[str]:
    """What a link to a heading of the page ends in, as GitHub makes it."""
    heads = [line.text.lstrip("#").strip() for line in lines(page) if line.code is None and line.text.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def links(page: str) -> Iterator[str]:
    prose = "\n".join(line.text for line in lines(page) if line.code is None)
    yield from re.findall(r"\]\(([^)\s]+)\)", prose)


def words(span: str) -> list[str]:
    """Those of a command that prose mentions."""
    return next(_parted(_words(span) or []), [])


def _words(command: str) -> list[str] | None:
    """As a shell parts them; None where a quote is not closed yet."""
    reader = shlex.shlex(command.replace("\\\n", " "), posix=True, punctuation_chars="&|;")
    reader.whitespace_split = True
    try:
        return list(reader)
    except ValueError:
        return None


def _parted(found: list[str]) -> Iterator[list[str]]:
    """Into the commands that `&&` and the like join, without variables that are set for one alone."""
    command: list[str] = []
    for word in [*found, ";"]:
        if word in _JOINS:
            if command:
                yield command
            command = []
        elif command or not re.match(r"[A-Z_]+=", word):
            command.append(word.strip("()") if word.startswith("(") or command else word)


def _blocks(page: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in [*lines(page), Line("", None)]:
        if line.code is not None and line.code in _SHELL and not line.text.strip().startswith("```"):
            block.append(line.text.strip())
        elif block:
            yield block
            block = []


def _lines(markdown: str) -> Iterator[Line]:
    fence: str | None = None
    before = ""
    for line in markdown.splitlines():
        said = line.strip()
        if said.startswith("```"):
            fence = said.removeprefix("```") if fence is None else None
            yield Line(line, fence or "fence")
        elif fence is not None:
            yield Line(line, fence)
        elif line.startswith("    ") and (not before.strip() or before.startswith("    ")) and not _ITEM.match(line):
            yield Line(line, "")
        else:
            yield Line(line, None)
        before = line
