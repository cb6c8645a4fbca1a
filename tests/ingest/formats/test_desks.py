"""Every help desk: what it writes of one and the same conversation, with notes, notices, drafts and bots among it."""

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.record.repair import repair_messages
from curation.ingest.formats import formats
from tests.ingest.formats.rows import HELLO, MARHABA, READING, contents, format_for, metadata, only, outcomes, said
from tests.ingest.test_ingest import read
from tests.ingest.test_ingest import said as said_in

CASES = Path(__file__).parent.parent / "cases/desks"
Said = tuple[str, str]  # who (user, assistant, or what is left out) and what
Rows = Callable[[Sequence[Said]], list[Any]]


def at(minute: int) -> str:
    return f"2024-03-14T10:{minute:02}:00Z"


def freshdesk(talk: Sequence[Said]) -> list[Any]:
    first, *others = talk
    written = [
        {
            "body_text": text,
            "incoming": who == "user",
            "private": who == "internal note",
            "source": 8 if who == "to somebody else" else 0,
            "created_at": at(minute),
        }
        for minute, (who, text) in enumerate(others, 1)
    ]
    return [{"id": 31, "requester_id": 5, "description_text": first[1], "created_at": at(0), "conversations": written}]


def gorgias(talk: Sequence[Said]) -> list[Any]:
    messages = [
        {
            "from_agent": who != "user",
            "public": who != "internal note",
            "channel": "internal-note" if who == "internal note" else "email",
            "via": "rule" if who == "bot" else "email",
            "body_text": text,
            "sender": {"id": 3, "name": "Sara"},
            "created_datetime": at(minute),
        }
        for minute, (who, text) in enumerate(talk)
    ]
    return [{"id": 31, "customer": {"id": 5}, "messages": messages}]


def gorgias_messages(talk: Sequence[Said]) -> list[Any]:
    return [{"ticket_id": 31, **message} for message in gorgias(talk)[0]["messages"]]


def front(talk: Sequence[Said]) -> list[Any]:
    messages = [
        {
            "type": "email",
            "is_inbound": who == "user",
            "is_draft": who == "draft",
            "body": f"<p>{text}</p>",
            "created_at": 1710410000 + minute,
        }
        for minute, (who, text) in enumerate(talk)
        if who != "internal note"
    ]
    comments = [{"body": text, "posted_at": 1710410000.5} for who, text in talk if who == "internal note"]
    return [{"id": "cnv_1", "messages": {"_results": messages}, "comments": {"_results": comments}}]


def front_messages(talk: Sequence[Said]) -> list[Any]:
    links = {"_links": {"related": {"conversation": "https://api.front.example/conversations/cnv_1"}}}
    return [{**links, **message} for message in front(talk)[0]["messages"]["_results"]]


def chatwoot(talk: Sequence[Said]) -> list[Any]:
    kinds = {"user": 0, "assistant": 1, "internal note": 1, "notice": 2, "bot": 3}
    messages = [
        {
            "message_type": kinds[who],
            "private": who == "internal note",
            "content": text,
            "created_at": 1710410000 + minute,
            "sender": {"type": "contact" if who == "user" else "user"},
        }
        for minute, (who, text) in enumerate(talk)
    ]
    return [{"id": 31, "meta": {"sender": {"id": 5}}, "messages": messages}]


def chatwoot_messages(talk: Sequence[Said]) -> list[Any]:
    return [{"conversation_id": 31, **message} for message in chatwoot(talk)[0]["messages"]]


def crisp(talk: Sequence[Said]) -> list[Any]:
    kinds = {"internal note": "note", "notice": "event"}
    messages = [
        {
            "from": "user" if who == "user" else "operator",
            "type": kinds.get(who, "text"),
            "automated": who == "bot",
            "content": {"namespace": "state:resolved"} if who == "notice" else text,
            "fingerprint": minute,
            "timestamp": 1710410000000 + minute,
        }
        for minute, (who, text) in enumerate(talk)
    ]
    return [{"session_id": "s1", "messages": messages}]


def crisp_messages(talk: Sequence[Said]) -> list[Any]:
    return [{"session_id": "s1", **message} for message in crisp(talk)[0]["messages"]]


