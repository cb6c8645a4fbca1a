"""data/review/answers.jsonl: every answer somebody submitted, one JSON object a line, kept in git.

The first line is a header, so that the file exists and parses before anyone has answered:

    {"qirat": "answers", "version": 1}
    {"annotator": "sara", "at": "2026-01-05T10:00:00+00:00", "conversation_id": "3f…", "decision": "keep", ...}

Lines are in the order of conversation, annotator and round; fields at their default are left out. An annotator who
answered in several rounds has a line for each, of which the latest counts.
"""

import contextlib
import dataclasses
import fcntl
import functools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from curation.conversation import canonical_json
from curation.decision import moment, told
from curation.review.answers import Answer
from curation.stage import QiratError, atomic

PATH = Path("data/review/answers.jsonl")
LOCK = Path(".qirat/review.lock")
HEADER = {"qirat": "answers", "version": 1}


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Waits until nobody else changes data/review: a pull and an import at once would lose one's lines."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read_answers(path: Path = PATH) -> list[Answer]:
    """Every answer of the file, none where there is no file; a line that cannot be read is an error with its number."""
    if not path.exists():
        return []
    answers = []
    for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
        if line.strip():
            try:
                value = json.loads(line)
                if "qirat" not in value:
                    answers.append(_dated(_checked().validate_python(value)))
            except (ValueError, TypeError) as error:  # pydantic's ValidationError is a ValueError
                raise QiratError(f"{path}, line {number}: {told(error)}; mend or delete the line") from None
    return answers


def write_answers(answers: Iterable[Answer], path: Path = PATH) -> None:
    """Header first, then one line an answer in a fixed order: merges cleanly in git."""
    lines = [canonical_json(HEADER), *(canonical_json(_plain(answer)) for answer in sorted(answers, key=_place))]
    with atomic(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", "utf-8")


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
def _checked() -> Any:
    from pydantic import ConfigDict, TypeAdapter, with_config

    return TypeAdapter(with_config(ConfigDict(extra="forbid"))(Answer))
