"""What exports of help desks have in common: entries by customers, the team, bots and the desk itself.

A format says of each entry who wrote it, what, when, and whether the customer could read it; the rest is done here.
The customer's side is whoever asks, and people in copy. Internal notes and what the desk itself wrote (a ticket was
merged, a chat handed over) are left out, and so is what bots wrote, unless `ingest.bots` keeps it: the set is to teach
how the team writes. All that is left out is counted in metadata `left_out`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.core.record.conversation import message
from curation.ingest.formats import Messages, Outcome, Reading, UnreadableError, attempt, each_row, role_of, text_of
from curation.ingest.order import by_said
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents, RawRow

CUSTOMER, TEAM = "user", "assistant"
NOTE, NOTICE, BOT, DRAFT, ABROAD = "internal note", "notice", "bot", "draft", "to somebody else"
WRAPPERS = ("_results", "results", "records", "payload")  # of lists, in Front, HubSpot, Salesforce and Chatwoot
TELLING = 24  # letters from which one text that begins as another is the same, cut
NO = frozenset(("", "0", "0.0", "false", "no", "n", "f", "none", "null"))
_LINK = re.compile(r"\[([^\[\]]*)\]\([^)]{0,2000}\)")  # in Markdown; one that is not closed is not followed far
_BOT = re.compile(r"\b(?:chat)?bot\b|\bvirtual (?:agent|assistant)\b|روبوت|بوت\b|المساعد ال(?:آ|ا)لي", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """A message of a ticket or chat, or what stands among them."""

    side: str  # as ingest.roles or ROLES name it
    text: Any  # a string, nothing, or a list of parts
    at: Any = None  # when it was written
    left_out: str = ""  # why its words are no part of the conversation: NOTE, NOTICE, DRAFT, ABROAD
    bot: bool = False
    number: int = 0  # of its raw row, where it has one of its own

    def why_not(self, reading: Reading) -> str:
        """Why its words are left out; "" where they are not."""
        return self.left_out or (BOT if self.bot and reading.bots == "leave_out" else "")


def conversation_of(
    entries: Sequence[Entry], reading: Reading, ordered: bool = False
) -> tuple[Messages, dict[str, dict[str, int]]]:
    """The messages in their order, and how many entries were left out of them and why, to be kept as metadata.

    What a bot wrote carries the name "bot", so that it is never made one message with what a person wrote.
    """
    reasons = [entry.why_not(reading) for entry in entries]
    kept = [entry for entry, reason in zip(entries, reasons, strict=True) if not reason]
    counted = Counter(filter(None, reasons))
    if not kept:
        told = " and ".join(f"{name}s" for name in sorted(counted)) or "empty entries"
        raise UnreadableError(f"it has no message but {told}")
    said = kept if ordered else by_said(kept, [entry.at for entry in kept])
    messages = [_message(entry, reading) for entry in said]
    if counted[BOT] and all(found["role"] == CUSTOMER for found in messages):
        raise UnreadableError("only bots answer in it; params.yaml: ingest.bots: keep takes their words")
    return messages, {"left_out": dict(sorted(counted.items()))} if counted else {}


def _message(entry: Entry, reading: Reading) -> dict[str, Any]:
    return message(role_of(entry.side, reading.roles), text_of(entry.text, "a message"), BOT if entry.bot else None)


def bots_apart(
    messages: Sequence[dict[str, Any]], speakers: Sequence[Any], reading: Reading
) -> tuple[Messages, dict[str, dict[str, int]]]:
    """Messages of a table or transcript, where speakers are mere names, with bots told from people as above. Where no
    person answers, the bot is the team.
    """
    replies = [found["role"] == TEAM and is_bot_name(name) for found, name in zip(messages, speakers, strict=True)]
    people = any(found["role"] == TEAM and not bot for found, bot in zip(messages, replies, strict=True))
    if not people or not any(replies):
        return list(messages), {}
    if reading.bots == "keep":
        return [found | {"name": BOT} if bot else found for found, bot in zip(messages, replies, strict=True)], {}
    kept = [found for found, bot in zip(messages, replies, strict=True) if not bot]
    return kept, {"left_out": {BOT: sum(replies)}}


# -- what formats ask of fields ----------------------------------------------------------------------------------------


def is_true(value: Any) -> bool:
    """Whether a flag is set, as JSON or a table writes it."""
    return str(value).strip().lower() not in NO


def is_bot_name(name: Any) -> bool:
    """Whether somebody is called a bot: "Answer Bot", "المساعد الآلي"."""
    return isinstance(name, str) and bool(_BOT.search(name))


def first_of(value: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The first of these fields that says something; None where none does."""
    return next((found for name in names if (found := value.get(name)) not in (None, "", [])), None)


def objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list, which may stand in an object under one of the names by which APIs wrap their lists."""
    if isinstance(value, dict):
        value = next((value[name] for name in WRAPPERS if name in value), None)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def part_of(value: Mapping[str, Any], *path: str) -> Any:
    """What stands in objects within one another; None where the path ends."""
    found: Any = value
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def repeats(entry: Entry, others: Sequence[Entry]) -> bool:
    """Whether an entry's words stand in another one already, or begin as it does: a ticket's description often is its
    first comment too, shortened or without the markup.
    """
    said = _letters(entry.text)
    return not said or any(
        said == other or (min(len(said), len(other)) >= TELLING and (other.startswith(said) or said.startswith(other)))
        for other in (_letters(other.text) for other in others)
    )


def _letters(text: Any) -> str:
    from curation.ingest.markup import is_html, text_of_html

    if not isinstance(text, str):
        return ""
    shown = text_of_html(text, {})[0] if is_html(text) else text
    return re.sub(r"[\W_]+", "", _LINK.sub(r"\1", shown)).lower()


# -- the two shapes of exports -----------------------------------------------------------------------------------------

EntryOf = Callable[[Mapping[str, Any]], Entry]


@dataclass(frozen=True)
class Desk:
    """How a help desk writes its conversations."""

    lists: tuple[str, ...]  # where a conversation's row holds its entries
    marks: tuple[str, ...]  # fields that such an entry has, and no other desk's
    entries: Callable[[Mapping[str, Any]], Sequence[Entry]]  # of a conversation's row
    entry: EntryOf | None = None  # of a row that is one entry
    thread: tuple[str, ...] = ()  # where such a row names its conversation
    customer: Callable[[Mapping[str, Any]], Any] = lambda _: None
    said: tuple[str, ...] = ()  # other fields whose words are messages

    def misses(self, contents: Contents) -> str:
        """What a file lacks to be of this desk."""
        values = [row.value for row in contents.sample if isinstance(row.value, dict)]
        nested = sum(any(self._marked(item) for item in self._listed(value)) for value in values)
        alone = sum(self._is_entry(value) for value in values)
        if max(nested, alone) * 2 > len(values):
            return ""
        return f"no {' or '.join(self.lists) or 'rows'} whose entries have {' and '.join(self.marks)}"

    def _marked(self, value: Mapping[str, Any]) -> bool:
        return all(name in value for name in self.marks)

    def _listed(self, value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return [item for name in self.lists for item in objects(value.get(name))]

    def _is_entry(self, value: Mapping[str, Any]) -> bool:
        return self.entry is not None and self._marked(value) and thread_of(value, self.thread) is not None

    def read(self, contents: Contents, reading: Reading) -> Iterator[Outcome]:
        """One conversation a row; or one message a row, wherever it stands in the file."""
        values = [row.value for row in contents.sample if isinstance(row.value, dict)]
        if self.entry and sum(map(self._is_entry, values)) * 2 > len(values):
            return threads(contents, reading, self.thread, self.entry)

        def conversation(value: Mapping[str, Any]) -> tuple[Messages, Mapping[str, Any]]:
            entries = self.entries(value)
            messages, counted = conversation_of(entries, reading)
            about = [{**value, **counted}, began(entries)]
            return messages, provenance(about, {*self.lists, *self.said}, customer=self.customer(value))

        return each_row(contents.rows, conversation)


def thread_of(value: Mapping[str, Any], path: Sequence[str]) -> str | None:
    """The conversation that a row names."""
    found = part_of(value, *path)
    return str(found) if isinstance(found, str | int) and str(found).strip() else None


def threads(contents: Contents, reading: Reading, path: Sequence[str], entry_of: EntryOf) -> Iterator[Outcome]:
    """Conversations of rows that are one entry each, by the conversation that they name."""
    found: dict[str, list[RawRow]] = {}
    for row in contents.rows:
        if row.fault:
            continue
        name = thread_of(row.value, path) if isinstance(row.value, dict) else None
        if name is None:
            yield Outcome([row], reason=f"{'.'.join(path)} is missing, so the message belongs to no conversation")
        else:
            found.setdefault(name, []).append(row)
    for name, rows in found.items():
        yield _thread(name, rows, reading, entry_of)


def _thread(name: str, rows: Sequence[RawRow], reading: Reading, entry_of: EntryOf) -> Outcome:
    left_out: dict[int, str] = {}

    def conversation() -> tuple[Messages, Mapping[str, Any]]:
        entries = [entry_of(row.value) for row in rows]
        reasons = {row.number: entry.why_not(reading) for row, entry in zip(rows, entries, strict=True)}
        left_out.update({number: reason for number, reason in reasons.items() if reason})
        messages, counted = conversation_of(entries, reading)
        return messages, provenance([{**began(entries), **counted}], (), source_id=name)

    outcome = attempt(rows, conversation)
    return Outcome(rows, outcome.messages, outcome.provenance, outcome.reason, left_out if outcome.messages else {})


def began(entries: Sequence[Entry]) -> dict[str, Any]:
    """When the first of the entries was written, as a row may say it."""
    first = next(iter(by_said(entries, [entry.at for entry in entries])), None)
    return {} if first is None or first.at is None else {"created_at": first.at}
