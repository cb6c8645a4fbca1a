"""Raw files in, conversations and a quarantine out: nothing lost, nothing misread."""

import csv
import gzip
import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from curation.core.record.conversation import SCHEMA, conversation_id
from curation.core.record.repair import repair, repair_messages
from curation.decisions.forget import rule
from curation.harness.errors import QiratError
from curation.ingest.files import raw_files
from curation.ingest.formats import Format, Outcome, Reading
from curation.ingest.reading import QUARANTINE, Head, Ingest, RawFile, mapper, outcomes_of, tasks_of
from curation.ingest.rows import Contents, RawRow
from tests.builders import params, talk

PARAMS = Ingest.model_validate(params("ingest"))


def read(path: Path, using: Ingest = PARAMS) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
    """Format, conversations and quarantine of one file."""
    parts = list(map(mapper(using, frozenset()), tasks_of(RawFile(path.name, path), using)))
    conversations, quarantine = (
        pl.concat(getattr(part, table) for part in parts) for table in ("conversations", "quarantine")
    )
    assert (conversations.schema, quarantine.schema) == (SCHEMA, QUARANTINE)
    return parts[0].head.kind, conversations.to_dicts(), quarantine.to_dicts()


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows))
    return path


def said(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(m["role"], m["content"]) for m in found["messages"]]


HELLO = [("user", "Where is my order?"), ("assistant", "On its way.")]


def test_openai_chat_lines_with_their_provenance(tmp_path: Path):
    row = {
        "id": "c1",
        "messages": talk("Where is my order?", "On its way."),
        "metadata": {"intent": "order_status", "customer": "C9", "created_at": "2025-03-01T10:00:00+03:00", "shift": 2},
    }
    kind, (found,), _ = read(lines(tmp_path / "chat.jsonl", row))
    assert (kind, said(found)) == ("openai_chat", HELLO)
    assert (found["row_id"], found["source_id"], found["label"]) == ("chat.jsonl:1", "c1", "order_status")
    assert (found["customer"], found["created_at"].isoformat()) == ("C9", "2025-03-01T07:00:00+00:00")
    assert json.loads(found["metadata"]) == {"shift": 2}


def test_tool_calls_and_text_parts_survive(tmp_path: Path):
    call = [{"type": "function", "function": {"name": "order", "arguments": "{}"}}]
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Where is my order?"}]},
        {"role": "assistant", "content": None, "tool_calls": call},
        {"role": "tool", "content": "shipped"},
        {"role": "assistant", "content": "On its way."},
    ]
    _, (found,), _ = read(lines(tmp_path / "a.jsonl", {"messages": messages}))
    assert [role for role, _ in said(found)] == ["user", "assistant", "tool", "assistant"]
    assert json.loads(found["messages"][1]["tool_calls"]) == call


def test_sharegpt(tmp_path: Path):
    row = {
        "id": 7,
        "conversations": [{"from": "human", "value": "Where is my order?"}, {"from": "gpt", "value": "On its way."}],
    }
    path = tmp_path / "share.json"
    path.write_text(json.dumps([row]))
    kind, (found,), _ = read(path)
    assert (kind, said(found), found["source_id"]) == ("sharegpt", HELLO, "7")


def test_prompt_completion_from_parquet(tmp_path: Path):
    path = tmp_path / "pairs.parquet"
    moment = datetime(2025, 3, 1, 7, tzinfo=UTC)
    columns = {"prompt": ["Where is my order?", None], "completion": ["On its way.", "x"]}
    pl.DataFrame({**columns, "created_at": moment, "closed": moment}).write_parquet(path)
    kind, (found,), (refused,) = read(path)
    assert found["created_at"] == moment
    assert json.loads(found["metadata"]) == {"closed": "2025-03-01 07:00:00+00:00"}
    assert (kind, said(found)) == ("prompt_completion", HELLO)
    assert (refused["row_id"], refused["reason"]) == ("pairs.parquet:2", "prompt is missing or not text")


