"""Zendesk JSON export: {"tickets": [{"comments": [...]}], "users": [{"id", "role"}]}."""

from collections.abc import Iterator, Mapping
from typing import Any

from curation.conversation import message
from curation.ingest.containers import Contents
from curation.ingest.formats import (
    Messages,
    Outcome,
    Roles,
    UnreadableError,
    each_row,
    format_of,
    most_have,
    role_of,
    text_of,
)
from curation.ingest.provenance import provenance

INTENT_FIELDS = ("intent", "topic", "category")


@format_of("zendesk", lambda contents: most_have(contents, "comments") and "users" in contents.beside)
def read(contents: Contents, roles: Roles) -> Iterator[Outcome]:
    """One conversation a ticket: its public comments in order. Internal notes are never a customer's to read."""
    listed = contents.beside["users"] or []
    users = {str(user.get("id")): user.get("role") for user in listed if isinstance(user, dict)}
    return each_row(contents.rows, lambda ticket: (_messages(ticket, users, roles), _provenance(ticket)))


def _messages(ticket: Mapping[str, Any], users: Mapping[str, Any], roles: Roles) -> Messages:
    comments = ticket.get("comments")
    if not isinstance(comments, list) or not all(isinstance(comment, dict) for comment in comments):
        raise UnreadableError("comments is no list of comments")
    messages = []
    for place, comment in enumerate(comments):
        if comment.get("public", True):
            author = str(comment.get("author_id"))
            if author not in users:
                raise UnreadableError(f"comment {place} is by {author}, who is not among the users of the export")
            content = text_of(comment.get("plain_body", comment.get("body")), f"comment {place}")
            messages.append(message(role_of(users[author], roles), content))
    if not messages:
        raise UnreadableError("the ticket has no public comment")
    return messages


def _provenance(ticket: Mapping[str, Any]) -> dict[str, Any]:
    fields = ticket.get("custom_fields")
    fields = fields if isinstance(fields, list) else []
    named = {str(f.get("title", f.get("id"))).lower(): f.get("value") for f in fields if isinstance(f, dict)}
    intent = next((named[name] for name in INTENT_FIELDS if isinstance(named.get(name), str)), None)
    return provenance([{**ticket, **({"intent": intent} if intent else {})}], {"comments"})
