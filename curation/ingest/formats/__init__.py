"""One file a format. A format says what a file lacks to be its own, and makes conversations of the rows of one that is.

To add one, write a module here with a function under `@format_of(name, misses)`; it is found by itself, and the first
paragraph of its docstring stands in docs/formats.md. Rows that a
container could not read carry a fault: a format passes over them, unless it knows what they belonged to. Rows that a
format cannot read it answers with a reason. The rows come once, as a stream; a format that must group them holds them.
"""

import functools
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import Field

from curation.harness.params import Params
from curation.ingest.json_text import value_in
from curation.ingest.mail import tidied
from curation.ingest.provenance import spelled, with_metadata
from curation.ingest.rows import Contents, RawRow
from curation.record.conversation import ROLES, canonical_json, message

Messages = list[dict[str, Any]]
Roles = Mapping[str, str]  # how a source names its roles -> ROLES


class Reading(Params):
    """How raw files are to be understood; part of params.yaml: ingest."""

    roles: Roles
    silence_hours: float = Field(12, gt=0)  # a chat without end is a new conversation after so long a silence
    html: Literal["text", "keep"] = "text"  # HTML in help-desk messages becomes text
    quotes: Literal["remove", "keep"] = "remove"  # earlier mails quoted in them
    signatures: Literal["remove", "keep"] = "remove"


class UnreadableError(Exception):
    """Raised by a format for the row at hand: the reason and the cure, as a sentence."""


@dataclass(frozen=True)
class Outcome:
    """What became of one or more raw rows: a conversation's messages, or the reason why not."""

    rows: Sequence[RawRow]
    messages: Messages | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    left_out: Mapping[int, str] = field(default_factory=dict)  # number of a row whose words are not in messages -> why
    told: str = ""  # who was taken for whom and by which rule, for `--explain`; "": the source says it itself


Reader = Callable[[Contents, Reading], Iterator[Outcome]]


@dataclass(frozen=True)
class Format:
    """A registered format."""

    name: str
    misses: Callable[[Contents], str]  # what a file lacks to be of this format, in words; "" when it is
    read: Reader
    guessed: bool = False  # by fields that other formats may have too: asked after them
    whole_file: bool = False  # a conversation's rows may stand anywhere in the file: it cannot be read in parts
    mail: bool = False  # its texts were written as mails: their HTML, quotes and signatures are seen to
    chat: bool = False  # its people have names and no sides: who is who had to be told

    def recognises(self, contents: Contents) -> bool:
        return not self.misses(contents)


_FORMATS: dict[str, Format] = {}


def format_of(
    name: str,
    misses: Callable[[Contents], str],
    *,
    mail: bool = False,
    guessed: bool = False,
    whole_file: bool = False,
    chat: bool = False,
) -> Callable[[Reader], Reader]:
    """Registers a reader under the name that the record's `source` will carry.

    `mail`, `guessed`, `whole_file` and `chat` as in Format.
    """

    def register(read: Reader) -> Reader:
        _FORMATS[name] = Format(name, misses, _tidied(read) if mail else read, guessed, whole_file, mail, chat)
        return read

    return register


@functools.cache
def formats() -> Mapping[str, Format]:
    """All formats by name, those that are told by their own fields first."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return {f.name: f for f in sorted(_FORMATS.values(), key=lambda f: (f.guessed, f.name))}


def _tidied(read: Reader) -> Reader:
    """The reader, its messages without HTML, quoted mails and signatures; metadata `removed` keeps what went."""

    @functools.wraps(read)
    def reading_mail(contents: Contents, reading: Reading) -> Iterator[Outcome]:
        for outcome in read(contents, reading):
            if not outcome.messages:
                yield outcome
                continue
            messages, removed = tidied(
                outcome.messages, reading.html == "text", reading.quotes == "remove", reading.signatures == "remove"
            )
            found = with_metadata(outcome.provenance, removed=removed)
            yield replace(outcome, messages=messages, provenance=found)

    return reading_mail


# -- what formats share ------------------------------------------------------------------------------------------------


def field_of(contents: Contents, names: Sequence[str]) -> str | None:
    """The field that most of the first rows have under one of these names, the first of them that there is."""
    present = _fields_of_most(contents)
    return next((present[key] for key in map(spelled, names) if key in present), None)


def lacks(contents: Contents, *wanted: str | Sequence[str]) -> str:
    """Which of the wanted fields, each a name or alternatives, most of the first rows do not have; "": none."""
    alternatives = [[names] if isinstance(names, str) else names for names in wanted]
    missing = [" or ".join(names) for names in alternatives if field_of(contents, names) is None]
    return f"no field {', no field '.join(missing)}" if missing else ""


def _fields_of_most(contents: Contents) -> dict[str, str]:
    """Fields of more than half of the first rows: as names are spelled here -> as the file spells them."""
    sample = [row.value for row in contents.sample]
    counted = Counter(key for value in sample if isinstance(value, dict) for key in value)
    return {spelled(key): key for key in reversed(counted) if counted[key] > len(sample) / 2}


def first_values(contents: Contents, name: str) -> list[Any]:
    """What the first rows hold in a field, where they hold anything."""
    found = [row.value.get(name) for row in contents.sample if isinstance(row.value, dict)]
    return [value for value in found if value not in (None, "")]


def attempt(rows: Sequence[RawRow], read: Callable[[], tuple[Messages, Mapping[str, Any]]]) -> Outcome:
    """The outcome of reading these rows: whatever is wrong with them becomes a reason, never a crash."""
    try:
        messages, found = read()
    except UnreadableError as error:
        return Outcome(rows, reason=str(error))
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        return Outcome(rows, reason=f"the row has another shape than its neighbours ({error!r}); export it again")
    return Outcome(rows, messages, found)


def each_row(
    rows: Iterable[RawRow], read: Callable[[Mapping[str, Any]], tuple[Messages, Mapping[str, Any]]]
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
    called = str(name).strip().lower()
    role = roles.get(called, called)
    if role not in ROLES:
        raise UnreadableError(
            f"role {name!r} is unknown; expected one of {', '.join(ROLES)} (map it in params.yaml: ingest.roles)"
        )
    return role


def text_of(content: Any, where: str) -> str:
    """Text out of a string, nothing, or a list of texts or text parts; anything else is unreadable."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        texts = [part for part in parts if isinstance(part, str)]
        if len(texts) == len(parts):
            return "\n".join(texts)
    raise UnreadableError(f"{where} holds no text but {canonical_json(content)[:60]}; Qirat trains on text only")


