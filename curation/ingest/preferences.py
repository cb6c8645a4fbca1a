"""Preferences: which of several answers people or models liked better, and what that says of a row.

What was rejected is nobody's lesson: it is never a reply of a conversation. Of a pair, or of answers with ratings, the
chosen one is the reply, unless params.yaml, ingest.preferences, says leave_out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from curation.core.record.conversation import canonical_json
from curation.ingest.formats import Messages, Outcome, Reading, UnreadableError, each_row, field_of
from curation.ingest.provenance import METADATA, spelled
from curation.ingest.rows import Contents, RawRow
from curation.ingest.turns import liking

CHOSEN = ("chosen", "preferred_output", "chosen_response", "preferred", "accepted", "winner_response")
REJECTED = ("rejected", "non_preferred_output", "rejected_response", "dispreferred", "loser_response")
LABELS = frozenset(("label", "kto_tag", "preference", "desirable"))  # true or false: as KTO's sets have them
THUMBS = frozenset(("thumbs", "thumb", "feedback", "user_feedback", "liked", "helpful", "is_helpful"))
_UP, _DOWN = ("thumbs_up", "vote", "upvote"), ("thumbs_down", "downvote", "disliked")
ONE_SIDED = {**dict.fromkeys(_UP, True), **dict.fromkeys(_DOWN, False)}
LEFT_OUT = "it holds preferences, which params.yaml leaves out (ingest.preferences: leave_out)"


def is_paired(contents: Contents) -> bool:
    """Whether most of the first rows hold a chosen and a rejected answer."""
    return field_of(contents, CHOSEN) is not None and field_of(contents, REJECTED) is not None


def verdict_in(row: Mapping[str, Any]) -> tuple[str, bool] | None:
    """What tells whether a row's answer was liked, in words, and whether it was; None where nothing does.

    A label of true or false tells it; any other label is an intent. What stands in the row's metadata counts too.
    """
    for key, value in row.items():
        if isinstance(value, dict) and key in METADATA:
            found = verdict_in(value)
        else:
            told = _verdict(spelled(key), value)
            found = None if told is None else (f"{key}: {canonical_json(value)}", told)
        if found:
            return found
    return None


def _verdict(name: str, value: Any) -> bool | None:
    if name in LABELS:
        return as_bool(value)
    if isinstance(value, dict) and name in THUMBS:
        value = next((value[key] for key in ("score", "value", "rating", "type") if value.get(key) is not None), None)
    if name in THUMBS:
        return liking(value)
    if name in ONE_SIDED and value != 0:  # no thumb up is no thumb down
        return None if (told := liking(value)) is None else told is ONE_SIDED[name]
    return None


def as_bool(value: Any) -> bool | None:
    """A truth value, also as a table of texts writes it; None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


def each_liked_row(
    rows: Iterable[RawRow], read: Callable[[Mapping[str, Any]], tuple[Messages, Mapping[str, Any]]], reading: Reading
) -> Iterator[Outcome]:
    """As each_row, but rows whose answer was rejected are refused, and those that params leave out."""

    def liked(row: Mapping[str, Any]) -> tuple[Messages, Mapping[str, Any]]:
        verdict = verdict_in(row)
        if verdict and not verdict[1]:
            raise UnreadableError(f"its answer was rejected ({verdict[0]}), so it is no reply to learn")
        if verdict and reading.preferences == "leave_out" and _is_label(verdict[0]):
            raise UnreadableError(LEFT_OUT)
        return read(row)

    return each_row(rows, liked)


def _is_label(told: str) -> bool:
    return spelled(told.partition(":")[0]) in LABELS
