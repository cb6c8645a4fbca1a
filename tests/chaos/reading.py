"""Everything that reads words, found by its signature: whoever writes a new reader has nothing to add here."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import polars as pl

import curation
import qirat.publish
import training
from curation.harness.errors import QiratError
from tests.builders import record, talk
from training.model.template import InexpressibleError

Reader = Callable[[Sequence[str]], object]
# What a parameter is called that takes words, by its type, and what is put there. A path, a stage, a name is no text.
TEXT = frozenset(
    "text said plain folded cased markdown html line written words cell raw content digits token word".split()
)


def _conversations(text: str) -> pl.DataFrame:
    """As split writes them."""
    said = record(talk(text, text), talk(text, f"{text} 9"))
    return said.with_columns(cluster_id="conversation_id")


GIVEN: Sequence[tuple[str, frozenset[str], Callable[[str], Any]]] = (
    (r"str( \| None)?", TEXT, str),
    (r"bytes", TEXT, str.encode),
    (r".*Series", frozenset({"text", "texts"}), lambda text: pl.Series([text])),
    (r".*(Sequence|Iterable|list)\[str\]", frozenset({"texts", "replies"}), lambda text: [text, f"{text} 9"]),
    (r".*(Sequence|Iterable|list)\[str\]", frozenset({"tokens"}), str.split),
    (r".*(Sequence|Iterable|list)\[.*(Mapping|dict).*\]", frozenset({"messages"}), lambda text: talk(text, text)),
    (r".*DataFrame", frozenset({"conversations"}), _conversations),
)
# Read window by window by who calls them (curation/core/text/windows.py), or no words of customers.
ASIDE = {
    "curation.harness.yaml_text.from_yaml": "a file of the team's own",
    "curation.privacy.addresses.addresses": "windows of finds",
    "curation.privacy.secrets.secrets": "windows of finds",
    "curation.privacy.latin_names.latin_names": "windows of names",
    "curation.privacy.arabic_names.arabic_names": "windows of names",
}


def of_one_argument() -> Iterator[tuple[str, Reader]]:
    """Every public function of ours of which nothing is required but words, by its name."""
    for module in modules():
        for name, function in vars(module).items():
            whole = f"{module.__name__}.{name}"
            bare = inspect.unwrap(function) if callable(function) and not inspect.isclass(function) else None
            if name.startswith("_") or not inspect.isfunction(bare) or bare.__module__ != module.__name__:
                continue
            wanted = [p for p in inspect.signature(bare).parameters.values() if p.default is p.empty]
            given = _given(wanted[0]) if len(wanted) == 1 else None
            if given and whole not in ASIDE:
                yield whole, _reader(bare, given)  # bare: it remembers nothing


def modules() -> Iterator[ModuleType]:
    """Ours, without what begins to run when it is imported and what runs in Argilla's own environment."""
    for package in (curation, training, qirat.publish):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__") and ".sqlite_argilla" not in found.name:
                yield importlib.import_module(found.name)


def _given(wanted: inspect.Parameter) -> Callable[[str], Any] | None:
    kind = inspect.formatannotation(wanted.annotation)
    return next((made for of, names, made in GIVEN if wanted.name in names and re.fullmatch(of, kind)), None)


def _reader(function: Callable[[Any], object], given: Callable[[str], Any]) -> Reader:
    """To the end where it yields; a refusal in a sentence is an answer."""

    def read(texts: Sequence[str]) -> None:
        for text in texts:
            try:
                found = function(given(text))
                if isinstance(found, Iterator):
                    list(found)
            except (QiratError, ValueError, InexpressibleError):
                continue

    return read
