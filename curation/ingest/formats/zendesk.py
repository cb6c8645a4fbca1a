"""Zendesk's JSON exports: tickets with `comments`, put in their order. Authors are known from `users` beside them and
from what the tickets say of people: who asks and who is in copy is a customer, who is assigned or follows is of the
team, and so is anybody else, which metadata `roles_assumed` says. Internal notes and what the desk itself wrote (author
-1 or none, triggers) are left out; a `description` that no comment repeats is the first message.

Keeps: who asked, id, label and time of the ticket; what was left out, by reason, and other fields in metadata.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from curation.ingest.desks import (
    CUSTOMER,
    NOTE,
    NOTICE,
    TEAM,
    Entry,
    conversation_of,
    first_of,
    is_bot_name,
    is_true,
    objects,
    part_of,
    repeats,
)
from curation.ingest.formats import Messages, Outcome, Reading, UnreadableError, each_row, format_of, lacks
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents

INTENT_FIELDS = ("intent", "topic", "category")
BODIES = ("plain_body", "body", "html_body")
PEOPLE = ("requester", "submitter", "assignee")
IN_COPY = ("email_cc_ids", "collaborator_ids")
STAFF = ("submitter_id", "assignee_id", "follower_ids")
DESK = ("-1", "0", "None", "")  # the author of what nobody wrote
MACHINES = ("system", "rule", "trigger", "automation")  # the `via` of it
NOBODY = "{} of the authors {} neither among the users of the export nor asking: taken for the team"


@dataclass(frozen=True)
class Person:
    """Who writes in tickets, as far as the export tells."""

    role: str
    name: Any = None


People = Mapping[str, Person]


def _misses(contents: Contents) -> str:
    if missing := lacks(contents, "comments"):
        return missing
    return "" if "users" in contents.beside else lacks(contents, ("requester_id", "requester"))


@format_of("zendesk", _misses, mail=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a ticket: its public comments in order. Internal notes are never a customer's to read."""
    users = _listed(objects(contents.beside.get("users")))
    first = [row.value for row in contents.sample if isinstance(row.value, dict)]
    ask, staff = _of_all(first, _asking), _of_all(first, _staff)  # who is assigned one ticket may answer others

    def conversation(ticket: Mapping[str, Any]) -> tuple[Messages, Mapping[str, Any]]:
        known = ask | _in_copy(ticket) | staff | _asking(ticket) | _staff(ticket) | users
        entries, strangers = _entries(ticket, known)
        messages, counted = conversation_of(entries, reading)
        return messages, _provenance(ticket, {**counted, **_assumed(strangers)})

    return each_row(contents.rows, conversation)


# -- people ------------------------------------------------------------------------------------------------------------


def _listed(users: Sequence[Mapping[str, Any]]) -> dict[str, Person]:
    return {str(user.get("id")): Person(str(user["role"]), user.get("name")) for user in users if user.get("role")}


def _of_all(
    tickets: Sequence[Mapping[str, Any]], tell: Callable[[Mapping[str, Any]], dict[str, Person]]
) -> dict[str, Person]:
    return {name: person for ticket in tickets for name, person in tell(ticket).items()}


def _asking(ticket: Mapping[str, Any]) -> dict[str, Person]:
    asker = ticket.get("requester_id", part_of(ticket, "requester", "id"))
    return {name: Person(CUSTOMER) for name in _ids(asker)}


def _in_copy(ticket: Mapping[str, Any]) -> dict[str, Person]:
    return {name: Person(CUSTOMER) for field in IN_COPY for name in _ids(ticket.get(field))}


def _staff(ticket: Mapping[str, Any]) -> dict[str, Person]:
    """Who is assigned, follows, or opened the ticket for somebody else; and whose role the ticket itself says."""
    asker = _asking(ticket)
    named = [name for field in STAFF for name in _ids(ticket.get(field)) if asker and name not in asker]
    authors = [comment.get("author") for comment in objects(ticket.get("comments"))]
    people = _listed(objects([*authors, *(ticket.get(name) for name in PEOPLE)]))
    return {name: Person(TEAM) for name in named} | people


def _ids(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [value]) if str(item) not in DESK]


def _assumed(strangers: int) -> dict[str, str]:
    return {"roles_assumed": NOBODY.format(strangers, "is" if strangers == 1 else "are")} if strangers else {}


# -- comments ----------------------------------------------------------------------------------------------------------


def _entries(ticket: Mapping[str, Any], known: People) -> tuple[list[Entry], int]:
    """What was written in a ticket, and how many of its authors nothing tells of."""
    comments = ticket.get("comments")
    if not isinstance(comments, list) or not all(isinstance(comment, dict) for comment in comments):
        raise UnreadableError("comments is no list of comments")
    entries = [_entry(comment, known) for comment in comments]
    asked = Entry(CUSTOMER, ticket.get("description"), ticket.get("created_at"))
    told = list(zip(comments, entries, strict=True))
    strangers = {_author(one) for one, entry in told if not entry.left_out} - known.keys()
    if strangers and not _asking(ticket):
        raise UnreadableError(
            f"a comment is by {min(strangers)}, who is not among the users of the export, and there is no requester_id"
        )
    return entries if repeats(asked, entries) else [asked, *entries], len(strangers)


def _author(comment: Mapping[str, Any]) -> str:
    return str(comment.get("author_id", part_of(comment, "author", "id")))


def _entry(comment: Mapping[str, Any], known: People) -> Entry:
    author = _author(comment)
    via = part_of(comment, "via", "channel") or comment.get("via")
    person = known.get(author, Person(TEAM))
    entry = Entry(person.role, first_of(comment, BODIES), comment.get("created_at"))
    if not is_true(comment.get("public", comment.get("is_public", True))):
        return replace(entry, left_out=NOTE)
    if author in DESK or via in MACHINES:
        return replace(entry, left_out=NOTICE)
    return replace(entry, bot=is_bot_name(person.name))


def _provenance(ticket: Mapping[str, Any], counted: Mapping[str, Any]) -> dict[str, Any]:
    fields = ticket.get("custom_fields")
    fields = fields if isinstance(fields, list) else []
    named = {str(f.get("title", f.get("id"))).lower(): f.get("value") for f in fields if isinstance(f, dict)}
    intent = next((named[name] for name in INTENT_FIELDS if isinstance(named.get(name), str)), None)
    requester = ticket.get("requester")
    named_by_object = {"requester_id": requester.get("id")} if isinstance(requester, dict) else {}
    said = {**named_by_object, **ticket, **({"intent": intent} if intent else {}), **counted}
    return provenance([said], {"comments", "description", *PEOPLE})
