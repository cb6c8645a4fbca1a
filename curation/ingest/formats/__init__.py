"""One file a format. A format says what a file lacks to be its own, and makes conversations of the rows of one that is.

To add one, write a module here with a function under `@format_of(name, misses)`; it is found by itself, and the first
paragraph of its docstring stands in docs/formats.md beside the one that begins with "Keeps: ". Rows that a
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
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from curation.core.record.conversation import ROLES, canonical_json, is_taught, is_untaught, message
from curation.harness.params import Params
from curation.ingest.mail import tidied
from curation.ingest.provenance import spelled, with_metadata
from curation.ingest.rows import Contents, RawRow

Messages = list[dict[str, Any]]
Roles = Mapping[str, str]  # how a source names its roles -> ROLES


class Columns(Params):
    """Which column of a table is what. Either each row is a message of a `ticket`, or it is `text` and its `answer`."""

    text: str
    ticket: str | None = None  # tells conversations apart
    side: str | None = None  # who wrote: a name that ingest.roles knows, or a value that `team_is` tells
    team_is: str | bool | int | None = None  # what `side` holds where the team wrote, e.g. false of a column "incoming"
    answer: str | None = None  # the reply, where a row is a whole conversation
    time: str | None = None
    internal: str | None = None  # what no customer has read
    internal_is: str | bool | int = True  # what `internal` holds then, e.g. false of a column "public"
    customer: str | None = None
    label: str | None = None

    def named(self) -> dict[str, str]:
        """What each column is."""
        kinds = ("text", "ticket", "side", "answer", "time", "internal", "customer", "label")
        return {kind: getattr(self, kind) for kind in kinds if getattr(self, kind) is not None}

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.answer is None and None in (self.ticket, self.side):
            raise ValueError("name either `answer`, or `ticket` and `side`")
        return self


class Reading(Params):
    """How raw files are to be understood; part of params.yaml: ingest."""

    roles: Roles
    silence_hours: float = Field(12, gt=0)  # a chat without end is a new conversation after so long a silence
    html: Literal["text", "keep"] = "text"  # HTML in help-desk messages becomes text
    quotes: Literal["remove", "keep"] = "remove"  # earlier mails quoted in them
    signatures: Literal["remove", "keep"] = "remove"
    bots: Literal["leave_out", "keep"] = "leave_out"  # what bots wrote in help desks
    team_domains: Sequence[str] = ()  # domains and addresses from which the team writes its mails
    preferences: Literal["chosen", "leave_out"] = "chosen"  # of answers that were compared or liked
    columns: Mapping[str, Columns] = Field(default_factory=dict)  # glob of files -> what their columns are

    def columns_for(self, name: str) -> Columns | None:
        """What the columns of a file are, if params say it."""
        return next((columns for glob, columns in self.columns.items() if is_meant(name, glob)), None)


def is_meant(name: str, glob: str) -> bool:
    """Whether a glob of params means a file, or the workbook of which it is a sheet."""
    path = Path(name)
    return path.match(glob) or (path.parent.suffix.lower() in (".xlsx", ".xlsm") and path.parent.match(glob))


UNTAUGHT = "every reply is marked not to be learnt (weight 0, train or loss false, a thumb down): nothing is to learn"


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
    if any(map(is_untaught, messages)) and not any(map(is_taught, messages)):
        return Outcome(rows, reason=UNTAUGHT)
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


_MODELS = re.compile(r"(?:chat)?gpt[-\d. ]|(?:claude|gemini|llama|qwen|mistral|mixtral|deepseek|command-r|phi)\b")


def role_of(name: Any, roles: Roles) -> str:
    """One of ROLES for what the source calls it."""
    called = name if name in ROLES else str(name).strip().lower()
    role = roles.get(called, called)
    if role in ROLES:
        return role
    if _MODELS.match(called):
        return "assistant"
    raise UnreadableError(
        f"role {name!r} is unknown; expected one of {', '.join(ROLES)} (map it in params.yaml: ingest.roles)"
    )


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


def with_system(system: Any, messages: Messages) -> Messages:
    """The messages under the system message that stands beside them in the row, unless they hold it already."""
    content = text_of(system, "system")
    first = messages[0] if messages else {}
    if not content.strip() or (first.get("role") == "system" and first["content"] == content):
        return messages
    if first.get("role") == "system":  # templates know one system message
        return [{**first, "content": f"{content}\n\n{first['content']}"}, *messages[1:]]
    return [message("system", content), *messages]


_SERVES_CUSTOMERS = re.compile(
    r"\b(?:customer|client|user|guest|member)s?['’]?s?[ -](?:care|services?|support|success|relations|experience)\b|"
    r"\b(?:خدم[ةه]|خدمات|دعم|رعاي[ةه]|علاقات) (?:ال)?(?:عملاء|زبائن|مستخدمين)\b"
)

_IN_BRACKETS = re.compile(r"^([^(\n]*)\(.*\)", re.MULTILINE)  # from the first to the last of a line, looked for once


def speaker_role(name: str, roles: Roles) -> str | None:
    """The role of a speaker by the whole name, or by its last or first word ("Support Agent", "Agent Sara (A7)").

    "Customer Care Sara" is of the team, though her first word is a customer.
    """
    spoken = _IN_BRACKETS.sub(r"\1", name).strip(" *_").lower()
    words = spoken.split() or [""]
    known = {**{role: role for role in ROLES}, **roles}
    serves = _SERVES_CUSTOMERS.search(spoken)
    parts = (name.strip().lower(), spoken, *(() if serves else (words[-1], words[0])))
    return next((known[part] for part in parts if part in known), "assistant" if serves else None)