def help_scout(talk: Sequence[Said]) -> list[Any]:
    kinds = {
        "user": "customer",
        "internal note": "note",
        "notice": "lineitem",
        "to somebody else": "forwardparent",
        "assistant": "message",
        "draft": "message",
    }
    threads = [
        {
            "type": kinds[who],
            "state": "draft" if who == "draft" else "published",
            "body": text,
            "createdBy": {"type": "customer" if who == "user" else "user"},
            "createdAt": at(minute),
        }
        for minute, (who, text) in enumerate(talk)
    ]
    return [{"id": 31, "primaryCustomer": {"id": 5}, "_embedded": {"threads": threads[::-1]}}]  # newest first


def livechat(talk: Sequence[Said]) -> list[Any]:
    bot = "5c9871d5372c824cbf22d860a707a578"
    authors = {"user": "c1", "bot": bot, "notice": "system"}
    events = [
        {
            "type": "system_message" if who == "notice" else "message",
            "author_id": authors.get(who, "sara@shop.example"),
            "visibility": "agents" if who == "internal note" else "all",
            "text": text,
            "created_at": at(minute),
        }
        for minute, (who, text) in enumerate(talk)
    ]
    users = [
        {"id": "c1", "type": "customer"},
        {"id": "sara@shop.example", "type": "agent"},
        {"id": bot, "type": "agent", "name": "Helper"},
    ]
    return [{"id": "Q1", "users": users, "thread": {"id": "T1", "events": events}}]


def hubspot(talk: Sequence[Said]) -> list[Any]:
    kinds = {"internal note": "COMMENT", "notice": "THREAD_STATUS_CHANGE", "bot": "WELCOME_MESSAGE"}
    messages = [
        {
            "type": kinds.get(who, "MESSAGE"),
            "direction": "INCOMING" if who == "user" else "OUTGOING",
            "senders": [{"actorId": "V-1" if who == "user" else "A-9"}],
            "text": text,
            "createdAt": at(minute),
        }
        for minute, (who, text) in enumerate(talk)
    ]
    return [{"id": "31", "messages": {"results": messages}}]


def hubspot_messages(talk: Sequence[Said]) -> list[Any]:
    return [{"conversationsThreadId": "31", **message} for message in hubspot(talk)[0]["messages"]["results"]]


def hubspot_ticket(talk: Sequence[Said]) -> list[Any]:
    kinds = {
        "user": "INCOMING_EMAIL",
        "assistant": "EMAIL",
        "internal note": "NOTE",
        "to somebody else": "FORWARDED_EMAIL",
    }
    engagements = [
        {"engagement": {"type": kinds[who], "timestamp": 1710410000000 + minute}, "metadata": {"text": text}}
        for minute, (who, text) in enumerate(talk)
    ]
    return [{"id": "31", "properties": {"content": talk[0][1], "createdate": at(0)}, "engagements": engagements}]


def hubspot_emails(talk: Sequence[Said]) -> list[Any]:
    kinds = {"user": "INCOMING_EMAIL", "assistant": "EMAIL"}
    emails = [
        {"properties": {"hs_email_direction": kinds[who], "hs_email_text": text, "hs_timestamp": at(minute)}}
        for minute, (who, text) in enumerate(talk)
        if who in kinds
    ]
    notes = [
        {"properties": {"hs_note_body": text, "hs_timestamp": at(2)}} for who, text in talk if who == "internal note"
    ]
    return [{"id": "31", "properties": {"content": talk[0][1]}, "emails": emails, "notes": notes}]


def salesforce(talk: Sequence[Said]) -> list[Any]:
    mails = salesforce_mails([(who, text) for who, text in talk if who != "internal note"])
    comments = [{"CommentBody": text, "IsPublished": False} for who, text in talk if who == "internal note"]
    wrapped = {"totalSize": len(mails), "done": True, "records": mails}
    case = {"Id": "500", "Subject": "Order", "Description": talk[0][1], "CreatedDate": at(0), "ContactId": "003"}
    return [{**case, "EmailMessages": wrapped, "CaseComments": {"records": comments} if comments else None}]


def salesforce_mails(talk: Sequence[Said]) -> list[Any]:
    return [
        {
            "ParentId": "500",
            "Incoming": str(who == "user").lower(),
            "Status": "5" if who == "draft" else "3",
            "TextBody": text,
            "MessageDate": at(minute),
        }
        for minute, (who, text) in enumerate(talk)
    ]


def salesforce_comments(talk: Sequence[Said]) -> list[Any]:
    return [
        {
            "ParentId": "500",
            "CommentBody": text,
            "IsPublished": who != "internal note",
            "CreatedBy": {"UserType": "CspLitePortal" if who == "user" else "Standard"},
            "CreatedDate": at(minute),
        }
        for minute, (who, text) in enumerate(talk)
    ]


