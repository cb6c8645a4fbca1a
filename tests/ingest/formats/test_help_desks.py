"""Exports of help desks."""

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from curation.core.record.conversation import canonical_json
from curation.core.record.repair import repair_messages
from curation.ingest.formats import Outcome
from tests.ingest.formats.rows import HELLO, MARHABA, READING, intercom, metadata, only, outcomes, part, said


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
    assert (outcome.provenance["source_id"], outcome.provenance["customer"]) == ("5", "1")
    assert metadata(outcome) == {"left_out": {"internal note": 1}}
    unknown = only({"id": 5, "requester_id": 1, "comments": comments})  # a colleague of whom the export says nothing
    assert said(unknown) == MARHABA
    assert metadata(unknown)["roles_assumed"].startswith("1 of the authors is neither")


# -- Zendesk's people and order ----------------------------------------------------------------------------------------

CASES = Path(__file__).parent.parent / "cases/desks"
ACCOUNT_EXPORT = [json.loads(line) for line in (CASES / "zendesk_account_export.json").read_text().splitlines()]
LAMP = {"id": 1, "subject": "Lamp", "requester_id": 7, "assignee_id": 9}


def wrote(by: int | None, body: str, minute: int = 0, **more: Any) -> dict[str, Any]:
    return {"author_id": by, "body": body, "public": True, "created_at": f"2024-03-14T10:{minute:02}:00Z", **more}


def lamp(*comments: dict[str, Any], **more: Any) -> Outcome:
    return only({**LAMP, "comments": list(comments), **more})


def test_a_colleague_answers_for_the_team():
    outcome = lamp(wrote(7, "It smells odd.", 1), wrote(12, "Unplug it please.", 2), wrote(9, "We collect it.", 3))
    assert said(outcome) == [
        ("user", "It smells odd."),
        ("assistant", "Unplug it please."),
        ("assistant", "We collect it."),
    ]


def test_an_author_is_nobodys_side_where_a_ticket_does_not_say_who_asks():
    outcome = only({"id": 6, "comments": [wrote(99, "Hm")]}, beside={"users": []})
    assert str(outcome.reason).startswith("a comment is by 99")


@pytest.mark.parametrize(
    "more",
    [
        {"email_cc_ids": [12]},
        {"collaborator_ids": [12]},
        {"comments_by": {"author": {"id": 12, "role": "end-user"}}},
    ],
)
def test_who_is_in_copy_writes_for_the_customer(more: dict[str, Any]):
    by = more.pop("comments_by", {})
    outcome = lamp(wrote(7, "It hums.", 1), wrote(12, "Mine too.", 2, **by), wrote(9, "We send two.", 3), **more)
    assert said(outcome) == [("user", "It hums."), ("user", "Mine too."), ("assistant", "We send two.")]
    assert "roles_assumed" not in metadata(outcome)


@pytest.mark.parametrize(
    "other",
    [
        {"id": 2, "requester_id": 8, "assignee_id": 12, "comments": [wrote(8, "Hi"), wrote(12, "Hello")]},
        {"id": 2, "requester_id": 8, "follower_ids": [12], "comments": [wrote(8, "Hi"), wrote(9, "Hello")]},
        {"id": 2, "requester_id": 8, "submitter_id": 12, "comments": [wrote(8, "Hi"), wrote(9, "Hello")]},
    ],
)
def test_who_works_on_one_ticket_is_known_in_another_also_in_copy(other: dict[str, Any]):
    ticket = {**LAMP, "email_cc_ids": [12], "comments": [wrote(7, "It hums.", 1), wrote(12, "Unplug it.", 2)]}
    first, _ = outcomes(ticket, other)
    assert said(first) == [("user", "It hums."), ("assistant", "Unplug it.")]
    assert "roles_assumed" not in metadata(first)


def test_who_asks_in_another_ticket_is_a_customer_here():
    other = {"id": 2, "requester_id": 8, "assignee_id": 9, "comments": [wrote(8, "Hi"), wrote(9, "Hello")]}
    first, _ = outcomes({**LAMP, "comments": [wrote(7, "It hums."), wrote(8, "Here too."), wrote(9, "Sorry.")]}, other)
    assert [role for role, _ in said(first)] == ["user", "user", "assistant"]


