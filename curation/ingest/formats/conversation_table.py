"""One row a conversation: `question` and `answer` (`customer_message`, `description`, `السؤال`; `agent_reply`,
`resolution`, `الرد`; ...) under a `subject`; or a `transcript` (`chat`, `المحادثة`, ...) with a speaker on each line:
`Customer: ...`, `الموظفة سارة: ...`.

Keeps: id, label, customer, time and licence; every other field in metadata.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from curation.core.record.conversation import message
from curation.ingest.desks import bots_apart
from curation.ingest.formats import (
    Messages,
    Outcome,
    Reading,
    Roles,
    UnreadableError,
    field_of,
    first_values,
    format_of,
    speaker_role,
    text_of,
)
from curation.ingest.markup import is_html, text_of_html
from curation.ingest.preferences import each_liked_row
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents
from curation.ingest.turns import chat_messages

ASKED = (
    *("question", "customer_message", "customer_query", "user_message", "query", "inquiry", "request", "description"),
    *("السؤال", "رسالة_العميل", "الاستفسار", "الشكوى"),
)
ANSWERED = (
    *("answer", "agent_reply", "agent_response", "agent_message", "reply", "response", "resolution"),
    *("الجواب", "الإجابة", "الرد", "رد_الموظف"),
)
TITLE = ("subject", "title", "الموضوع")
TRANSCRIPT = (
    *("transcript", "chat_transcript", "conversation", "chat", "chat_log", "dialogue", "dialog"),
    *("المحادثة", "نص_المحادثة"),
)
CURE = "map the names of speakers in params.yaml: ingest.roles"
NO_SPEAKERS = frozenset("model contact function tool lead team".split())  # "Model: X200" is what a customer writes
_SPOKEN = re.compile(  # "[10:03] Agent Sara: Hello"
    r"^\W*?(?:[\[(]?[\d٠-٩][\d٠-٩/:.,\- ]{0,40}(?:[AP]M|ص|م)?[\])]?[ \-–]{0,9})?"
    r"(?P<name>[^\W\d_][^:\n]{0,39}?)[ \t]*:[ \t]*(?P<text>.*)$",
    re.IGNORECASE,
)


def _misses(contents: Contents) -> str:
    transcript = field_of(contents, TRANSCRIPT)
    if transcript and any(_is_transcript(value) for value in first_values(contents, transcript)):
        return ""
    sides = {"the customer's words": ASKED, "the reply": ANSWERED}
    missing = [side for side, names in sides.items() if not field_of(contents, names)]
    return f"no field for {' and none for '.join(missing)}, nor a transcript" if missing else ""


def _is_transcript(value: Any) -> bool:
    return isinstance(value, str) and sum(bool(_SPOKEN.match(line)) for line in value.splitlines()) > 1


@format_of("conversation_table", _misses, mail=True, guessed=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row; a subject stands over the question; other fields are its provenance."""
    transcript, title, asked, answered = (
        field_of(contents, names) or "" for names in (TRANSCRIPT, TITLE, ASKED, ANSWERED)
    )
    if asked and answered:
        return each_liked_row(
            contents.rows,
            lambda value: (
                _exchange(value.get(title), value.get(asked), value.get(answered)),
                provenance([value], {title, asked, answered}),
            ),
            reading,
        )

    def conversation(value: Mapping[str, Any]) -> tuple[Messages, Mapping[str, Any]]:
        messages, counted = _transcript(value.get(transcript), reading)
        return messages, provenance([value, counted], {transcript})

    return each_liked_row(contents.rows, conversation, reading)


def _exchange(title: Any, asked: Any, answered: Any) -> Messages:
    subject, question, answer = text_of(title, "it"), text_of(asked, "it"), text_of(answered, "it")
    if not question.strip() and not subject.strip():
        raise UnreadableError("the customer's words are missing")
    if not answer.strip():
        raise UnreadableError("the reply is missing")
    if not question.strip().startswith(subject.strip()):
        question = f"{subject.strip()}\n\n{question}"
    return [message("user", question), message("assistant", answer)]


def _transcript(value: Any, reading: Reading) -> tuple[Messages, Mapping[str, Any]]:
    """Turns of a transcript; lines without a speaker go on with the turn before, notices of the system are left out."""
    if isinstance(value, list) or str(value).lstrip().startswith("[{"):
        return chat_messages(value, reading.roles), {}
    text = text_of(value, "the transcript")
    if reading.html == "text" and is_html(text):
        text = text_of_html(text, {})[0]
    lines = [_line(line, reading.roles) for line in text.strip().splitlines()]
    if not lines or not lines[0].role:
        raise UnreadableError(f'the transcript starts with no speaker known here ("{text.strip()[:40]}"); {CURE}')
    _assert_no_stranger(lines)
    turns: list[tuple[Line, list[str]]] = []
    for line in lines:
        if line.role:
            turns.append((line, []))
        turns[-1][1].append(line.text)
    spoken = [(line.name, message(str(line.role), "\n".join(said))) for line, said in turns if line.role != "system"]
    if not spoken:
        raise UnreadableError("nobody speaks in the transcript")
    return bots_apart([found for _, found in spoken], [name for name, _ in spoken], reading)


class Line(NamedTuple):
    """A line of a transcript."""

    text: str
    name: str = ""  # of what may be its speaker
    role: str | None = None  # of the speaker; None: it goes on with the turn before


def _line(line: str, roles: Roles) -> Line:
    found = _SPOKEN.match(line)
    if not found or found["name"].lower() in NO_SPEAKERS:
        return Line(line)
    role = speaker_role(found["name"], roles)
    return Line(found["text"] if role else line, found["name"], role)


def _assert_no_stranger(lines: Sequence[Line]) -> None:
    """Who seems to speak twice without being known would else be taken for the speaker before."""
    names = Counter(line.name for line in lines if line.name and not line.role and len(line.name.split()) <= 3)
    name, times = next(iter(names.most_common(1)), ("", 0))
    if times > 1:
        raise UnreadableError(f'"{name}" seems to speak, but is unknown; {CURE}')
