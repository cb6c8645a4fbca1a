"""Everything that reads words, found by its signature: whoever writes a new reader has nothing to add here."""

import importlib
import inspect
import pkgutil
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import polars as pl

import curation
import expectations
import qirat.publish
import training
from curation.core.record.conversation import message
from curation.harness.errors import QiratError
from curation.privacy import PATTERNED
from tests.builders import context, record, talk
from tests.training.tiny import renderer
from training.model.template import InexpressibleError

Reader = Callable[[Sequence[str]], object]
# What a parameter is called that takes words, by its type, and what is put there. A path, a stage, a name is no text.
TEXT = frozenset(
    "text said plain folded cased markdown html line written words cell raw content digits token word".split()
)


def _conversations(text: str) -> pl.DataFrame:
    """As split writes them, and as score compares them."""
    said = record(talk(text, text), talk(text, f"{text} 9"))
    return said.with_columns(cluster_id="conversation_id", judged_as="language")


def _messages(text: str) -> list[dict[str, Any]]:
    """As the record keeps them."""
    return [message(**said) for said in talk(text, text)]


GIVEN: Sequence[tuple[str, frozenset[str], Callable[[str], Any]]] = (
    (r"str( \| None)?", TEXT, str),
    (r"bytes", TEXT, str.encode),
    (r".*Series", frozenset({"text", "texts"}), lambda text: pl.Series([text])),
    (r".*(Sequence|Iterable|list)\[str\]", frozenset({"texts", "replies"}), lambda text: [text, f"{text} 9"]),
    (r".*(Sequence|Iterable|list)\[str\]", frozenset({"tokens"}), str.split),
    (r".*(Sequence|Iterable|list)\[.*(Mapping|dict).*\]", frozenset({"messages"}), _messages),
    (r".*DataFrame", frozenset({"conversations"}), _conversations),
)
# Read window by window by who calls them (curation/core/text/windows.py), or no words of customers.
ASIDE = {
    "curation.harness.terminal.say": "prints",
    "expectations.views.ingested_rows": "a part of views.ingested",
    "expectations.views.curated_rows": "a part of views.curated",
    "curation.harness.yaml_text.from_yaml": "a file of the team's own",
    "curation.privacy.addresses.addresses": "windows of finds",
    "curation.privacy.secrets.secrets": "windows of finds",
    "curation.privacy.latin_names.latin_names": "windows of names",
    "curation.privacy.arabic_names.arabic_names": "windows of names",
}


# What else such functions want, by type and name, and what they are given: what they do with the words is looked at.
BESIDE: Sequence[tuple[str, frozenset[str], Callable[[], Any]]] = (
    (r".*(Sequence|Collection)\[str\].*", frozenset({"countries"}), lambda: ("SA", "EG")),
    (r".*(Sequence|Collection)\[str\]", frozenset({"languages"}), lambda: ("en", "ar")),
    (r".*Collection\[str\]", frozenset({"kinds"}), lambda: PATTERNED),
    (r"str( \| None)?", frozenset({"language"}), lambda: "ar"),
    (r"str", frozenset({"role"}), lambda: "assistant"),
    (r"int", frozenset({"seed", "start"}), lambda: 0),
    (r"int", frozenset({"longest", "end", "least"}), lambda: 40),
    (r"bool", frozenset({"merge", "html", "quotes", "signatures", "plus"}), lambda: True),
    (r".*Renderer", frozenset({"renderer"}), renderer),
    (r".*Privacy", frozenset({"privacy"}), lambda: context().privacy),
    (r".*Playbook", frozenset({"playbook"}), lambda: context().playbook),
)


def of_words() -> Iterator[tuple[str, Reader]]:
    """Every public function of ours that takes words, and beside them nothing but what stands above, by its name."""
    for module in modules():
        for name, function in vars(module).items():
            whole = f"{module.__name__}.{name}"
            bare = inspect.unwrap(function) if callable(function) and not inspect.isclass(function) else None
            if name.startswith("_") or not inspect.isfunction(bare) or bare.__module__ != module.__name__:
                continue
            wanted = [p for p in inspect.signature(bare).parameters.values() if p.default is p.empty]
            given = {p.name: _given(p) for p in wanted}
            beside = {p.name: _beside(p) for p in wanted if not given[p.name]}
            if any(given.values()) and all(beside.values()) and whole not in ASIDE:
                words = {name: made for name, made in given.items() if made}
                yield (
                    whole,
                    _reader(bare, words, {name: made() for name, made in beside.items() if made}),
                )  # remembers nothing


def modules() -> Iterator[ModuleType]:
    """Ours, without what begins to run when it is imported and what runs in the servers' own environments."""
    servers = ("__main__", ".sqlite_argilla", ".loopback_studio")
    for package in (curation, training, expectations, qirat.publish):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part in found.name for part in servers):
                yield importlib.import_module(found.name)


def _given(wanted: inspect.Parameter) -> Callable[[str], Any] | None:
    kind = inspect.formatannotation(wanted.annotation)
    return next((made for of, names, made in GIVEN if wanted.name in names and re.fullmatch(of, kind)), None)


def _beside(wanted: inspect.Parameter) -> Callable[[], Any] | None:
    kind = inspect.formatannotation(wanted.annotation)
    return next((made for of, names, made in BESIDE if wanted.name in names and re.fullmatch(of, kind)), None)


def _reader(
    function: Callable[..., object], words: Mapping[str, Callable[[str], Any]], beside: Mapping[str, Any]
) -> Reader:
    """To the end where it yields; a refusal in a sentence is an answer."""

    def read(texts: Sequence[str]) -> None:
        for text in texts:
            try:
                found = function(**{name: made(text) for name, made in words.items()}, **beside)
                if isinstance(found, Iterator):
                    deque(found, maxlen=0)  # a list of a million would be the collector's to look through
            except (QiratError, ValueError, InexpressibleError):
                continue

    return read