@pytest.mark.parametrize(
    "notice",
    [
        wrote(-1, "Ticket merged into 4.", 2),
        wrote(None, "تم دمج التذكرة", 2),
        wrote(0, "Closed after 7 days.", 2),
        wrote(9, "We got your mail.", 2, via={"channel": "rule", "source": {"rel": "trigger"}}),
        wrote(9, "Ticket closed.", 2, via={"channel": "system"}),
    ],
)
def test_what_the_desk_itself_says_is_left_out_and_counted(notice: dict[str, Any]):
    outcome = lamp(wrote(7, "أين طلبي؟", 1), notice, wrote(9, "هو في الطريق إليك.", 3))
    assert said(outcome) == MARHABA
    assert metadata(outcome)["left_out"] == {"notice": 1}


def test_bots_are_left_out_or_kept_as_messages_of_their_own():
    users = [{"id": 9, "role": "agent", "name": "Sara"}, {"id": 3, "role": "agent", "name": "Answer Bot"}]
    ticket = {**LAMP, "comments": [wrote(7, "Hi", 1), wrote(3, "Try an article!", 2), wrote(9, "Hello", 3)]}
    outcome = only(ticket, beside={"users": users})
    assert said(outcome) == [("user", "Hi"), ("assistant", "Hello")]
    assert metadata(outcome)["left_out"] == {"bot": 1}
    kept = only(ticket, beside={"users": users}, reading=READING.model_copy(update={"bots": "keep"}))
    assert [m["content"] for m in repair_messages(kept.messages or [], merge=True)] == [
        "Hi",
        "Try an article!",
        "Hello",
    ]


@pytest.mark.parametrize("shown", [False, "false", 0, "0", None])
def test_a_ticket_with_nothing_but_notes_says_so(shown: object):
    outcome = lamp(wrote(9, "she always complains", public=shown))
    assert outcome.reason == "it has no message but internal notes"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_comments_are_read_in_the_order_of_their_times(order: tuple[int, ...]):
    comments = [wrote(7, "It hums.", 1), wrote(9, "Turn the bulb.", 2), wrote(7, "Quiet now.", 3)]
    outcome = lamp(*(comments[place] for place in order))
    assert [text for _, text in said(outcome)] == ["It hums.", "Turn the bulb.", "Quiet now."]


def test_comments_stay_as_they_came_where_a_time_is_missing_or_the_same():
    comments = [wrote(7, "It hums.", 3), wrote(9, "Turn it.", 1, created_at=None), wrote(7, "Quiet.", 2)]
    assert [text for _, text in said(lamp(*comments))] == ["It hums.", "Turn it.", "Quiet."]
    same = [wrote(7, "It hums.", 1), wrote(9, "Turn it.", 1)]
    assert [text for _, text in said(lamp(*same))] == ["It hums.", "Turn it."]


@pytest.mark.parametrize(
    ("description", "first"),
    [
        ("It hums.", "It hums."),
        ("It hums.", " it hums "),
        ("It hums at night since Monday and nob", "It hums at night since Monday and nobody sleeps."),
        ("أين طلبي؟", "<p>أين <b>طلبي</b>؟</p>"),
        ("", "It hums."),
    ],
)
def test_a_description_that_the_first_comment_repeats_is_not_doubled(description: str, first: str):
    outcome = lamp(wrote(7, first, 1), wrote(9, "Turn it.", 2), description=description)
    assert [role for role, _ in said(outcome)] == ["user", "assistant"]


def test_a_description_that_no_comment_repeats_is_the_first_message():
    outcome = lamp(wrote(9, "Turn it.", 2), description="It hums.", created_at="2024-03-14T10:00:00Z")
    assert said(outcome) == [("user", "It hums."), ("assistant", "Turn it.")]
    note = lamp(
        wrote(9, "Asked by phone, rude", public=False), wrote(9, "Hello", 2), description="Asked by phone, rude"
    )
    assert said(note) == [("assistant", "Hello")]  # a note that a ticket began with is nobody's question