NOTE, NOTICE, BOT, DRAFT, ABROAD = "internal note", "notice", "bot", "draft", "to somebody else"
DESKS: dict[Rows, tuple[str, set[str]]] = {  # the format, and what it tells apart
    freshdesk: ("freshdesk", {NOTE, ABROAD}),
    gorgias: ("gorgias", {NOTE, BOT}),
    gorgias_messages: ("gorgias", {NOTE, BOT}),
    front: ("front", {NOTE, DRAFT}),
    front_messages: ("front", {DRAFT}),
    chatwoot: ("chatwoot", {NOTE, NOTICE, BOT}),
    chatwoot_messages: ("chatwoot", {NOTE, NOTICE, BOT}),
    crisp: ("crisp", {NOTE, NOTICE, BOT}),
    crisp_messages: ("crisp", {NOTE, NOTICE, BOT}),
    help_scout: ("help_scout", {NOTE, NOTICE, DRAFT, ABROAD}),
    livechat: ("livechat", {NOTE, NOTICE, BOT}),
    hubspot: ("hubspot", {NOTE, NOTICE, BOT}),
    hubspot_messages: ("hubspot", {NOTE, NOTICE, BOT}),
    hubspot_ticket: ("hubspot", {NOTE, ABROAD}),
    hubspot_emails: ("hubspot", {NOTE}),
    salesforce: ("salesforce", {NOTE, DRAFT}),
    salesforce_mails: ("salesforce", {DRAFT}),
    salesforce_comments: ("salesforce", {NOTE}),
}
ASKS_ITSELF = (freshdesk, front, hubspot_ticket, hubspot_emails, salesforce)  # the ticket, whatever its messages are


def each_of(desks: Iterable[Rows]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("desk", list(desks), ids=lambda desk: desk.__name__)


each_desk = each_of(DESKS)


@each_desk
@pytest.mark.parametrize("talk", [HELLO, MARHABA], ids=["en", "ar"])
def test_a_desk_is_told_by_its_fields_and_says_who_is_who(desk: Rows, talk: list[Said]):
    rows = desk(talk)
    chosen = format_for(contents(*rows))
    assert chosen and chosen.name == DESKS[desk][0]
    assert said(only(*rows)) == talk


@each_desk
@given(data=st.data())
def test_whatever_stands_among_the_messages_is_left_out_and_counted(desk: Rows, data: st.DataObject):
    inside = data.draw(st.lists(st.sampled_from(sorted(DESKS[desk][1])), max_size=4))
    talk = [HELLO[0], *((what, f"he is slow, {place}") for place, what in enumerate(inside)), HELLO[1]]
    outcome = only(*desk(talk))
    assert said(outcome) == HELLO
    assert "slow" not in json.dumps([outcome.messages, dict(outcome.provenance)], default=str)
    counted = metadata(outcome).get("left_out", {})
    assert counted == {what: inside.count(what) for what in sorted(set(inside))}
    if len(outcome.rows) > 1:  # rows that are a message each say why they are in none
        assert sorted(outcome.left_out.values()) == sorted(inside)


@each_desk
@pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[1:])
def test_messages_are_read_in_the_order_of_their_times(desk: Rows, order: tuple[int, ...]):
    talk = [*HELLO, ("user", "It has come, thank you.")]
    rows = desk(talk)
    entries = _listed(rows)
    entries[:] = [entries[place] for place in order if place < len(entries)]
    assert said(only(*rows)) == talk


LISTS = ("conversations", "messages", "_embedded", "thread", "engagements", "emails", "EmailMessages")


def _listed(rows: list[Any]) -> list[Any]:
    """The list of messages, in the row or of rows."""
    if len(rows) > 1:
        return rows
    value = rows[0]
    for name in (*LISTS, "_results", "results", "records", "threads", "events"):
        value = value.get(name, value) if isinstance(value, dict) else value
    found: list[Any] = value
    return found


@each_of(desk for desk, (_, roles) in DESKS.items() if BOT in roles)
def test_bots_are_kept_as_messages_of_their_own_where_params_say_so(desk: Rows):
    talk = [HELLO[0], (BOT, "I am a bot."), HELLO[1]]
    outcome = only(*desk(talk), reading=READING.model_copy(update={"bots": "keep"}))
    merged = repair_messages(outcome.messages or [], merge=True)
    assert [(m["name"], m["content"]) for m in merged] == [
        (None, "Where is my order?"),
        ("bot", "I am a bot."),
        (None, "On its way."),
    ]


