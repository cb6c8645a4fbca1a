"""Salesforce's cases: JSON rows with `EmailMessages` and `CaseComments`, as its API answers; or tables of EmailMessage
or CaseComment, one row each, of a `ParentId`. Who wrote a mail says `Incoming`, a comment its author's `UserType`;
drafts and what is not published are left out. Fields as in Salesforce's object reference.

Keeps: who asked, id, label and time of the ticket; what was left out, by reason, and other fields in metadata.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.ingest.desks import (
    CUSTOMER,
    DRAFT,
    NOTE,
    TEAM,
    Desk,
    Entry,
    first_of,
    is_true,
    objects,
    part_of,
    repeats,
)
from curation.ingest.formats import Outcome, Reading, format_of
from curation.ingest.rows import Contents

MAILS, COMMENTS = "EmailMessages", "CaseComments"
BODIES = ("HtmlBody", "TextBody", "CommentBody")
TIMES = ("MessageDate", "CreatedDate")
DRAFTS = ("5", "draft")  # `Status` of a mail that was never sent
PORTALS = ("portal", "community", "guest", "csplite", "customer")  # in the `UserType` of customers


def entries(case: Mapping[str, Any]) -> Sequence[Entry]:
    """What the case asks, unless a mail repeats it, its mails and its comments."""
    wrote = [entry(item) for name in (MAILS, COMMENTS) for item in objects(case.get(name))]
    asked = Entry(CUSTOMER, case.get("Description"), case.get("CreatedDate"))
    return wrote if repeats(asked, wrote) else [asked, *wrote]


def entry(value: Mapping[str, Any]) -> Entry:
    """A mail or a comment."""
    at = first_of(value, TIMES)
    if "CommentBody" in value:
        side = CUSTOMER if any(name in _user_type(value) for name in PORTALS) else TEAM
        return Entry(side, value["CommentBody"], at, "" if is_true(value.get("IsPublished")) else NOTE)
    draft = DRAFT if str(value.get("Status")).strip().lower() in DRAFTS else ""
    return Entry(CUSTOMER if is_true(value["Incoming"]) else TEAM, first_of(value, BODIES), at, draft)


def _user_type(comment: Mapping[str, Any]) -> str:
    return str(part_of(comment, "CreatedBy", "UserType") or comment.get("CreatedBy.UserType")).lower()


def _customer(case: Mapping[str, Any]) -> Any:
    return first_of(case, ("ContactId", "AccountId", "SuppliedEmail"))


CASES = Desk((MAILS, COMMENTS), (), entries, customer=_customer, said=("Description",))
ROWS = [Desk((), marks, entries, entry, ("ParentId",)) for marks in (("Incoming",), ("CommentBody",))]


def _misses(contents: Contents) -> str:
    values = [row.value for row in contents.sample if isinstance(row.value, dict)]
    cases = sum(bool(objects(value.get(name))) for value in values for name in (MAILS, COMMENTS))
    if cases or any(not desk.misses(contents) for desk in ROWS):
        return ""
    return f"no {MAILS} and no {COMMENTS}, nor Incoming or CommentBody beside a ParentId"


@format_of("salesforce", _misses, mail=True, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a case; or of the rows of one `ParentId`."""
    return next((desk for desk in ROWS if not desk.misses(contents)), CASES).read(contents, reading)
