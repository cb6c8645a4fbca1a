"""One file a format. A format says which files it recognises and makes conversations of their rows.

To add one, write a module here with a function under `@format_of(name, recognises)`; it is found by itself. Rows that
a container could not read carry a fault: a format passes over them, unless it knows what they belonged to. Rows that a
format cannot read it answers with a reason.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.conversation import ROLES, canonical_json, message
from curation.ingest.containers import Contents, Row

Messages = list[dict[str, Any]]
Roles = Mapping[str, str]  # how a source names its roles -> ROLES


class UnreadableError(Exception):
    """Raised by a format for the row at hand: the reason and the cure, as a sentence."""


@dataclass(frozen=True)
class Outcome:
    """What became of one or more raw rows: a conversation's messages, or the reason why not."""

    rows: Sequence[Row]
    messages: Messages | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None


Reader = Callable[[Contents, Roles], Iterator[Outcome]]
Recogniser = Callable[[Contents], bool]


@dataclass(frozen=True)
class Format:
    """A registered format."""

    name: str
    recognises: Recogniser
    read: Reader


_FORMATS: dict[str, Format] = {}


def format_of(name: str, recognises: Recogniser) -> Callable[[Reader], Reader]:
    """Registers a reader under the name that the record's `source` will carry."""

    def register(read: Reader) -> Reader:
        _FORMATS[name] = Format(name, recognises, read)
        return read

    return register


@functools.cache
def formats() -> Mapping[str, Format]:
    """All formats by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_FORMATS.items()))


# -- what formats share ------------------------------------------------------------------------------------------------

SAMPLED = 50  # rows looked at to recognise a file


def most_have(contents: Contents, *keys: str) -> bool:
    """Whether most of the first readable rows are objects that have all these keys."""
    sample = [row.value for row in contents.rows[:SAMPLED] if row.fault is None]
    having = sum(isinstance(value, dict) and all(key in value for key in keys) for value in sample)
    return having > len(sample) / 2


def attempt(rows: Sequence[Row], read: Callable[[], tuple[Messages, Mapping[str, Any]]]) -> Outcome:
    """The outcome of reading these rows: whatever is wrong with them becomes a reason, never a crash."""
    try:
        messages, found = read()
    except UnreadableError as error:
        return Outcome(rows, reason=str(error))
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        return Outcome(rows, reason=f"the row has another shape than its neighbours ({error!r}); export it again")
    return Outcome(rows, messages, found)


def each_row(
    rows: Iterable[Row], read: Callable[[Mapping[str, Any]], tuple[Messages, Mapping[str, Any]]]
) -> Iterator[Outcome]:
    """Reads rows that are a conversation each."""
    for row in rows:
        if row.fault:
            continue
        if isinstance(row.value, dict):
            yield attempt([row], lambda value=row.value: read(value))  # type: ignore[misc]
        else:
            yield Outcome(
                [row], reason=f"a {type(row.value).__name__} where an object was expected; export the row again"
            )


def role_of(name: Any, roles: Roles) -> str:
    """One of ROLES for what the source calls it."""
    role = roles.get(str(name).strip().lower(), str(name).strip().lower())
    if role not in ROLES:
        raise UnreadableError(
            f"role {name!r} is unknown; expected one of {', '.join(ROLES)} (map it in params.yaml: ingest.roles)"
        )
    return role


def text_of(content: Any, where: str) -> str:
    """Text out of a string, nothing, or a list of text parts; anything else is unreadable."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(p, dict) and isinstance(p.get("text"), str) for p in content):
        return "\n".join(part["text"] for part in content)
    raise UnreadableError(f"{where} holds no text but {canonical_json(content)[:60]}; Qirat trains on text only")


def chat_messages(value: Any, roles: Roles, role_key: str = "role", content_key: str = "content") -> Messages:
    """Messages from a list of {role, content, name?, tool_calls?}, whatever the two keys are called."""
    if not isinstance(value, list) or not value:
        raise UnreadableError("there are no messages in this row")
    found = []
    for turn, entry in enumerate(value):
        if not isinstance(entry, dict) or role_key not in entry:
            raise UnreadableError(f"message {turn} has no {role_key!r}")
        content = text_of(entry.get(content_key), f"message {turn}")
        name = None if entry.get("name") is None else str(entry["name"])
        found.append(message(role_of(entry[role_key], roles), content, name, entry.get("tool_calls") or None))
    return found
