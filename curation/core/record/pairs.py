"""data/review/pairs.jsonl: what people said of two replies to the same customer, one judged pair a line, kept in git.

    {"qirat": "pairs", "version": 1}
    {"annotator": "sara", "at": "2026-01-05T10:00:00+00:00", "choice": "a", "conversation_id": "3f…", ...}

Replies stand there as hashes, in the order in which they were shown, without who wrote them: a judgement stays with the
words that were read. Lines are in the order of conversation, turn, replies and annotator.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from curation.core.record.json_lines import read_lines, write_lines
from curation.harness.params import Params

PATH = Path("data/review/pairs.jsonl")
HEADER = {"qirat": "pairs", "version": 1}

Choice = Literal["a", "b", "both_good", "both_bad"]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
Place = tuple[str, int, tuple[str, ...], str]


class Judgement(Params):
    """What one annotator said of the replies A and B to one turn of a conversation."""

    conversation_id: str = Field(pattern="^[0-9a-f]{32}$")
    turn: int = Field(ge=0)  # that the replies would be, from 0
    replies: tuple[Hash, Hash]  # reply_hash() of A and of B
    annotator: str = Field(min_length=1)
    choice: Choice
    reasons: tuple[str, ...] = ()  # what spoke for it
    at: str  # ISO 8601, UTC
    by: Literal["person", "model"] = "person"
    right: Literal["a", "b"] | None = None  # of a pair whose better side is known: the team's own reply

    @field_validator("at")
    @classmethod
    def _time(cls, at: str) -> str:
        if datetime.fromisoformat(at).tzinfo is None:
            raise ValueError(f"{at!r} is no time with its zone; write one such as 2026-01-05T10:00:00+00:00")
        return at

    @property
    def pair(self) -> tuple[str, int, tuple[str, ...]]:
        """What was judged, whichever side each reply stood on."""
        return self.conversation_id, self.turn, tuple(sorted(self.replies))

    @property
    def preferred(self) -> str | None:
        """The hash of the reply that was called better; None for both."""
        return {"a": self.replies[0], "b": self.replies[1]}.get(self.choice)


def reply_hash(text: str) -> str:
    """16 hex digits that name the words of a reply."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def read_judgements(path: Path = PATH) -> list[Judgement]:
    """Every line of the file, none where there is no file.

    A line that cannot be read is an error with its number; so is a second judgement of one person on one pair.
    """
    return list(read_lines(path, HEADER, Judgement.model_validate, lambda found: _named(_place(found))))


def write_judgements(judgements: Iterable[Judgement], path: Path = PATH) -> None:
    """One line a judgement."""
    write_lines(path, HEADER, map(_plain, sorted(judgements, key=_place)))


def collected(known: Iterable[Judgement], given: Iterable[Judgement]) -> list[Judgement]:
    """What the file holds with what was just given: one person's later word on a pair stands."""
    in_order = sorted([*known, *given], key=lambda judgement: datetime.fromisoformat(judgement.at))
    by_place = {_place(judgement): judgement for judgement in in_order}
    return [by_place[place] for place in sorted(by_place)]


def _place(judgement: Judgement) -> Place:
    return *judgement.pair, judgement.annotator


def _named(place: Place) -> str:
    conversation, turn, replies, annotator = place
    return f"the replies {' and '.join(replies)} to turn {turn} of {conversation} by {annotator}"


def _plain(judgement: Judgement) -> dict[str, Any]:
    return judgement.model_dump(mode="json", exclude_defaults=True)
