"""HubSpot's JSON: threads of the conversations API with `messages` that have a `direction`, or rows that are such
messages of a `conversationsThreadId`; and tickets of the CRM with `engagements` (or `emails` and `notes`). Comments and
notes are left out, welcome messages are a bot's. Fields as in HubSpot's API documentation.

Keeps: who asked, id, label and time of the ticket; what was left out, by reason, and other fields in metadata.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.ingest.desks import ABROAD, CUSTOMER, NOTE, NOTICE, TEAM, Desk, Entry, first_of, objects, part_of, repeats
from curation.ingest.formats import Outcome, Reading, format_of
from curation.ingest.rows import Contents

BODIES = ("richText", "text")
KINDS = {"MESSAGE": "", "WELCOME_MESSAGE": "", "COMMENT": NOTE}  # other types are what the desk itself says
ROBOTS = ("B-", "S-", "L-")  # how the ids of actors begin that are bots or the system
EMAILS = {"INCOMING_EMAIL": CUSTOMER, "EMAIL": TEAM, "FORWARDED_EMAIL": TEAM}
MAILED = ("hs_email_html", "hs_email_text", "html", "text", "hs_note_body", "body")


def entry(value: Mapping[str, Any]) -> Entry:
    """One message of a thread."""
    kind = str(value.get("type"))
    sender = next((str(one.get("actorId")) for one in objects(value.get("senders"))), str(value.get("createdBy")))
    side = CUSTOMER if value.get("direction") == "INCOMING" else TEAM
    bot = side == TEAM and (kind == "WELCOME_MESSAGE" or sender.startswith(ROBOTS))
    return Entry(side, first_of(value, BODIES), value.get("createdAt"), KINDS.get(kind, NOTICE), bot)


def thread(value: Mapping[str, Any]) -> Sequence[Entry]:
    """The messages of a thread."""
    return [entry(item) for item in objects(value.get("messages"))]


def ticket(value: Mapping[str, Any]) -> Sequence[Entry]:
    """What a ticket asks, unless a mail repeats it, and its mails and notes."""
    wrote = [_engagement(item) for name in ENGAGEMENTS for item in objects(value.get(name))]
    inner = value.get("properties")
    about = inner if isinstance(inner, dict) else value
    asked = Entry(CUSTOMER, about.get("content"), first_of(about, ("createdate", "createdAt")))
    return wrote if repeats(asked, wrote) else [asked, *wrote]


def _engagement(value: Mapping[str, Any]) -> Entry:
    """A mail or a note, as the CRM's objects or the older engagements hold it."""
    fields: dict[str, Any] = {}
    for name in ("engagement", "metadata", "properties"):
        inner = value.get(name)
        fields.update(inner if isinstance(inner, dict) else {})
    fields = fields or dict(value)
    kind = str(first_of(fields, ("hs_email_direction", "type")))
    left_out = ABROAD if kind == "FORWARDED_EMAIL" else "" if kind in EMAILS else NOTE
    at = first_of(fields, ("hs_timestamp", "timestamp", "createdAt", "hs_createdate"))
    return Entry(EMAILS.get(kind, TEAM), first_of(fields, MAILED), at, left_out)


ENGAGEMENTS = ("engagements", "emails", "notes")
THREADS = Desk(("messages",), ("direction", "type"), thread, entry, ("conversationsThreadId",))
TICKETS = Desk(ENGAGEMENTS, (), ticket)


def _misses(contents: Contents) -> str:
    values = [row.value for row in contents.sample if isinstance(row.value, dict)]
    mailed = sum(_has_mail(value) for value in values)
    return "" if values and mailed * 2 > len(values) else THREADS.misses(contents)


def _has_mail(value: Mapping[str, Any]) -> bool:
    wrote = [item for name in ENGAGEMENTS for item in objects(value.get(name))]
    return any(
        part_of(item, "engagement", "type") or part_of(item, "properties", "hs_timestamp") or "hs_timestamp" in item
        for item in wrote
    )


@format_of("hubspot", _misses, mail=True, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a thread or ticket; or of the rows of one thread."""
    return (TICKETS if THREADS.misses(contents) else THREADS).read(contents, reading)