@each_of(desk for desk, (_, roles) in DESKS.items() if NOTE in roles and desk not in ASKS_ITSELF)
def test_nothing_but_notes_is_a_reason(desk: Rows):
    (outcome,) = outcomes(*desk([(NOTE, "he is slow"), (NOTE, "very slow")]))
    assert outcome.reason == "it has no message but internal notes"


@each_desk
def test_two_conversations_in_one_file_stay_two(desk: Rows):
    first, second = desk(HELLO), desk(MARHABA)
    if len(first) > 1:
        key = next(
            name
            for name in ("ticket_id", "conversation_id", "session_id", "_links", "conversationsThreadId", "ParentId")
            if name in first[0]
        )
        other = {"related": {"conversation": "cnv_2"}} if key == "_links" else "77"
        second = [{**row, key: other} for row in second]
    mixed = [row for pair in itertools.zip_longest(first, second) for row in pair if row]
    assert [said(outcome) for outcome in outcomes(*mixed)] == [HELLO, MARHABA]


# -- as files ----------------------------------------------------------------------------------------------------------

WRAPPERS: dict[str, Rows] = {
    "results": hubspot_messages,
    "_results": front_messages,
    "payload": chatwoot_messages,
    "chats": livechat,
    "records": salesforce,
    "data": gorgias,
    "tickets": freshdesk,
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_what_an_api_answers_is_read_as_it_is(wrapper: str, tmp_path: Path):
    path = tmp_path / "export.json"
    path.write_text(json.dumps({wrapper: WRAPPERS[wrapper](MARHABA), "meta": {"next": None}}))
    kind, (found,), quarantine = read(path)
    assert kind == DESKS[WRAPPERS[wrapper]][0]
    assert said_in(found) == MARHABA
    assert quarantine == []


def test_a_ticket_of_freshdesk_alone_in_a_document_is_one_conversation(tmp_path: Path):
    path = tmp_path / "ticket.json"
    path.write_text(json.dumps(freshdesk(HELLO)[0]))
    kind, (found,), _ = read(path)
    assert (kind, said_in(found)) == ("freshdesk", HELLO)


def test_the_account_export_of_freshdesk_is_unwrapped():
    notes = [{"note": {"body": "On its way.", "incoming": False, "private": False}}]
    row = {"helpdesk_ticket": {"display_id": 1, "description": "Where is my order?", "notes": notes}}
    notes[0] |= notes[0]["note"]
    assert said(only(row)) == HELLO


def test_a_ticket_that_the_team_began_begins_with_the_team():
    row = {**freshdesk([("assistant", "Your order is late."), ("user", "Thanks")])[0], "source": 10}
    assert said(only(row)) == [("assistant", "Your order is late."), ("user", "Thanks")]


def test_the_case_of_freshdesk():
    kind, (found,), _ = read(CASES / "freshdesk.json")
    assert kind == "freshdesk"
    assert said_in(found) == [
        ("user", "My clock stopped"),
        ("assistant", "Please change the battery"),
        ("user", "It runs"),
    ]
    assert (found["source_id"], found["customer"]) == ("31", "5")


def test_the_case_that_comes_newest_first():
    _, (found,), _ = read(CASES / "zendesk_desc.json")
    assert [text.split()[0] for _, text in said_in(found)] == ["My", "Please", "Quiet"]


def test_a_table_of_salesforce_is_read(tmp_path: Path):
    path = tmp_path / "EmailMessage.csv"
    rows = ["Id,ParentId,Incoming,TextBody,MessageDate"]
    rows += ["2,500,0,On its way.,2024-03-14T10:12:00Z", "1,500,1,Where is my order?,2024-03-14T10:11:00Z"]
    path.write_text("\n".join(rows))
    kind, (found,), _ = read(path)
    assert (kind, said_in(found), found["source_id"]) == ("salesforce", HELLO, "500")


def test_every_desk_has_its_test():
    kept = {"columns", "conversation_table", "tickets_csv", "zendesk", "intercom", "mailbox"}
    mails = {name for name, form in formats().items() if form.mail}
    assert mails - kept <= {name for name, _ in DESKS.values()}
