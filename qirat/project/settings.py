"""What the params.yaml of a project says and lacks beside the one that the installed qirat ships.

People write params.yaml, so it is told and never written.
"""

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from curation.harness.yaml_text import from_yaml

RENAMED = Path(__file__).with_name("renamed.yaml")


def told(yours: str, shipped: str, before: str) -> list[str]:
    """A line for each setting that is new, not set, renamed, gone or ships with another value, then what changed.

    `yours` is the project's params.yaml, `shipped` the installed qirat's, `before` that of the qirat that made the
    project or upgraded it last ("" where nothing tells).
    """
    own, now, then = (dict(leaves(from_yaml(text) or {})) for text in (yours, shipped, before))
    said = [
        *(_lacking(name, now[name], name in then) for name in now if name not in own),
        *(f"renamed  {old} is {new} now; yours sets it to {_text(own[old])}" for old, new in _renamed(own)),
        *(f"gone     {name}: {_text(own[name])} is set and no longer read" for name in _gone(own, now, then)),
        *(
            f"other    {name} ships as {_text(now[name])}, no longer as {_text(then[name])}, which yours still has"
            for name in now
            if name in own and name in then and now[name] != then[name] == own[name]
        ),
    ]
    return [*said, *difference("params.yaml", before, shipped)] if before else said


def difference(name: str, old: str, new: str) -> list[str]:
    """The lines in which two versions of a file differ, as `diff -u` shows them."""
    named = {"fromfile": f"{name} before", "tofile": f"{name} now"}
    return list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1, **named))


def leaves(tree: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values; lists and empty mappings are values."""
    for key, value in tree.items():
        name = f"{prefix}{key}"
        yield from leaves(value, f"{name}.") if isinstance(value, Mapping) and value else [(name, value)]


def _lacking(name: str, value: Any, known: bool) -> str:
    return f"{'not set ' if known else 'new     '} {name}: {_text(value)}"


def _renamed(own: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(old, new) for old, new in _renames().items() if old in own]


def _gone(own: Mapping[str, Any], now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    """What shipped once and ships no more; what people added to a list of names of their own is not among it."""
    return [name for name in own if name in then and name not in now and name not in _renames()]


@cache
def _renames() -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load(RENAMED.read_text("utf-8"))
    return found


def _text(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True).removesuffix("...\n").strip()