def test_tickets_with_one_row_a_message_are_put_together(tmp_path: Path):
    path = tmp_path / "tickets.csv"
    rows = [
        ("T1", "customer", "Where is\nmy order?"),
        ("T2", "customer", "Hi"),
        ("T1", "agent", 'On its "way".'),
        ("T2", "robot", "beep"),
    ]
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows([("ticket_id", "author", "body"), *rows])
    kind, (found,), (refused,) = read(path)
    assert kind == "tickets_csv"
    assert said(found) == [("user", "Where is\nmy order?"), ("assistant", 'On its "way".')]
    assert refused["row_id"] == "tickets.csv:2"
    assert "row 4" in refused["reason"]
    assert "ingest.roles" in refused["reason"]


def test_zendesk_public_comments_only(tmp_path: Path):
    export = {
        "users": [{"id": 1, "role": "end-user"}, {"id": 2, "role": "agent"}],
        "tickets": [
            {
                "id": 5,
                "requester_id": 1,
                "custom_fields": [{"id": "intent", "value": "order_status"}],
                "comments": [
                    {"author_id": 1, "public": True, "plain_body": "Where is my order?"},
                    {"author_id": 2, "public": False, "plain_body": "He is annoying"},
                    {"author_id": 2, "public": True, "plain_body": "On its way."},
                ],
            },
            {"id": 6, "comments": [{"author_id": 99, "public": True, "plain_body": "Hm"}]},
        ],
    }
    path = tmp_path / "zendesk.json"
    path.write_text(json.dumps(export))
    kind, (found,), (refused,) = read(path)
    assert (kind, said(found)) == ("zendesk", HELLO)
    assert (found["label"], found["customer"], found["row_id"]) == ("order_status", "1", "zendesk.json:1")
    assert "annoying" not in json.dumps(found, default=str)
    assert "99" in refused["reason"]


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_packed_files_read_as_plain_ones(tmp_path: Path, ending: str):
    data = json.dumps({"messages": talk("Where is my order?", "On its way.")}).encode()
    packed = gzip.compress(data) if ending == ".gz" else zstandard.compress(data)
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(packed)
    assert said(read(path)[1][0]) == HELLO


def test_unreadable_rows_are_quarantined_with_reason_and_cure(tmp_path: Path):
    good = {"messages": talk("Where is my order?", "On its way.")}
    rows = [good, '{"messages": [', '"just text"', {"messages": []}, {"messages": [{"role": "wizard", "content": "x"}]}]
    _, kept, refused = read(lines(tmp_path / "a.jsonl", *rows))
    assert [found["source_row"] for found in kept] == [1]
    reasons = {row["source_row"]: row["reason"] for row in refused}
    assert "not JSON" in reasons[2]
    assert "an object was expected" in reasons[3]
    assert "no messages" in reasons[4]
    assert "'wizard'" in reasons[5]
    assert "ingest.roles" in reasons[5]
    assert {row["source_row"]: row["raw"] for row in refused}[2] == '{"messages": ['


def test_a_file_no_reader_knows_is_not_passed_over(tmp_path: Path):
    path = tmp_path / "notes.docx"
    path.write_bytes(b"PK")
    kind, kept, (refused,) = read(path)
    assert (kind, kept) == ("unknown", [])
    assert "notes.docx" in refused["reason"]


def test_fields_no_format_knows_are_named(tmp_path: Path):
    _, _, refused = read(lines(tmp_path / "a.jsonl", {"q": 1, "a": 2}))
    assert "q, a" in refused[0]["reason"]


def test_params_choose_the_format_where_looking_is_not_enough(tmp_path: Path):
    row = {"messages": talk("no", "no"), "prompt": "Where is my order?", "completion": "On its way."}
    path = lines(tmp_path / "a.jsonl", row)
    using = PARAMS.model_copy(update={"formats": {"*.jsonl": "prompt_completion"}})
    assert said(read(path, using)[1][0]) == HELLO
    with pytest.raises(QiratError, match=r"names 'fax'; there are .*openai_chat"):
        read(path, PARAMS.model_copy(update={"formats": {"*.jsonl": "fax"}}))


def test_an_empty_folder_says_what_to_do(tmp_path: Path):
    (tmp_path / ".gitkeep").touch()
    with pytest.raises(QiratError, match="qirat sample"):
        raw_files(tmp_path)


