"""Raw records in, closings of the ledger out: for every format and container, through the real mapping."""

import csv
import gzip
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.commands.why import why
from curation.core.record.conversation import SCHEMA
from curation.core.record.ledger import assert_law, closings, counts, entries
from curation.curate.entries import in_order, part_entries, quarantine_entries
from curation.dedup.survivors import CLUSTERS
from curation.harness.files import atomic
from curation.ingest import __main__ as ingest
from curation.ingest.reading import PARTS, QUARANTINE, Ingest, RawFile, beginnings, mapper, tasks_of
from curation.privacy.shown import Shown
from tests.builders import params, talk

PARAMS = Ingest.model_validate(params("ingest"))
Row = dict[str, Any]

# A row or two of each format, from a ticket's number and what is said.
FORMATS: dict[str, Callable[[int, str], Any]] = {
    "openai_chat": lambda n, said: {"id": n, "messages": talk(said, "Noted.")},
    "sharegpt": lambda n, said: {"conversations": [{"from": "human", "value": said}, {"from": "gpt", "value": "Yes."}]},
    "alpaca": lambda n, said: {"instruction": said, "output": "Noted."},
    "prompt_completion": lambda n, said: {"prompt": said, "completion": "Noted."},
    "conversation_table": lambda n, said: {"question": said, "answer": "Noted."},
    "tickets_csv": lambda n, said: {
        "ticket_id": n % 3,
        "author": ("customer", "agent")[n % 2],
        "body": said,
        "is_internal": n % 5 == 4,
    },
    "oasst": lambda n, said: {
        "message_id": f"m{n}",
        "parent_id": None if n % 2 == 0 else f"m{n - 1}",
        "message_tree_id": f"t{n // 2}",
        "role": ("prompter", "assistant")[n % 2],
        "text": said,
    },
    "zendesk": lambda n, said: {
        "id": n,
        "requester_id": 7,
        "assignee_id": 9,
        "comments": [
            {"author_id": 7, "body": said, "public": n % 4 != 3},
            {"author_id": 9, "body": "Noted.", "public": True},
        ],
    },
    "intercom": lambda n, said: {
        "source": {"body": said, "author": {"type": "user", "id": "u"}},
        "conversation_parts": [{"body": "Noted.", "author": {"type": "admin"}, "part_type": "comment"}],
    },
}
DAMAGES: dict[str, Callable[[Any], Any]] = {
    "none": lambda row: row,
    "nested": lambda row: {**row, "more": {"inner": [{"a": 1}, {"a": [row]}]}},
    "extra": lambda row: {**row, "attachments": [{"url": "x"}], "tags": []},
    "missing": lambda row: dict(list(row.items())[:-1]),
    "empty": lambda row: dict.fromkeys(row),
    "other": lambda row: {"name": "x"},
    "no object": lambda row: "text",
    "null": lambda row: None,
}
SAID = st.sampled_from(["Where is my order?", "أين طلبي؟", "I want a refund.", "مرحبا", "x", " "])
ROWS = st.lists(st.tuples(SAID, st.sampled_from(list(DAMAGES)), st.booleans()), min_size=1, max_size=12)


