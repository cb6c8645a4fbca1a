"""A record as Argilla holds it, and what people said of it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, get_args

from curation.consensus.corrections import numbered
from curation.decisions.answers import Answer, checked
from curation.decisions.decisions import Purpose

BY_HAND = "somebody made it by hand in Argilla, so its answers decide nothing; delete it there when nobody needs it"
NOT_ASKED = "the answer of {who} is none that this version asks for; have {who} answer anew, or discard it"
_NAME = re.compile(r"([0-9a-f]{32})(?:\.([1-9][0-9]{0,3}))?")  # of a record: its conversation, and the look at it


@dataclass(frozen=True)
class Present:
    """A record as Argilla holds it. A draft and a discarded response are responses too: somebody has looked."""

    id: str
    external_id: str  # empty where somebody made it by hand and gave it none
    metadata: Mapping[str, Any]
    corrected: str | None  # what was there to be edited
    suggestions: tuple[str, ...]  # Argilla's ids of them
    status: str  # pending or completed
    updated_at: str  # ISO 8601, UTC
    responses: tuple[dict[str, Any], ...]

    @property
    def is_aside(self) -> bool:
        """Whether it waits to be deleted."""
        return bool(self.metadata.get("aside"))

    @property
    def is_ours(self) -> bool:
        """Whether a push wrote it. What people make by hand in Argilla is neither changed nor taken as an answer."""
        return bool(self.external_id) and not self.metadata.keys().isdisjoint(("digest", "purpose"))

    @property
    def conversation_id(self) -> str:
        """What it is about; empty where somebody made it by hand."""
        return self.external_id.partition(".")[0] if self.is_ours else ""


def present_of(item: Mapping[str, Any]) -> Present:
    """A record as the HTTP interface gives it."""
    return Present(
        id=item["id"],
        external_id=item["external_id"] or "",
        metadata=item["metadata"] or {},
        corrected=next((one["value"] for one in item["suggestions"]), None),
        suggestions=tuple(one["id"] for one in item["suggestions"]),
        status=item["status"],
        updated_at=utc(item["updated_at"]),
        responses=tuple(item["responses"]),
    )


def utc(moment: str) -> str:
    """Argilla's times are UTC, with or without saying so."""
    time = datetime.fromisoformat(moment)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def answers(present: Iterable[Present], usernames: Mapping[str, str]) -> list[Answer]:
    """The submitted answers; drafts and discarded ones say nothing. Argilla does not tell when a record was opened.

    Without those of `unreadable`.
    """
    return [answer for _, _, answer in read(present, usernames)]


def read(
    present: Iterable[Present], usernames: Mapping[str, str]
) -> Iterator[tuple[Present, Mapping[str, Any], Answer]]:
    """Each of `answers` with its record and its response."""
    for record, response in submitted(present):
        if isinstance(found := _answer(record, response, usernames), Answer):
            yield record, response, found


def unreadable(present: Iterable[Present], usernames: Mapping[str, str]) -> list[str]:
    """Submitted answers that say nothing to us, each in a sentence with its place and cure."""
    found = ((record.id, _answer(record, response, usernames)) for record, response in submitted(present))
    return [f"Argilla's record {key}: {fault}" for key, fault in found if isinstance(fault, str)]


def submitted(present: Iterable[Present]) -> Iterator[tuple[Present, Mapping[str, Any]]]:
    """Each submitted response with its record."""
    for record in present:
        for response in record.responses:
            if response["status"] == "submitted":
                yield record, response


def name_of(response: Mapping[str, Any], usernames: Mapping[str, str]) -> str:
    """Who gave it; an account that was deleted meanwhile goes by its id."""
    return usernames.get(response["user_id"], response["user_id"])


def status(present: Iterable[Present], usernames: Mapping[str, str]) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """Records by status, those that nobody needs any more as "aside"; and each annotator's answers by status."""
    records: Counter[str] = Counter()
    annotators: dict[str, Counter[str]] = defaultdict(Counter)
    for record in present:
        records["aside" if record.is_aside and not record.responses else record.status] += 1
        for response in record.responses:
            annotators[name_of(response, usernames)][response["status"]] += 1
    return records, annotators


def _answer(record: Present, response: Mapping[str, Any], usernames: Mapping[str, str]) -> Answer | str:
    """What was said, or why that says nothing."""
    name = _NAME.fullmatch(record.external_id)
    if not (record.is_ours and name):
        return BY_HAND
    given = {name: value["value"] for name, value in (response["values"] or {}).items()}
    purpose = record.metadata.get("purpose", "doubt")
    said = {
        "conversation_id": name[1],
        "annotator": name_of(response, usernames),
        "decision": given.get("decision"),
        "reasons": tuple(given.get("reasons") or ()),
        "corrected": given.get("corrected") or "",
        "label": given.get("label") or "",
        "confidence": given.get("confidence") or "",
        "at": utc(response["updated_at"]),
        "purpose": purpose if purpose in get_args(Purpose) else "doubt",  # of a version that knew others
        "codes": tuple(record.metadata.get("codes") or ()),
        "round": int(name[2] or 1),
    }
    try:
        found = checked(said)
    except ValueError:
        return NOT_ASKED.format(who=said["annotator"])
    return replace(found, corrected=numbered(found.corrected, record.corrected or ""))