def test_messages_sent_in_a_burst_are_one_turn():
    burst = [
        {"role": "user", "content": "Hi", "name": None, "tool_calls": None},
        {"role": "user", "content": "Where is it?", "name": None, "tool_calls": None},
    ]
    assert [m["content"] for m in repair_messages(burst, merge=True)] == ["Hi\nWhere is it?"]
    assert len(repair_messages(burst, merge=False)) == 2


def test_repair_mends_how_text_is_written_down():
    assert repair("cafe\u0301\r\nline\x00\x07 two\ufeff ") == "café\nline two"


@given(st.text())
def test_repair_is_idempotent_and_keeps_every_letter(text: str):
    once = repair(text)
    assert repair(once) == once
    assert [c for c in once if c.isalpha()] == [c for c in unicodedata.normalize("NFC", text) if c.isalpha()]


@given(st.lists(st.one_of(st.text(max_size=12), st.dictionaries(st.text(max_size=4), st.integers())), max_size=8))
def test_every_line_of_any_file_comes_out_once(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]):
    written = [json.dumps({"messages": talk("a", "b")})]
    written += [re.sub(r"[\r\n]", " ", row) if isinstance(row, str) else json.dumps(row) for row in rows]
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    path.write_text("\n".join(written), encoding="utf-8", errors="surrogatepass", newline="\n")
    _, kept, refused = read(path)
    filled = [n for n, line in enumerate(written, 1) if line.encode("utf-8", "surrogatepass").strip()]
    assert sorted(row["source_row"] for row in [*kept, *refused]) == filled


HOSTILE_ROWS = [
    {"messages": [{"role": "user", "content": "hi", "name": 5}]},
    {"messages": [{"role": "user", "content": "hi"}], "label": "\ud83d", "customer": {"a": 1}},
    {"messages": [{"role": "user", "content": "\ud83d hi"}], "created_at": "0001-01-01T00:00:00+05:00"},
    {"messages": [{"role": ["user"], "content": "hi"}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
    {"messages": "hi"},
    {"messages": [5]},
    {"messages": None},
    {"messages": [{"role": "assistant", "content": "", "tool_calls": 7}], "tools": 3, "metadata": "{broken"},
]


@pytest.mark.parametrize("row", HOSTILE_ROWS)
def test_a_row_of_any_shape_is_read_or_quarantined_and_can_be_written(tmp_path: Path, row: Any):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(r) for r in ({"messages": talk("Hi", "Hello")}, {"messages": talk("a")}, row)))
    _, kept, refused = read(path)
    assert len(kept) + len(refused) == 3
    pl.DataFrame(kept, SCHEMA).write_parquet(tmp_path / "kept.parquet")
    pl.DataFrame(refused, schema=QUARANTINE).write_parquet(tmp_path / "refused.parquet")
    for found in pl.read_parquet(tmp_path / "kept.parquet").iter_rows(named=True):
        assert found["conversation_id"] == conversation_id(found["messages"])


@pytest.mark.parametrize("export", [{"users": None}, {"users": [{"id": [1], "role": 5}, 7]}, {"users": {"1": "agent"}}])
def test_a_zendesk_export_of_any_shape_is_quarantined_row_by_row(tmp_path: Path, export: dict[str, Any]):
    tickets = [{"comments": [{"author_id": [1], "plain_body": "x"}], "custom_fields": 5}, {"comments": None}]
    path = tmp_path / "zendesk.json"
    path.write_text(json.dumps({**export, "tickets": tickets}))
    _, kept, refused = read(path)
    assert (len(kept), len(refused)) == (0, 2)


def test_a_ticket_with_a_broken_record_is_refused_as_a_whole(tmp_path: Path):
    path = tmp_path / "tickets.csv"
    path.write_text(
        "ticket_id,author,body\nT1,customer,hello\nT1,agent,line, with comma\nT1,agent,bye\nT2,customer,hi\n"
    )
    _, (found,), (refused,) = read(path)
    assert found["source_id"] == "T2"
    assert (refused["row_id"], refused["source_row"]) == ("tickets.csv:1", 1)
    assert "row 2: 4 fields where the header has 3" in refused["reason"]


def test_naming_a_format_that_does_not_fit_refuses_the_rows(tmp_path: Path):
    path = lines(tmp_path / "a.jsonl", {"messages": talk("a", "b")})
    _, kept, refused = read(path, PARAMS.model_copy(update={"formats": {"*.jsonl": "zendesk"}}))
    assert (len(kept), len(refused)) == (0, 1)


