"""JSON documents: every list of objects gives raw rows, each of which ends somewhere."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from curation.ingest.reading import Ingest, Part, RawFile, beginnings, mapper, tasks_of
from tests.builders import params, talk

PARAMS = Ingest.model_validate(params("ingest"))


def read(folder: Path, document: Any, using: Ingest = PARAMS) -> Part:
    """All that came of a document, as one part."""
    path = folder / "a.json"
    path.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    parts = list(map(mapper(using, frozenset()), tasks_of(RawFile("a.json", path), using)))
    tables = ("conversations", "quarantine", "parts")
    whole = {table: pl.concat([getattr(part, table) for part in parts]) for table in tables}
    closed = pl.concat([table["row_id"] for table in whole.values()])
    assert closed.is_unique().all()
    assert len(closed) == sum(part.records for part in parts)
    counted = sum(chunk.count() for _, chunks in beginnings(RawFile("a.json", path), using) for chunk in chunks)
    assert counted == len(closed)
    assert {int(row.split(":")[1]) for row in closed} == set(range(1, len(closed) + 1))
    return Part(parts[0].head, records=len(closed), **whole)


def rows(part: Part) -> dict[str, list[int]]:
    """The numbers of the records by what became of them."""
    left_out = part.parts.filter(pl.col("left_out").is_not_null())
    found = {
        "read": part.conversations,
        "unreadable": part.quarantine,
        "part": part.parts.join(left_out, on="row_id", how="anti"),
        "left_out": left_out,
    }
    return {kind: [int(row.split(":")[1]) for row in table["row_id"]] for kind, table in found.items() if table.height}


def said(part: Part) -> list[list[str]]:
    return [[m["content"] for m in messages] for messages in part.conversations["messages"]]


CHAT = {"messages": talk("Where is my order?", "On its way.")}
SHARED = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}
FREE = {"name": "x", "size": 3}  # no format reads it


def ticket(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "subject": f"Lamp {number}", "requester_id": 7, "assignee_id": 9, **more}


def comment(ticket_id: Any, author: int, body: str, **more: Any) -> dict[str, Any]:
    return {"ticket_id": ticket_id, "author_id": author, "body": body, **more}


USERS = [{"id": 7, "role": "end-user"}, {"id": 9, "role": "agent"}]


def test_the_second_list_of_the_case_is_read(tmp_path: Path):
    closed = [{"messages": talk(f"Is row {n} of the second list read?", "It is.")} for n in range(3)]
    part = read(tmp_path, {"conversations": [CHAT], "closed_conversations": closed})
    assert rows(part) == {"read": [1, 2, 3, 4]}
    assert [tuple(place) for place in part.head.lists] == [("conversations", 1, 1), ("closed_conversations", 2, 4)]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"open": [CHAT], "مغلقة": [CHAT, CHAT]}, {"read": [1, 2, 3]}),
        ({"spam": [FREE], "conversations": [CHAT, FREE]}, {"read": [2], "unreadable": [1, 3]}),
        ({"data": {"conversations": [CHAT, CHAT]}, "ok": True}, {"read": [1, 2]}),
        ({"result": {"page": 1, "items": {"open": [CHAT], "done": [CHAT]}}}, {"read": [1, 2]}),
        ({"a": [CHAT], "b": [SHARED]}, {"read": [1, 2]}),
        ({"conversations": [CHAT, "x", None, 5, [1]], "more": []}, {"read": [1], "unreadable": [2, 3, 4, 5]}),
        ({"t1": CHAT, "t2": CHAT}, {"read": [1, 2]}),
        ({"t1": CHAT, "t2": None, "t3": CHAT, "t4": "gone"}, {"read": [1, 3], "unreadable": [2, 4]}),
        ({"conversations": {"t1": CHAT, "t2": CHAT}}, {"read": [1, 2]}),
        ({"t1": CHAT["messages"], "t2": CHAT["messages"]}, {"read": [1, 2]}),
        ({"conversation": CHAT, "ok": True}, {"read": [1]}),
        ({"tickets": [], "comments": []}, {"unreadable": [1]}),
        ({"steps": [FREE], "others": [FREE, FREE]}, {"unreadable": [1, 2, 3]}),
        (CHAT | {"archived": [CHAT, CHAT]}, {"read": [1, 2, 3]}),
        (CHAT | {"source": "web", "tags": [{"name": "a"}]}, {"read": [1]}),
        (SHARED | {"source": "web"}, {"read": [1]}),
        ({"conversations": CHAT["messages"], "source": "web"}, {"read": [1]}),
    ],
)
def test_each_list_gives_rows(tmp_path: Path, document: Any, expected: dict[str, list[int]]):
    assert rows(read(tmp_path, document)) == expected


def test_a_reason_tells_the_place_in_the_document(tmp_path: Path):
    part = read(tmp_path, {"conversations": [CHAT], "audits": [FREE, FREE]})
    reasons = part.quarantine["reason"].to_list()
    assert reasons[1].startswith("element 2 of audits: no format has these fields: name, size")
    assert part.quarantine["raw"].to_list() == [json.dumps(FREE)] * 2


def test_lists_that_describe_what_the_rows_name_are_told_and_no_rows(tmp_path: Path):
    tickets = [
        ticket(1, group_id=4, comments=[comment(1, 7, "It hums."), comment(1, 9, "Turn it.")]),
        ticket(2, group_id=4, comments=[comment(2, 7, "It is on fire."), comment(2, 9, "Call 112.")]),
    ]
    document = {
        "count": 2,
        "tickets": tickets,
        "users": USERS,
        "shifts": [FREE],
        "groups": [{"id": 4, "name": "Night"}],
    }
    part = read(tmp_path, document)
    assert rows(part) == {"read": [1, 2], "unreadable": [3]}
    assert part.head.beside == "count, users (2), groups (1)"


def test_a_list_of_people_that_holds_conversations_is_rows(tmp_path: Path):
    assert rows(read(tmp_path, {"users": [CHAT, CHAT], "conversations": [CHAT]})) == {"read": [1, 2, 3]}


def test_comments_beside_tickets_are_read_with_them(tmp_path: Path):
    document = {
        "tickets": [ticket(1), ticket(2), ticket(3)],
        "comments": [
            comment("2", 7, "It smells.", created_at="2024-03-02T10:00:00Z"),
            comment(1, 9, "Turn it.", created_at="2024-03-01T11:00:00Z"),
            comment(1, 9, "She is rude.", public=False, created_at="2024-03-01T10:30:00Z"),
            comment(1, 7, "It hums.", created_at="2024-03-01T10:00:00Z"),
            comment(2, 9, "Unplug it.", created_at="2024-03-02T11:00:00Z"),
            comment(99, 7, "Whose am I?"),
        ],
        "users": USERS,
    }
    part = read(tmp_path, document)
    assert said(part) == [["It hums.", "Turn it."], ["It smells.", "Unplug it."]]
    assert rows(part) == {"read": [1, 2], "unreadable": [3, 9], "part": [4, 5, 7, 8], "left_out": [6]}
    assert part.parts.filter(row_id="a.json:6").row(0) == ("a.json:6", "a.json:1", "internal_note")
    assert dict(part.quarantine.select("source_row", "reason").iter_rows())[9].startswith("element 6 of comments: ")


def test_comments_given_inside_and_beside_are_taken_once(tmp_path: Path):
    own = comment(1, 7, "It hums.", id=5)
    document = {"tickets": [ticket(1, comments=[own])], "comments": [own, comment(1, 9, "Turn it.", id=6)]}
    assert said(read(tmp_path, document)) == [["It hums.", "Turn it."]]


@pytest.mark.parametrize("name", ["conversation_id", "conversationId", "Conversation ID"])
def test_messages_beside_conversations_are_read_with_them(tmp_path: Path, name: str):
    document = {
        "conversations": [{"id": 1, "intent": "order"}, {"id": 2}],
        "messages": [
            {name: 1, "role": "user", "content": "Where is it?"},
            {name: 2, "role": "user", "content": "أين طلبي؟"},
            {name: 1, "role": "assistant", "content": "On its way."},
            {name: 2, "role": "assistant", "content": "في الطريق."},
        ],
    }
    part = read(tmp_path, document)
    assert said(part) == [["Where is it?", "On its way."], ["أين طلبي؟", "في الطريق."]]
    assert part.conversations["label"].to_list() == ["order", None]
    assert rows(part)["part"] == [3, 5, 4, 6] or sorted(rows(part)["part"]) == [3, 4, 5, 6]


def test_messages_that_name_their_side_are_read_with_what_their_ticket_says(tmp_path: Path):
    document = {
        "tickets": [{"id": 1, "category": "refund"}, {"id": 2, "category": "order"}],
        "comments": [
            {"ticket_id": 1, "author": "customer", "body": "Where is it?"},
            {"ticket_id": 1, "author": "agent", "body": "On its way."},
        ],
    }
    part = read(tmp_path, document)
    assert said(part) == [["Where is it?", "On its way."]]
    assert part.conversations["label"].to_list() == ["refund"]
    assert rows(part) == {"read": [3], "unreadable": [2], "part": [1, 4]}


def test_what_belongs_to_a_ticket_and_is_no_message_is_left_out_of_its_words(tmp_path: Path):
    tickets = [ticket(1, comments=[comment(1, 7, "It hums."), comment(1, 9, "Turn it.")])]
    part = read(tmp_path, {"tickets": tickets, "ratings": [{"id": 3, "ticket_id": 1, "score": "good"}], "users": USERS})
    assert rows(part) == {"read": [1], "left_out": [2]}
    assert part.parts["left_out"].to_list() == ["ratings"]
    assert json.loads(part.conversations["metadata"][0])["ratings"][0]["score"] == "good"


def test_a_format_that_params_name_reads_all_lists(tmp_path: Path):
    using = PARAMS.model_copy(update={"formats": {"*.json": "openai_chat"}})
    part = read(tmp_path, {"a": [CHAT], "b": [FREE]}, using)
    assert rows(part) == {"read": [1], "unreadable": [2]}


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.text("abc", max_size=3))
RECORDS = st.one_of(
    st.just(CHAT),
    st.just(SHARED),
    st.just(FREE),
    LEAVES,
    st.builds(ticket, st.integers(1, 3)),
    st.builds(comment, st.integers(1, 4), st.sampled_from([7, 9]), st.text("abc ", min_size=1, max_size=5)),
    st.builds(lambda n: {"ticket_id": n, "author": "customer", "body": "Where?"}, st.integers(1, 3)),
    st.builds(lambda n: {"conversation_id": n, "role": "user", "content": "Where?"}, st.integers(1, 3)),
)
NAMES = st.sampled_from(
    "conversations closed tickets comments messages users groups data items meta ratings t1 مغلقة".split()
)
LISTS = st.lists(RECORDS, max_size=4)
DOCUMENTS = st.recursive(
    st.dictionaries(NAMES, st.one_of(LISTS, RECORDS), max_size=5),
    lambda inner: st.dictionaries(NAMES, st.one_of(LISTS, inner, LEAVES), max_size=4),
    max_leaves=6,
)


NAMED = {"ticket_id": 1, "author": "customer", "body": "Where?"}
CHAIN = {  # what is named names a third
    "conversations": [CHAT],
    "closed": [NAMED],
    "tickets": {"conversations": [ticket(1)], "closed": [NAMED]},
    "comments": [CHAT],
}


@example(document=CHAIN)
@example(document={"conversations": [None, ticket(1)], "closed": [CHAT, NAMED, NAMED]})  # neither has an id
@given(document=DOCUMENTS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_record_of_any_document_ends_once(tmp_path: Path, document: Mapping[str, Any]):
    """`read` asserts it: numbers from 1 on without a gap, each closed once."""
    assert read(tmp_path, document).records >= 1
