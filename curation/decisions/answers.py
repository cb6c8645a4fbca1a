"""data/review/answers.jsonl: every answer somebody submitted, one JSON object a line, kept in git.

    {"qirat": "answers", "version": 1}
    {"annotator": "sara", "at": "2026-01-05T10:00:00+00:00", "conversation_id": "3f…", "decision": "keep", ...}

Lines are in the order of conversation, annotator and round; fields at their default are left out. An annotator who
answered in several rounds has a line for each, of which the latest counts.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from curation.core.record.json_lines import read_lines, write_lines
from curation.decisions.decisions import Purpose, moment
from curation.harness.lock import held

Countries = Sequence[str] | None  # for which phones are read when personal data is covered; None: it is shown
Choice = Literal["keep", "edit", "drop"]


@dataclass(frozen=True)
class Answer:
    """What one annotator submitted on one conversation."""

    conversation_id: str
    annotator: str
    decision: Choice
    reasons: tuple[str, ...] = ()
    corrected: str = ""
    label: str = ""
    confidence: Literal["sure", "unsure", ""] = ""
    at: str = ""  # ISO 8601, UTC
    started: str = ""  # when the annotator first saw the record, or ""
    purpose: Purpose = "doubt"
    codes: tuple[str, ...] = ()  # the doubts that were shown
    round: int = 1  # of looks at the conversation


PATH = Path("data/review/answers.jsonl")
LOCK = Path(".qirat/review.lock")
HEADER = {"qirat": "answers", "version": 1}


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Waits until nobody else changes data/review: a pull and an import at once would lose one's lines.

    Says for whom it waits; after a minute QiratError names the other.
    """
    with held(LOCK, "{holder} is changing data/review; run this again when that has ended", waits=True):
        yield


def read_answers(path: Path = PATH) -> list[Answer]:
    """Every answer of the file, none where there is no file; a line that cannot be read is an error with its number."""
    return list(read_lines(path, HEADER, checked))


def checked(value: Any) -> Answer:
    """The answer with these fields. Raises ValueError where one is not what it may be."""
    return _dated(_adapter().validate_python(value))


def write_answers(answers: Iterable[Answer], path: Path = PATH) -> None:
    """One line an answer, in the order of conversation, annotator and round."""
    write_lines(path, HEADER, map(_plain, sorted(answers, key=_place)))


def collected(known: Iterable[Answer], given: Iterable[Answer]) -> list[Answer]:
    """What the file holds with what was just given: the later answer in a round stands, wherever it was given."""
    by_place = {_place(answer): answer for answer in sorted([*known, *given], key=lambda a: moment(a.at))}
    return [by_place[place] for place in sorted(by_place)]


def _place(answer: Answer) -> tuple[str, str, int]:
    return answer.conversation_id, answer.annotator, answer.round


def _dated(answer: Answer) -> Answer:
    for name in ("at", "started"):
        time = getattr(answer, name)
        try:
            if time or name == "at":
                moment(time)
        except ValueError:
            raise ValueError(f"{name} is {time!r}; write a time such as 2026-01-05T10:00:00+00:00") from None
    return answer


def _plain(answer: Answer) -> dict[str, Any]:
    return {
        field.name: value
        for field in dataclasses.fields(answer)
        if (value := getattr(answer, field.name)) != field.default
    }


@functools.cache
def _adapter() -> Any:
    from pydantic import ConfigDict, TypeAdapter, with_config

    return TypeAdapter(with_config(ConfigDict(extra="forbid"))(Answer))