ROLE_FIELDS = ("role", "from")
CONTENT_FIELDS = ("content", "value", "text")
TOOL_CALLERS = ("function_call", "tool_call")  # as ShareGPT sets call the assistant that calls a tool


def chat_messages(value: Any, roles: Roles) -> Messages:
    """Messages from a list of {role, content, name?, tool_calls?}, or {from, value}, or the JSON text of one."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        value = value_in(value)
    if isinstance(value, dict):  # a struct of lists, as some tables hold lists of structs
        value = [dict(zip(value, entry, strict=True)) for entry in zip(*value.values(), strict=True)]
    if not isinstance(value, list) or not value:
        raise UnreadableError("there are no messages in this row")
    return [_chat_message(turn, entry, roles) for turn, entry in enumerate(value)]


def _chat_message(turn: int, entry: Any, roles: Roles) -> dict[str, Any]:
    if isinstance(entry, dict) and len(entry) == 2:  # nearly all of them have a role and a content
        role, content = entry.get("role"), entry.get("content")
        if isinstance(role, str) and isinstance(content, str) and role not in TOOL_CALLERS:
            return message(role_of(role, roles), content)
    role = next((entry[key] for key in ROLE_FIELDS if key in entry), None) if isinstance(entry, dict) else None
    if role is None:
        raise UnreadableError(f"message {turn} has no {' and no '.join(map(repr, ROLE_FIELDS))}")
    content = text_of(next((entry[key] for key in CONTENT_FIELDS if key in entry), None), f"message {turn}")
    if role in TOOL_CALLERS:
        return message("assistant", "", tool_calls=[{"type": "function", "function": _object(content)}])
    calls = entry.get("tool_calls") or None
    if calls is None and entry.get("function_call"):  # what OpenAI had before tool_calls
        calls = [{"type": "function", "function": _object(entry["function_call"])}]
    name = None if entry.get("name") is None else str(entry["name"])
    return message(role_of(role, roles), content or text_of(entry.get("refusal"), f"message {turn}"), name, calls)


def _object(value: Any) -> Mapping[str, Any]:
    """A call of a tool: an object, or the JSON text of one."""
    found = value_in(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise UnreadableError(f"a tool call is {canonical_json(found)[:60]}, no object")
    return found


def with_system(system: Any, messages: Messages) -> Messages:
    """The messages under the system message that stands beside them in the row, unless they hold it already."""
    content = text_of(system, "system")
    first = messages[0] if messages else {}
    repeated = first.get("role") == "system" and first["content"] == content
    return messages if repeated or not content.strip() else [message("system", content), *messages]


_SERVES_CUSTOMERS = re.compile(
    r"\b(?:customer|client|user|guest|member)s?['’]?s?[ -](?:care|services?|support|success|relations|experience)\b|"
    r"\b(?:خدم[ةه]|خدمات|دعم|رعاي[ةه]|علاقات) (?:ال)?(?:عملاء|زبائن|مستخدمين)\b"
)


def speaker_role(name: str, roles: Roles) -> str | None:
    """The role of a speaker by the whole name, or by its last or first word ("Support Agent", "Agent Sara (A7)").

    "Customer Care Sara" is of the team, though her first word is a customer.
    """
    spoken = re.sub(r"\(.*\)", "", name).strip(" *_").lower()
    words = spoken.split() or [""]
    known = {**{role: role for role in ROLES}, **roles}
    serves = _SERVES_CUSTOMERS.search(spoken)
    parts = (name.strip().lower(), spoken, *(() if serves else (words[-1], words[0])))
    return next((known[part] for part in parts if part in known), "assistant" if serves else None)