def as_lines(rows: list[Any]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def as_csv(rows: list[Any]) -> bytes:
    told = [row if isinstance(row, dict) else {} for row in rows]
    columns = list(dict.fromkeys(key for row in told for key in row)) or ["a"]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    for row in told:
        cells = {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in row.items()}
        writer.writerow({**dict.fromkeys(columns, "-"), **cells})
    return out.getvalue().encode()


def as_parquet(rows: list[Any]) -> bytes:
    told = [{"row": json.dumps(row), **(row if isinstance(row, dict) else {})} for row in rows]
    flat = [{k: v if v is None or isinstance(v, str) else json.dumps(v) for k, v in row.items()} for row in told]
    out = io.BytesIO()
    pl.DataFrame(flat, infer_schema_length=None).write_parquet(out)
    return out.getvalue()


CONTAINERS: dict[str, Callable[[list[Any]], bytes]] = {
    "a.jsonl": as_lines,
    "a.jsonl.gz": lambda rows: gzip.compress(as_lines(rows)),
    "a.json": lambda rows: json.dumps(rows, ensure_ascii=False).encode(),
    "b.json": lambda rows: json.dumps({"items": rows, "count": len(rows)}).encode(),
    "c.json": lambda rows: json.dumps({"data": {"open": rows[::2], "closed": rows[1::2]}, "next": None}).encode(),
    "d.json": lambda rows: json.dumps({f"key {n}": row for n, row in enumerate(rows)}).encode(),
    "a.csv": as_csv,
    "a.parquet": as_parquet,
}


def tables_of(name: str, path: Path) -> dict[str, pl.DataFrame]:
    parts = list(map(mapper(PARAMS, frozenset()), tasks_of(RawFile(name, path), PARAMS)))
    found = {
        table: pl.concat([getattr(part, table) for part in parts]) for table in ("conversations", "quarantine", "parts")
    }
    assert [table.schema for table in found.values()] == [SCHEMA, QUARANTINE, PARTS]
    given_by_container = sum(chunk.count() for _, chunks in beginnings(RawFile(name, path), PARAMS) for chunk in chunks)
    assert sum(table.height for table in found.values()) == given_by_container
    return found


def ledger_of(conversations: pl.DataFrame, quarantine: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """As curate closes rows, where the policy accepts every conversation."""
    raw = pl.concat([table["row_id"] for table in (conversations, quarantine, parts)])
    accepted = entries(conversations, "route", outcome="accepted")
    ledger = in_order([accepted, quarantine_entries(quarantine, ()), part_entries(parts)])
    assert_law(ledger, raw)
    return ledger


@given(rows=ROWS, name=st.sampled_from(list(FORMATS)), container=st.sampled_from(list(CONTAINERS)))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_raw_records_are_closings_of_the_ledger(tmp_path: Path, rows: list[Any], name: str, container: str):
    made = []
    for number, (said, damage, doubled) in enumerate(rows):
        row = DAMAGES[damage](FORMATS[name](number, said))
        made += [row, row] if doubled else [row]
    path = tmp_path / container
    path.write_bytes(CONTAINERS[container](made))
    ledger = ledger_of(**tables_of(container, path))
    numbers = sorted(int(row.rpartition(":")[2]) for row in closings(ledger)["row_id"])
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    if container not in ("d.json", "c.json", "b.json"):  # a document may be one row, where none is an object
        assert len(numbers) == len(made) or numbers == [0]


@given(
    lines=st.lists(
        st.sampled_from(
            [
                "31/12/2024, 9:15 PM - Sara: hello",
                "going on",
                "",
                "31/12/2024, 9:16 PM - A: hi",
                "31/12/2024, 9:17 PM - Messages are encrypted",
            ]
        ),
        min_size=1,
        max_size=30,
    )
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_line_of_a_chat_is_closed(tmp_path: Path, lines: list[str]):
    path = tmp_path / "chat.txt"
    path.write_text("\n".join(lines), "utf-8")
    ledger = ledger_of(**tables_of("chat.txt", path))
    places = [n for n, line in enumerate(lines, 1) if line.strip()]
    assert sorted(int(row.rpartition(":")[2]) for row in closings(ledger)["row_id"]) in (places, [0])


def test_the_shipped_ticket_table_is_known_row_by_row():
    path = Path(__file__).parents[2] / "data/raw/tickets"
    (table,) = path.glob("*.csv*")
    ledger = ledger_of(**tables_of(f"tickets/{table.name}", table))
    assert counts(ledger)["records"] == closings(ledger)["row_id"].n_unique() == 3244
    assert counts(ledger)["raw"] == 756


@pytest.mark.parametrize("asked", [60])
def test_why_answers_for_random_records_of_a_mixed_project(project: Path, asked: int):
    draw = random.Random(1)
    for name, made in FORMATS.items():
        rows = [DAMAGES[draw.choice(list(DAMAGES))](made(n, f"Where is order {n}?")) for n in range(40)]
        for container in ("a.jsonl", "c.json", "a.csv"):
            folder = Path("data/raw", name)
            folder.mkdir(exist_ok=True)
            (folder / container).write_bytes(CONTAINERS[container](rows))
    ingest.main()
    tables = {
        name: pl.read_parquet(f"data/ingested/{name}.parquet") for name in ("conversations", "quarantine", "parts")
    }
    ledger = ledger_of(**tables)
    with atomic(Path("data/ledger.parquet")) as path:
        ledger.write_parquet(path)
    Path("data/dedup").mkdir()
    CLUSTERS.to_frame().write_parquet("data/dedup/clusters.parquet")
    files = pl.read_parquet("data/ingested/files.parquet")
    records = [
        f"{file}:{n}" for file, count in files.select("source_file", "records").iter_rows() for n in range(1, count + 1)
    ]
    assert sorted(closings(ledger)["row_id"]) == sorted(records)
    for row in draw.sample(records, asked):
        said = why(row, Shown(()))
        assert said.startswith(f"{row}: ")
        assert " closed by " in said
