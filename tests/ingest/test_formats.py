"""Every format: what it reads, what it leaves out, and what it says of rows it cannot read."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.conversation import canonical_json
from curation.ingest.formats import Format, Outcome, Reading, formats
from curation.ingest.rows import Contents, Row
from tests.builders import params, talk

READING = Reading.model_validate({name: params("ingest")[name] for name in Reading.model_fields})
HELLO = [("user", "Where is my order?"), ("assistant", "On its way.")]
MARHABA = [("user", "أين طلبي؟"), ("assistant", "هو في الطريق إليك.")]


def contents(*values: Any, beside: Mapping[str, Any] | None = None) -> Contents:
    rows = [value if isinstance(value, Row) else Row(number, value) for number, value in enumerate(values, 1)]
    return Contents(iter(rows), [row for row in rows if not row.fault], beside=beside or {})


def format_for(found: Contents) -> Format | None:
    return next((form for form in formats().values() if form.recognises(found)), None)


def outcomes(*values: Any, reading: Reading = READING, beside: Mapping[str, Any] | None = None) -> list[Outcome]:
    """What the format that recognises these rows makes of them; each row is in one outcome."""
    found = contents(*values, beside=beside)
    form = format_for(found)
    assert form, {f.name: f.misses(found) for f in formats().values()}
    read = list(form.read(found, reading))
    taken = sorted(row.number for outcome in read for row in outcome.rows)
    assert taken == [number for number, value in enumerate(values, 1) if not (isinstance(value, Row) and value.fault)]
    return read


def only(*values: Any, **more: Any) -> Outcome:
    (outcome,) = outcomes(*values, **more)
    return outcome


def said(outcome: Outcome) -> list[tuple[str, str]]:
    assert outcome.messages, outcome.reason
    return [(m["role"], m["content"]) for m in outcome.messages]


def metadata(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outcome.provenance.get("metadata", "{}"))
    return found


def chat(pairs: Sequence[tuple[str, str]], role: str = "role", content: str = "content") -> list[dict[str, str]]:
    return [{role: who, content: text} for who, text in pairs]


def lines(text: str) -> list[str]:
    return text.strip("\n").split("\n")


# -- detection ---------------------------------------------------------------------------------------------------------

EXAMPLES: dict[str, tuple[Any, Mapping[str, Any]]] = {
    "openai_chat": ({"messages": chat(HELLO)}, {}),
    "sharegpt": ({"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}, {}),
    "alpaca": ({"instruction": "Translate", "input": "cat", "output": "قطة"}, {}),
    "prompt_completion": ({"prompt": "Hi", "completion": "Hello"}, {}),
    "oasst": ({"message_tree_id": "t", "prompt": {"text": "Hi", "role": "prompter", "replies": []}}, {}),
    "tickets_csv": ({"Ticket ID": "1", "Author": "agent", "Message": "Hi"}, {}),
    "conversation_table": ({"Question": "Hi", "Answer": "Hello", "Category": "x"}, {}),
    "zendesk": ({"id": 1, "comments": []}, {"users": []}),
    "intercom": ({"source": {}, "conversation_parts": {}}, {}),
    "whatsapp": ("12/31/24, 9:15 PM - Sara: Hi", {}),
}


def test_every_format_has_an_example_here():
    assert set(EXAMPLES) == set(formats())


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_format_is_told_by_its_fields_and_the_others_say_what_they_miss(name: str):
    value, beside = EXAMPLES[name]
    found = contents(value, beside=beside)
    chosen = format_for(found)
    assert chosen and chosen.name == name
    assert all(form.misses(found).startswith("no ") for form in formats().values() if not form.recognises(found))


def test_a_row_with_messages_is_a_chat_whatever_else_it_holds():
    found = contents({"messages": chat(HELLO), "prompt": "x", "question": "x", "answer": "y", "instruction": "z"})
    chosen = format_for(found)
    assert chosen and chosen.name == "openai_chat"


def test_some_rows_without_the_field_do_not_change_the_format():
    first, second, third = outcomes({"messages": chat(HELLO)}, {"text": "x"}, {"messages": chat(HELLO)})
    assert said(first) == said(third) == HELLO
    assert second.reason == "there are no messages in this row"


# -- chats -------------------------------------------------------------------------------------------------------------


def test_messages_may_be_the_text_of_a_list_or_a_struct_of_lists():
    assert said(only({"messages": json.dumps(chat(MARHABA))})) == MARHABA
    roles, texts = zip(*MARHABA, strict=True)
    assert said(only({"messages": {"role": list(roles), "content": list(texts)}})) == MARHABA


def test_json_in_a_cell_is_read_as_carefully_as_a_file():
    text = r'[{"role": "user", "content": "Hi", "name": "\ud83d"}, {"role": "assistant", "content": "Hello"}]'
    outcome = only({"messages": text, "metadata": r'{"mood": "\ud83d"}'})
    assert (outcome.messages or [])[0]["name"] == "\ufffd"
    assert metadata(outcome) == {"mood": "\ufffd"}
    twice = '[{"role": "user", "content": "Hi", "content": "Bye"}]'
    assert "twice" in str(only({"messages": twice}).reason)


def test_a_chat_may_stand_under_another_name():
    assert said(only({"conversation": chat(HELLO), "model": "m"})) == HELLO


def test_a_function_call_of_old_is_a_tool_call():
    call = {"name": "order", "arguments": '{"id": 7}'}
    messages = [
        {"role": "user", "content": "Where is my order?"},
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "order", "content": "shipped"},
    ]
    found = only({"messages": messages}).messages or []
    assert [(m["role"], m["content"], m["name"]) for m in found[1:]] == [
        ("assistant", "", None),
        ("tool", "shipped", "order"),
    ]
    assert json.loads(found[1]["tool_calls"]) == [{"type": "function", "function": call}]


def test_parts_of_text_are_joined_and_an_image_is_a_reason():
    text = [{"type": "text", "text": "Where is"}, {"type": "text", "text": "my order?"}]
    image = [*text, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    good, bad = outcomes(*({"messages": [{"role": "user", "content": parts}]} for parts in (text, image)))
    assert said(good) == [("user", "Where is\nmy order?")]
    assert "message 0 holds no text" in str(bad.reason)


def test_weights_of_messages_are_kept_where_one_is_not_to_be_trained_on():
    weighed = [{**m, "weight": weight} for m, weight in zip(chat(HELLO), (None, 0), strict=True)]
    assert metadata(only({"messages": weighed})) == {"weights": [None, 0]}
    assert metadata(only({"messages": [{**m, "weight": 1} for m in chat(HELLO)]})) == {}


def test_weights_are_kept_where_the_messages_are_the_text_of_a_list():
    text = '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello", "weight": 0}]'
    assert metadata(only({"messages": text})) == {"weights": [1, 0]}


def test_what_a_model_refused_is_what_it_said():
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "refusal": "I cannot."}]
    assert said(only({"messages": messages}))[1] == ("assistant", "I cannot.")


def test_sharegpt_with_its_system_prompt_tools_and_calls():
    row = {
        "system": "You help.",
        "conversations": [
            {"from": "human", "value": "أين طلبي؟"},
            {"from": "function_call", "value": '{"name": "order", "arguments": {}}'},
            {"from": "observation", "value": "shipped"},
            {"from": "gpt", "value": "في الطريق."},
        ],
        "tools": "[]",
    }
    outcome = only(row)
    assert [role for role, _ in said(outcome)] == ["system", "user", "assistant", "tool", "assistant"]
    assert json.loads((outcome.messages or [])[2]["tool_calls"])[0]["function"]["name"] == "order"
    assert outcome.provenance["tools"] == "[]"


def test_a_system_prompt_is_not_said_twice():
    row = {"system": "You help.", "conversations": [{"from": "system", "value": "You help."}, *chat(HELLO)]}
    assert [role for role, _ in said(only(row))] == ["system", "user", "assistant"]


def test_alpaca_puts_the_input_under_the_instruction_and_the_history_before():
    row = {
        "instruction": "Translate into Arabic.",
        "input": "cat",
        "output": "قطة",
        "history": [["Hi", "Hello"]],
        "system": "",
        "category": "translation",
    }
    outcome = only(row)
    assert said(outcome) == [
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Translate into Arabic.\n\ncat"),
        ("assistant", "قطة"),
    ]
    assert outcome.provenance == {"label": "translation"}


def test_prompt_and_response_with_a_system_prompt():
    assert said(only({"system": "You help.", "prompt": "Hi", "response": "Hello"})) == [
        ("system", "You help."),
        ("user", "Hi"),
        ("assistant", "Hello"),
    ]


# -- trees -------------------------------------------------------------------------------------------------------------


def node(name: str, parent: str | None, role: str, **more: Any) -> dict[str, Any]:
    found = {"message_id": name, "parent_id": parent, "message_tree_id": "t1", "role": role, "text": f"text of {name}"}
    return {**found, "deleted": False, "review_result": True, "rank": None, "user_id": f"u-{name}", **more}


TREE = [
    node("second", "root", "assistant", rank=1),
    node("root", None, "prompter", created_date="2023-02-05T14:23:50+00:00"),
    node("best", "root", "assistant", rank=0),
    node("deleted", "best", "prompter", deleted=True, rank=0),
    node("spam", "best", "prompter", rank=0, labels={"name": ["spam"], "value": [0.9], "count": [3]}),
    node("asked", "best", "prompter", rank=1),
    node("refused", "asked", "assistant", rank=0, review_result=False),
    node("answered", "asked", "assistant", rank=1, labels={"spam": {"value": 0.0, "count": 3}}),
    node("left open", "answered", "prompter"),
]


def nested(name: str) -> dict[str, Any]:
    (found,) = [entry for entry in TREE if entry["message_id"] == name]
    return {**found, "replies": [nested(entry["message_id"]) for entry in TREE if entry["parent_id"] == name]}


@pytest.mark.parametrize(
    "rows", [TREE, TREE[::-1], [{"message_tree_id": "t1", "tree_state": "ready_for_export", "prompt": nested("root")}]]
)
def test_a_tree_gives_its_best_conversation_and_takes_all_its_rows(rows: list[dict[str, Any]]):
    outcome = only(*rows)
    assert said(outcome) == [
        ("user", "text of root"),
        ("assistant", "text of best"),
        ("user", "text of asked"),
        ("assistant", "text of answered"),
    ]
    assert (outcome.provenance["source_id"], outcome.provenance["customer"]) == ("t1", "u-root")
    assert outcome.provenance["created_at"] == datetime(2023, 2, 5, 14, 23, 50, tzinfo=UTC)
    assert metadata(outcome)["message_ids"] == ["root", "best", "asked", "answered"]


def test_trees_that_nobody_let_stand_are_refused_with_the_reason():
    stopped = {"message_tree_id": "a", "tree_state": "aborted_low_grade", "prompt": nested("root")}
    deleted = {"message_tree_id": "b", "prompt": {**nested("root"), "deleted": True}}
    reasons = [str(outcome.reason) for outcome in outcomes(stopped, deleted)]
    assert "aborted_low_grade" in reasons[0]
    assert "no reply" in reasons[1]


def test_a_tree_with_a_knot_or_two_roots_is_refused():
    knot = [node("a", None, "prompter"), node("b", "a", "assistant"), node("a", "b", "prompter")]
    other = [{**node(name, None, "prompter"), "message_tree_id": "t2"} for name in ("x", "y")]
    lost = {**node("z", None, "prompter"), "message_tree_id": None}
    reasons = " | ".join(str(outcome.reason) for outcome in outcomes(*knot, *other, lost))
    assert "circle" in reasons
    assert "2 messages without parent_id" in reasons
    assert "belongs to no tree" in reasons


# -- tables ------------------------------------------------------------------------------------------------------------


def ticket(author: str, body: str, **more: Any) -> dict[str, Any]:
    return {"ticket_id": "T1", "author": author, "body": body, **more}


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


# -- help desks --------------------------------------------------------------------------------------------------------


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


def intercom(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "conversation",
        "id": "77",
        "created_at": 1740823200,
        "source": {"type": "conversation", "body": "<p>Where is my order?</p>", "author": {"type": "lead", "id": "c1"}},
        "conversation_parts": {"type": "conversation_part.list", "conversation_parts": list(parts)},
        **more,
    }


def part(author: str, body: str | None, kind: str = "comment") -> dict[str, Any]:
    return {"part_type": kind, "body": body, "author": {"type": author, "id": "9"}}


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


# -- WhatsApp ----------------------------------------------------------------------------------------------------------

ANDROID = """
12/31/24, 9:15 PM - Messages and calls are end-to-end encrypted. Tap to learn more.
12/31/24, 9:15 PM - Ali: Where is
my order?
12/31/24, 9:16\u202fPM - Zaafaran Home: <Media omitted>
12/31/24, 9:16\u202fPM - Zaafaran Home: On its way.
"""
ANDROID_ARABIC = """
٣١\u200f/١٢\u200f/٢٠٢٤، ٩:١٥ م - الرسائل والمكالمات مشفرة تمامًا بين الطرفين.
٣١\u200f/١٢\u200f/٢٠٢٤، ٩:١٥ م - علي: أين طلبي؟
٣١\u200f/١٢\u200f/٢٠٢٤، ٩:١٦ م - علي: <تم استبعاد الوسائط>
٣١\u200f/١٢\u200f/٢٠٢٤، ٩:١٧ م - زعفران هوم: هو في الطريق إليك.
"""
IOS = """
[31/12/2024, 21:15:03] Zaafaran Home: \u200eMessages and calls are end-to-end encrypted.
[31/12/2024, 21:15:03] Ali: Where is my order?
\u200e[31/12/2024, 21:16:00] Ali: \u200eimage omitted
[31/12/2024, 21:17:40] Zaafaran Home: On its way.
"""
IOS_ARABIC = """
[٣١\u200f/١٢\u200f/٢٠٢٤، ٩:١٥:٠٣ م] \u202bعلي\u202c: أين طلبي؟
[٣١\u200f/١٢\u200f/٢٠٢٤، ٩:١٦:٠٣ م] زعفران هوم: هو في الطريق إليك.
"""


@pytest.mark.parametrize(
    ("export", "expected"),
    [
        (ANDROID, [("user", "Where is\nmy order?"), HELLO[1]]),
        (ANDROID_ARABIC, MARHABA),
        (IOS, HELLO),
        (IOS_ARABIC, MARHABA),
    ],
)
def test_whatsapp_exports_of_both_systems_and_languages(export: str, expected: list[tuple[str, str]]):
    outcome = only(*lines(export))
    assert said(outcome) == expected
    assert outcome.provenance["created_at"].replace(second=0) == datetime(2024, 12, 31, 21, 15, tzinfo=UTC)
    assert "roles_assumed" in metadata(outcome)
    assert outcome.provenance["customer"] in ("Ali", "علي")


def test_people_of_a_chat_are_who_params_say_they_are():
    export = [f"[31/12/2024, 21:15] {name}: Hi" for name in ("Zaafaran Home", "Ali", "Mona")]
    assert [role for role, _ in said(only(*export))] == ["user", "assistant", "assistant"]
    mapped = READING.model_copy(update={"roles": {**READING.roles, "zaafaran home": "assistant"}})
    outcome = only(*export, reading=mapped)
    assert [role for role, _ in said(outcome)] == ["assistant", "user", "user"]
    assert "roles_assumed" not in metadata(outcome)


def test_a_long_silence_starts_a_new_conversation():
    start = datetime(2025, 1, 31, 23)
    times = [start, start + timedelta(hours=11), start + timedelta(hours=24), start + timedelta(hours=25)]
    export = [f"{moment:%d/%m/%Y, %H:%M} - {name}: hello" for moment, name in zip(times, "ABAB", strict=True)]
    first, second = outcomes(*export)
    assert ([row.number for row in first.rows], [row.number for row in second.rows]) == ([1, 2], [3, 4])
    assert len(outcomes(*export, reading=READING.model_copy(update={"silence_hours": 24}))) == 1


def test_which_number_is_the_month_is_told_by_the_whole_chat():
    def days(*dates: str) -> list[Any]:
        export = [f"{date}, 10:00 - {name}: hello" for date, name in zip(dates, "ABAB", strict=False)]
        return [outcome.provenance["created_at"].date().isoformat() for outcome in outcomes(*export)]

    assert days("1/2/25", "1/13/25") == ["2025-01-02", "2025-01-13"]
    assert days("1/2/25", "13/2/25") == ["2025-02-01", "2025-02-13"]
    assert days("2025-02-01", "2025-02-13") == ["2025-02-01", "2025-02-13"]
    assert days("30.01.25", "02.02.25") == ["2025-01-30", "2025-02-02"]


def test_a_chat_of_media_and_notices_only_is_refused():
    outcome = only("12/31/24, 9:15 PM - Ali: <Media omitted>", "12/31/24, 9:15 PM - Ali left")
    assert "nobody says anything" in str(outcome.reason)


NAMES = st.sampled_from(["Ali", "سارة", "+966 55 000 0000"])
SAYINGS = st.text(st.characters(categories=["L", "Nd", "P", "Zs"]), min_size=1, max_size=30).filter(
    lambda text: bool(text.strip()) and "\u200e" not in text
)


@given(st.lists(st.tuples(NAMES, SAYINGS), min_size=1, max_size=8))
def test_what_whatsapp_writes_is_what_is_read(sent: list[tuple[str, str]]):
    export = [f"[31/12/2024, 21:15:{n:02}] {name}: {text}" for n, (name, text) in enumerate(sent)]
    assert [text for _, text in said(only(*export))] == [text.strip() for _, text in sent]


# -- rows of any shape -------------------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in entries for place in leaves(inner, (*path, key)))]


def changed(value: Any, path: Sequence[Any], to: Any) -> Any:
    if not path:
        return to
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], to)
    return copy


FULL_ROWS: dict[str, Any] = {
    "openai_chat": {"messages": [*talk("Hi", "Hello"), {"role": "assistant", "function_call": {"a": 1}}]},
    "sharegpt": {"system": "s", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
    "alpaca": {"instruction": "a", "input": "b", "output": "c", "history": [["d", "e"]], "system": "f"},
    "prompt_completion": {"prompt": "Hi", "completion": "Hello", "system": "s", "metadata": {"id": 1}},
    "oasst": {"message_tree_id": "t", "prompt": nested("root")},
    "conversation_table": {"subject": "a", "question": "b", "answer": "c", "transcript": "Agent: x\nCustomer: y"},
    "tickets_csv": {**ticket("agent", "Hi"), "public": True, "is_note": False, "created_at": "2025-01-01"},
    "zendesk": {"requester_id": 1, "requester": {"id": 1}, "comments": [{"author_id": 1, "body": "<p>x</p>"}]},
    "intercom": intercom(part("admin", "x"), tags={"tags": [{"name": "x"}]}, contacts={"contacts": [{"id": 1}]}),
}


@pytest.mark.parametrize("name", FULL_ROWS)
@given(data=st.data())
def test_a_row_with_anything_anywhere_is_read_or_refused_with_a_reason(name: str, data: st.DataObject):
    good = FULL_ROWS[name]
    mutated = changed(good, data.draw(st.sampled_from(leaves(good))), data.draw(ANYTHING))
    found = contents(good, good, mutated, Row(4, None, "not JSON"))
    read = list(formats()[name].read(found, READING))
    assert {1, 2, 3} <= {row.number for outcome in read for row in outcome.rows}
    assert all(outcome.reason or outcome.messages for outcome in read)
    for outcome in read:
        canonical_json([outcome.messages, outcome.provenance])


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from(lines(ANDROID + IOS_ARABIC))), max_size=12))
def test_every_line_of_any_text_belongs_to_one_conversation(texts: list[str]):
    assert outcomes("99/99/9999, 99:99 - Ali: hi", *texts)


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