def test_the_cases_of_zendesk():
    read = [said(outcome) for outcome in outcomes(*ACCOUNT_EXPORT)]
    assert read[1] == [
        ("user", "My lamp smells odd."),
        ("assistant", "Unplug it please, a colleague calls you."),
        ("assistant", "We collect it tomorrow."),
    ]
    assert read[2] == [("user", "My lamp is too tall."), ("assistant", "We have a shorter one in brass.")]
    assert read[3] == [("user", "My lamp is too short."), ("assistant", "We have a taller one in steel.")]
    assert read[5][0] == ("user", "My lamp is dim\n\n* kitchen\n* hall")


# -- Intercom ----------------------------------------------------------------------------------------------------------


def test_a_bots_greeting_is_never_one_message_with_a_persons_reply():
    parts = [part("bot", "<p>Hi, I am Fin!</p>"), part("admin", "<p>On its way.</p>")]
    outcome = only(intercom(*parts))
    assert said(outcome) == HELLO
    assert metadata(outcome)["left_out"] == {"bot": 1}
    kept = only(intercom(*parts), reading=READING.model_copy(update={"bots": "keep"}))
    merged = repair_messages(kept.messages or [], merge=True)
    assert [(m["name"], m["content"]) for m in merged] == [
        (None, "Where is my order?"),
        ("bot", "Hi, I am Fin!"),
        (None, "On its way."),
    ]


@pytest.mark.parametrize(
    "author",
    [
        {"type": "bot", "name": "Operator"},
        {"type": "admin", "name": "Zaafaran Bot"},
        {"type": "admin", "name": "المساعد الآلي"},
        {"type": "admin", "from_ai_agent": True},
        {"type": "team", "name": "Virtual assistant"},
    ],
)
def test_bots_of_every_kind_are_told_from_people(author: dict[str, Any]):
    greeting = {"part_type": "comment", "body": "Hi!", "author": author}
    assert said(only(intercom(greeting, part("admin", "<p>On its way.</p>")))) == HELLO


def test_a_conversation_that_only_bots_answer_says_so():
    assert "only bots answer" in str(only(intercom(part("bot", "Hi!"))).reason)


def test_parts_of_intercom_are_read_in_the_order_of_their_times_after_what_began_them():
    parts = [
        {**part("user", "Thanks"), "created_at": 1740823500},
        {**part("admin", "On its way."), "created_at": 1740823400},
    ]
    assert [text for _, text in said(only(intercom(*parts)))] == ["Where is my order?", "On its way.", "Thanks"]


def test_an_automated_message_is_a_bots():
    source = {"body": "Welcome!", "author": {"type": "admin"}, "delivered_as": "automated"}
    row = intercom(part("user", "Where is my order?"), part("admin", "On its way."), source=source)
    assert said(only(row)) == HELLO


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


# -- bots in tables and transcripts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bot", "Chatbot", "Answer Bot", "الروبوت", "المساعد الآلي"])
def test_a_bots_greeting_in_a_table_or_transcript_is_left_out_or_stands_alone(name: str):
    roles = {**READING.roles, name.lower(): "assistant"}
    talk = [("customer", "Hello"), (name, "Hi, I am a bot!"), ("agent", "On its way.")]
    rows = [{"ticket_id": 1, "author": who, "body": text} for who, text in talk]
    transcript = {"transcript": "\n".join(f"{who}: {text}" for who, text in talk)}
    for export in (rows, [transcript]):
        outcome = only(*export, reading=READING.model_copy(update={"roles": roles}))
        assert said(outcome) == [("user", "Hello"), ("assistant", "On its way.")]
        assert metadata(outcome)["left_out"] == {"bot": 1}
        kept = only(*export, reading=READING.model_copy(update={"roles": roles, "bots": "keep"}))
        merged = repair_messages(kept.messages or [], merge=True)
        assert [m["content"] for m in merged] == [text for _, text in talk]


def test_a_bot_that_alone_answers_in_a_table_is_the_team():
    rows = [{"ticket_id": 1, "author": who, "body": text} for who, text in (("user", "Hi"), ("bot", "Hello"))]
    assert said(only(*rows)) == [("user", "Hi"), ("assistant", "Hello")]
