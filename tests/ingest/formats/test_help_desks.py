"""Exports of help desks."""

from datetime import UTC, datetime
from typing import Any

from curation.ingest.formats import Outcome
from curation.record.conversation import canonical_json
from tests.ingest.formats.rows import HELLO, MARHABA, READING, intercom, metadata, only, part, said


def zendesk(*comments: dict[str, Any], **more: Any) -> Outcome:
    users = [{"id": 1, "role": "end-user"}, {"id": 2, "role": "agent"}]
    return only({"id": 5, "requester_id": 1, "comments": list(comments), **more}, beside={"users": users})


def test_zendesk_mails_lose_markup_quotes_and_signatures_and_metadata_keeps_them():
    asked = {
        "author_id": 1,
        "html_body": "<p>Where is my order?</p><p>Sent from my iPhone</p>",
    }
    answered = {
        "author_id": 2,
        "body": "On its way.\n\nBest regards,\nSara Ahmed\nSupport team\n\n"
        "On Mon, 5 Jan 2026 at 10:15, Ali <a@x.example> wrote:\n> Where is my order?\n> Ali",
    }
    outcome = zendesk(asked, answered)
    assert said(outcome) == HELLO
    removed = [(part["message"], part["what"]) for part in metadata(outcome)["removed"]]
    assert removed == [(0, "signature"), (1, "quote"), (1, "signature")]


def test_zendesk_exports_without_users_know_people_by_the_ticket():
    comments = [
        {"author_id": 1, "plain_body": "أين طلبي؟"},
        {"author_id": 2, "plain_body": "ملاحظة داخلية", "public": False},
        {"author_id": 2, "plain_body": "هو في الطريق إليك."},
    ]
    assert said(only({"id": 5, "requester_id": 1, "assignee_id": 2, "comments": comments})) == MARHABA
    people = {"requester": {"id": 1, "role": "end-user", "name": "Ali"}, "submitter": {"id": 2, "role": "agent"}}
    outcome = only({"id": 5, **people, "comments": comments})
    assert said(outcome) == MARHABA
    assert outcome.provenance == {"source_id": "5", "customer": "1"}
    assert "is by 2" in str(only({"id": 5, "requester_id": 1, "comments": comments}).reason)


def test_intercom_conversations_without_notes():
    row = intercom(
        part("admin", "<p>He is annoying</p>", "note"),
        part("bot", None, "assignment"),
        part("admin", "<p>On its way.</p>", "close"),
        tags={"type": "tag.list", "tags": [{"name": "order_status"}]},
        contacts={"type": "contact.list", "contacts": [{"id": "c1"}]},
    )
    outcome = only(row)
    assert said(outcome) == HELLO
    assert (outcome.provenance["source_id"], outcome.provenance["customer"]) == ("77", "c1")
    assert outcome.provenance["label"] == "order_status"
    assert outcome.provenance["created_at"] == datetime(2025, 3, 1, 10, tzinfo=UTC)
    assert "annoying" not in canonical_json(outcome.provenance)


def test_a_conversation_whose_contacts_are_unnamed_keeps_the_customer_of_its_row():
    row = {**intercom(part("admin", "Hello")), "contacts": None, "customer": "Ali"}
    row["source"] = {**row["source"], "author": {"type": "user"}}
    assert only(row).provenance["customer"] == "Ali"


def test_intercom_in_arabic():
    row = intercom(
        part("admin", "<p>هو في الطريق إليك.</p><p>مع أطيب التحيات،<br>سارة محمد<br>فريق الدعم</p>"),
        source={"body": '<p dir="rtl">أين طلبي؟</p>', "author": {"type": "user", "id": "c2"}},
    )
    outcome = only(row)
    assert said(outcome) == MARHABA
    assert outcome.provenance["customer"] == "c2"


def test_html_quotes_and_signatures_stay_where_params_say_so():
    body = "On its way.\n\nBest regards,\nSara"
    kept = READING.model_copy(update={"html": "keep", "quotes": "keep", "signatures": "keep"})
    found = said(only(intercom(part("admin", body)), reading=kept))
    assert found == [("user", "<p>Where is my order?</p>"), ("assistant", body)]
