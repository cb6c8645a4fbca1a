"""Zendesk's JSON exports: tickets with `comments`, authors from `users` beside them or from the ticket's `requester`
and `assignee`; internal notes are left out.
"""

from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import Any

from curation.ingest.formats import (
    Messages,
    Outcome,
    Reading,
    Roles,
    UnreadableError,
    each_row,
    format_of,
    lacks,
    role_of,
    text_of,
)
from curation.ingest.order import by_field
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents
from curation.record.conversation import message

INTENT_FIELDS = ("intent", "topic", "category")
BODIES = ("plain_body", "body", "html_body")
PEOPLE = ("requester", "submitter", "assignee")


def _misses(contents: Contents) -> str:
    if missing := lacks(contents, "comments"):
        return missing
    return "" if "users" in contents.beside else lacks(contents, ("requester_id", "requester"))


@format_of("zendesk", _misses, mail=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a ticket: its public comments in order. Internal notes are never a customer's to read."""
    listed = contents.beside.get("users") or []
    users = {str(user.get("id")): user.get("role") for user in listed if isinstance(user, dict)}
    return each_row(contents.rows, lambda ticket: (_messages(ticket, users, reading.roles), _provenance(ticket)))


def _messages(ticket: Mapping[str, Any], users: dict[str, Any], roles: Roles) -> Messages:
    comments = ticket.get("comments")
    if not isinstance(comments, list) or not all(isinstance(comment, dict) for comment in comments):
        raise UnreadableError("comments is no list of comments")
    known = ChainMap(users, _people(ticket))
    messages = []
    for place, comment in enumerate(by_field(comments, "created_at")):
        if comment.get("public", True):
            author = str(comment.get("author_id"))
            if author not in known:
                raise UnreadableError(f"comment {place} is by {author}, who is not among the users of the export")
            body = next((comment[key] for key in BODIES if comment.get(key)), None)
            messages.append(message(role_of(known[author], roles), text_of(body, f"comment {place}")))
    if not messages:
        raise UnreadableError("the ticket has no public comment")
    return messages


def _people(ticket: Mapping[str, Any]) -> dict[str, Any]:
    """Roles of the people that the ticket itself names: who asks is a customer, who is assigned an agent."""
    found = {str(ticket.get("assignee_id")): "agent", str(ticket.get("requester_id")): "end-user"}
    for person in (ticket.get(name) for name in PEOPLE):
        if isinstance(person, dict) and person.get("role"):
            found[str(person.get("id"))] = person["role"]
    found.pop("None", None)
    return found


def _provenance(ticket: Mapping[str, Any]) -> dict[str, Any]:
    fields = ticket.get("custom_fields")
    fields = fields if isinstance(fields, list) else []
    named = {str(f.get("title", f.get("id"))).lower(): f.get("value") for f in fields if isinstance(f, dict)}
    intent = next((named[name] for name in INTENT_FIELDS if isinstance(named.get(name), str)), None)
    requester = ticket.get("requester")
    named_by_object = {"requester_id": requester.get("id")} if isinstance(requester, dict) else {}
    said = {**named_by_object, **ticket, **({"intent": intent} if intent else {})}
    return provenance([said], {"comments", *PEOPLE})
