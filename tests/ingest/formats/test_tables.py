"""Tables: a row a message, or a row a conversation."""

import json
from datetime import UTC, datetime

import pytest

from tests.ingest.formats.rows import (
    HELLO,
    MARHABA,
    READING,
    chat,
    only,
    outcomes,
    said,
    ticket,
)


def test_internal_notes_of_a_ticket_are_never_spoken():
    rows = [ticket("customer", "Where is my order?"), ticket("agent", "annoying"), ticket("agent", "On its way.")]
    for column, values in (("public", ("true", "false", "true")), ("is_internal", ("0", "1", ""))):
        assert said(only(*({**row, column: v} for row, v in zip(rows, values, strict=True)))) == HELLO
    assert "internal notes" in str(only({**rows[1], "private": True}).reason)


@pytest.mark.parametrize("nothing", ["", "  "])
def test_messages_without_a_ticket_are_not_one_conversation(nothing: str):
    strangers = [{**ticket("user", "I am Ali"), "ticket_id": nothing}, {**ticket("user", "Sara"), "ticket_id": nothing}]
    found = outcomes(ticket("user", "Hi"), ticket("agent", "Hello"), *strangers)
    assert [bool(outcome.messages) for outcome in found] == [False, False, True]
    assert "belongs to no ticket" in str(found[0].reason)


def test_tickets_with_arabic_columns():
    columns = ("رقم التذكرة", "المرسل", "الرسالة", "العميل")
    rows = [("1", "العميل", MARHABA[0][1], "علي"), ("1", "الموظفة", MARHABA[1][1], None)]
    outcome = only(*(dict(zip(columns, row, strict=True)) for row in rows))
    assert said(outcome) == MARHABA
    assert outcome.provenance["customer"] == "علي"


def test_the_side_of_a_writer_is_read_where_it_stands_and_not_from_names():
    rows = [
        {**ticket("Ali", "Where is my order?"), "role": "customer"},
        {**ticket("Sara", "On its way."), "role": "agent"},
    ]
    assert said(only(*rows)) == HELLO
    assert "'Ali' is unknown" in str(only(ticket("Ali", "Where is my order?")).reason)


def test_a_ticket_exported_newest_first_is_read_in_the_order_of_its_times():
    rows = [
        ticket("agent", "هو في الطريق إليك.", created_at="2025-03-01T10:05:00Z"),
        ticket("customer", "أين طلبي؟", created_at="2025-03-01T10:00:00Z"),
    ]
    outcome = only(*rows)
    assert said(outcome) == MARHABA
    assert outcome.provenance["created_at"] == datetime(2025, 3, 1, 10, tzinfo=UTC)
    assert [row.number for row in outcome.rows] == [1, 2]


def test_a_question_and_its_answer_in_a_row():
    english = {"Ticket ID": 9, "Subject": "Order", "Description": "Where is it?", "Resolution": "On its way."}
    outcome = only(english)
    assert said(outcome) == [("user", "Order\n\nWhere is it?"), ("assistant", "On its way.")]
    assert outcome.provenance["source_id"] == "9"
    arabic = {"السؤال": "أين طلبي؟", "الرد": "هو في الطريق إليك."}
    assert said(only(arabic)) == MARHABA
    assert said(only({"السؤال": "أين طلبي؟", "الاجابه": "هو في الطريق إليك."})) == MARHABA
    assert said(only({"subject": "Where is", "question": "Where is my order?", "answer": "On its way."})) == HELLO


def test_a_row_without_a_question_or_a_reply_says_so():
    rows = [{"question": "a", "answer": "b"}] * 3
    found = outcomes(*rows, {"question": None, "answer": "b"}, {"question": "a", "answer": " "})
    assert [outcome.reason for outcome in found[3:]] == ["the customer's words are missing", "the reply is missing"]


@pytest.mark.parametrize(
    ("transcript", "expected"),
    [
        ("Customer: Where is my order?\nAgent: On its way.", HELLO),
        ("[10:03] Customer (Ali): Where is my order?\n[10:04:10] Agent Sara: On its way.", HELLO),
        ("Visitor: Where is my order?<br>Support Agent: On its way.", HELLO),
        ("Customer: Where is my order?\nCustomer Care Sara: On its way.", HELLO),
        ("Client: Where is my order?\nClient Services: On its way.", HELLO),
        ("العميل: أين طلبي؟\nالموظفة سارة: هو في الطريق إليك.", MARHABA),
        ("العميل: أين طلبي؟\nسارة من خدمة الزبائن: هو في الطريق إليك.", MARHABA),
        ("١٠:٠٣ ص العميل: أين طلبي؟\n١٠:٠٤ ص خدمة العملاء: هو في الطريق إليك.", MARHABA),
        (
            "System: chat started\nCustomer: See\nhttps://x.example/a\nModel: X200\nAgent: Yes",
            [("user", "See\nhttps://x.example/a\nModel: X200"), ("assistant", "Yes")],
        ),
        (json.dumps(chat(HELLO)), HELLO),
    ],
)
def test_a_transcript_in_a_cell(transcript: str, expected: list[tuple[str, str]]):
    usual = {"id": 1, "transcript": "Customer: Hi\nAgent: Hello"}
    assert said(outcomes(usual, {"id": 2, "transcript": transcript})[1]) == expected


def test_a_long_line_of_a_transcript_takes_no_more_time_than_its_length():
    ruler = "1" + "-" * 200_000  # once took the square of its length: minutes
    text = f"Customer: Where is my order?\nAgent: On its way.\n{ruler}"
    assert said(only({"transcript": text})) == [HELLO[0], ("assistant", f"On its way.\n{ruler}")]


def test_a_speaker_nobody_knows_is_not_taken_for_the_one_before():
    text = "Customer: Hi\nSara: Hello\nCustomer: Where is it?\nSara: Here"
    outcome = only({"transcript": text})
    assert str(outcome.reason).startswith('"Sara" seems to speak, but is unknown; map')
    mapped = READING.model_copy(update={"roles": {**READING.roles, "sara": "assistant"}})
    assert said(only({"transcript": text}, reading=mapped))[1] == ("assistant", "Hello")
    assert "starts with no speaker" in str(only({"transcript": "Sara: Hi\nAgent: Hello"}).reason)


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (("12/31/2024 10:20", "12/31/2024 10:15"), True),
        (("31.12.2024 22:20", "31.12.2024 22:15"), True),
        (("1/2/2024 10:20 PM", "1/2/2024 10:15 AM"), True),
        (("4/3/2024 10:00", "3/4/2024 10:00"), False),  # of April or of March: as they stand
    ],
)
def test_tickets_newest_first_are_turned_round_where_their_times_tell(times: tuple[str, str], told: bool):
    rows = [ticket("agent", "Answer", created_at=times[0]), ticket("customer", "Question", created_at=times[1])]
    assert [text for _, text in said(only(*rows))] == (["Question", "Answer"] if told else ["Answer", "Question"])