def test_a_format_that_loses_a_row_or_breaks_is_stopped_with_the_place(tmp_path: Path):
    head = Head("a.jsonl", "JSON lines", "utf-8")
    rows = [RawRow(1, {"a": 1}), RawRow(2, {"a": 2})]

    def one_too_few(contents: Contents, reading: Reading) -> Iterator[Outcome]:
        yield Outcome(list(contents.rows)[:1], reason="no")

    def broken(contents: Contents, reading: Reading) -> Iterator[Outcome]:
        return (Outcome([row], reason=row.value["b"]) for row in contents.rows)

    with pytest.raises(QiratError, match="2 rows were opened but 1 came out"):
        outcomes_of(head, Format("few", lambda _: "", one_too_few), rows, PARAMS)
    with pytest.raises(QiratError, match=r"a.jsonl cannot be read as broken .*ingest.formats"):
        outcomes_of(head, Format("broken", lambda _: "", broken), rows, PARAMS)


def test_what_is_forgotten_leaves_its_place_and_none_of_its_words(tmp_path: Path):
    path = lines(
        tmp_path / "a.jsonl",
        {"messages": talk("Where is my order?", "Here."), "customer": "Ali@Example.com"},
        {"messages": talk("Hello", "Hi"), "customer": "sara"},
        "{broken",
        {"messages": [{"role": "wizard", "content": "words"}], "metadata": {"customer": "ali@example.com"}},
    )
    parts = map(
        mapper(PARAMS, frozenset([rule("customer", " ali@example.com")])), tasks_of(RawFile("a.jsonl", path), PARAMS)
    )
    conversations, quarantine = zip(*((part.conversations, part.quarantine) for part in parts), strict=True)
    assert pl.concat(conversations)["customer"].to_list() == ["sara"]
    assert pl.concat(quarantine).select("source_row", "code", "raw").rows() == [
        (1, "forgotten", None),
        (3, "unreadable", "{broken"),
        (4, "forgotten", None),
    ]


def test_links_that_lead_out_of_the_folder_are_refused_and_hidden_files_left_out(tmp_path: Path):
    outside, raw = tmp_path / "secret.jsonl", tmp_path / "raw"
    lines(outside, {"messages": talk("a", "b")})
    (raw / ".git").mkdir(parents=True)
    lines(raw / "a.jsonl", {"messages": talk("a", "b")})
    lines(raw / ".git" / "b.jsonl", {"messages": talk("a", "b")})
    (raw / "inside.jsonl").symlink_to(raw / "a.jsonl")
    (raw / "link.jsonl").symlink_to(outside)
    (raw / "nowhere.jsonl").symlink_to(raw / "gone")
    (raw / "folder").symlink_to(tmp_path)
    refused = {file.name: bool(file.refused) for file in raw_files(raw)}
    assert refused == {
        "a.jsonl": False,
        "folder": True,
        "inside.jsonl": False,
        "link.jsonl": True,
        "nowhere.jsonl": True,
    }
    out = [part for file in raw_files(raw) for part in map(mapper(PARAMS, frozenset()), tasks_of(file, PARAMS))]
    assert sum(part.conversations.height for part in out) == 2
    assert pl.concat(part.quarantine for part in out)["row_id"].to_list() == [
        "folder:0",
        "link.jsonl:0",
        "nowhere.jsonl:0",
    ]


def test_a_long_file_whose_first_rows_are_all_broken_says_so(tmp_path: Path):
    path = lines(tmp_path / "a.jsonl", *["{"] * 1200, {"messages": talk("a", "b")})
    kind, kept, refused = read(path)
    assert (kind, kept, len(refused)) == ("unknown", [], 1201)
    assert "none of the first rows" in refused[-1]["reason"]


def test_a_text_that_is_no_chat_is_one_row_of_the_quarantine(tmp_path: Path):
    path = tmp_path / "README.md"
    path.write_text("# Our exports\n\nMade by the CRM.\n")
    _, kept, (refused,) = read(path)
    assert (kept, refused["row_id"]) == ([], "README.md:0")
