"""What annotators answered: each answer read, its corrections put into the conversation."""

import difflib
import functools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.core.record.conversation import canonical_json
from curation.core.text.folding import fold
from curation.core.text.markdown import as_plain
from curation.decisions.answers import Answer, Choice, Countries
from curation.harness.yaml_text import from_yaml
from curation.privacy import COVER, conversation_finds, covered

Message = Mapping[str, Any]

# "[2]" alone on its line, also in Arabic-Indic digits, also with a word for turn, as some will write it
NUMBER_LINE = re.compile(r"^[ \t]*\[\s*(?:turn|الدور|رد)?\s*(\d+)\s*\][ \t]*$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Known:
    """What an answer is read against, beside its conversation."""

    labels: Collection[str] = ()  # of the data set; none: any label is taken
    countries: Countries = None


class AnswerError(ValueError):
    """An answer that cannot be used, and what the annotator can do about it: `kind` is one of answer_errors.yaml."""

    def __init__(self, kind: str, **values: object) -> None:
        self._kind, self._values = kind, values
        super().__init__(self.told("en"))

    def told(self, language: str) -> str:
        """In Arabic or in English."""
        return _words()[self._kind]["ar" if language == "ar" else "en"].format(**self._values)


@dataclass(frozen=True)
class ReadAnswer:
    """What an answer comes to. Two answers agree when their outcomes are equal, an edit's to the letter."""

    decision: Choice
    messages: str | None = None  # canonical JSON
    label: str | None = None


def outcome(answer: Answer, original: Sequence[Message] | None, known: Known = Known()) -> ReadAnswer:
    """Raises AnswerError where the parts of an answer contradict each other or the conversation."""
    if answer.decision == "drop":
        return ReadAnswer("drop")
    label = _known_label(answer.label.strip(), known.labels)
    corrected = answer.corrected.strip()
    if answer.decision == "keep":
        if label or (corrected and original is not None and edited(original, corrected, known.countries)):
            raise AnswerError("keep_corrects")
        return ReadAnswer("keep")
    if corrected and original is None:
        raise AnswerError("gone")
    messages = edited(original, corrected, known.countries) if corrected and original is not None else None
    if not messages and not label:
        raise AnswerError("edit_of_nothing")
    return ReadAnswer("edit", canonical_json(messages) if messages else None, label)


def edited(original: Sequence[Message], corrected: str, countries: Countries = None) -> list[dict[str, Any]] | None:
    """The conversation with the named replies replaced; None where they say what they said before.

    Text without any number replaces the last reply. Covers of personal data become what they cover again.
    """
    messages = [{key: value for key, value in m.items() if value is not None} for m in original]
    replies = [number for number, m in enumerate(messages, 1) if m["role"] == "assistant"]
    covers = covered_values(original, countries) if COVER.search(corrected) else [{} for _ in original]
    changed = False
    for number, text in _corrections(corrected, replies).items():
        if number not in replies:
            known = ", ".join(f"[{reply}]" for reply in replies) or "none"
            raise AnswerError("no_reply", number=number, known=known)
        if not text:
            raise AnswerError("no_text", number=number)
        text = _uncovered(number, text, original, covers)
        if _same_words(text, original[number - 1]["content"]):
            continue  # pre-filled and left as it stood
        messages[number - 1]["content"] = text
        changed = True
    return messages if changed else None


def numbered(corrected: str, suggested: str) -> str:
    """The correction with the number that stood above the suggested reply, where it was deleted on the way.

    Of several the right one cannot be told: "[?]" stands above, and the answer is told to the annotator.
    """
    numbers = NUMBER_LINE.findall(suggested)
    if not numbers or not corrected.strip() or NUMBER_LINE.search(corrected):
        return corrected
    return f"[{numbers[0] if len(numbers) == 1 else '?'}]\n{corrected}"


def covered_values(messages: Sequence[Message], countries: Countries) -> list[dict[str, str]]:
    """For each message, what each cover in it stands for as it is written there."""
    values: list[dict[str, str]] = [{} for _ in messages]
    if countries is None:
        return values
    shown = [m["content"] for m in covered(messages, countries)]
    ends = [(0, 0) for _ in messages]  # in the text and in what is shown of it
    for turn, field, find in conversation_finds(messages, countries):
        if field == "content":
            content, (end, end_shown) = messages[turn]["content"], ends[turn]
            start = end_shown + find.start - end
            alike = content[end : find.start] == shown[turn][end_shown:start]  # not so inside of JSON
            if alike and (cover := COVER.match(shown[turn], start)):
                values[turn].setdefault(cover.group(), content[find.start : find.end])
                ends[turn] = find.end, cover.end()
    return values


def _uncovered(number: int, text: str, original: Sequence[Message], covers: Sequence[Mapping[str, str]]) -> str:
    """Covers become the values they stand for, as this reply writes them or else as the conversation first does."""
    values = {cover: value for message in (*reversed(covers), covers[number - 1]) for cover, value in message.items()}
    written = {cover for m in original for cover in COVER.findall(m["content"])}
    if unknown := sorted({*COVER.findall(text)} - {*values} - written):
        raise AnswerError("unknown_cover", number=number, covers=", ".join(unknown))
    return COVER.sub(lambda cover: values.get(cover.group(), cover.group()), text)


def _same_words(text: str, other: str) -> bool:
    """The same but for white space, which text boxes do not keep, and for what was not shown of it."""
    return as_plain(text).split() == as_plain(other).split()


def _known_label(label: str, known: Collection[str]) -> str | None:
    """The label as the data set spells it."""
    if not label:
        return None
    spellings = {fold(one): one for one in sorted(known)}
    if not known or label in known:
        return label
    if found := spellings.get(fold(label)):
        return found
    near = [spellings[one] for one in difflib.get_close_matches(fold(label), spellings, n=3)]
    if near:
        raise AnswerError("near_label", label=repr(label), near=", ".join(near))
    raise AnswerError("no_label", label=repr(label))


def _corrections(corrected: str, replies: Sequence[int]) -> dict[int, str]:
    """Number of a reply -> its text."""
    if corrected.startswith("[?]"):
        raise AnswerError("numbers_gone")
    before, *parts = NUMBER_LINE.split(corrected)
    if not parts:
        if not replies:
            raise AnswerError("nothing_to_correct")
        return {replies[-1]: corrected.strip()}
    if before.strip():
        raise AnswerError("text_above")
    numbers = [int(digits) for digits in parts[::2]]
    if len(set(numbers)) < len(numbers):
        raise AnswerError("number_twice")
    return dict(zip(numbers, (text.strip() for text in parts[1::2]), strict=True))


@functools.cache
def _words() -> Mapping[str, Mapping[str, str]]:
    """Kind of an AnswerError -> language -> sentence."""
    found: Mapping[str, Mapping[str, str]] = from_yaml(
        Path(__file__).with_name("answer_errors.yaml").read_text("utf-8")
    )
    return found
