"""Pages of one ticket over several files, and what only looks like it."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation.decisions.forget import rule, write_rules
from curation.ingest import __main__ as ingest
from curation.ingest.pages import export_of

PEOPLE = [{"id": 7, "role": "end-user"}, {"id": 9, "role": "agent"}]
SPOKEN = ("My lamp hums at night.", "Please turn the bulb to the left.", "It hums on.", "We collect it tomorrow, then.")


def ticket(number: int, *comments: tuple[int, str], start: int = 0, **more: Any) -> dict[str, Any]:
    said = [
        {"author_id": author, "body": body, "created_at": f"2024-03-01T10:{start + n:02}:00Z"}
        for n, (author, body) in enumerate(comments)
    ]
    own = {"subject": "Lamp", "requester_id": 7, "assignee_id": 9, "created_at": "2024-03-01T09:00:00Z"}
    return {"id": number, **own, "comments": said, **more}


def put(name: str, *tickets: dict[str, Any]) -> None:
    path = Path("data/raw", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"tickets": tickets, "users": PEOPLE}, ensure_ascii=False), "utf-8")


def messages(name: str, *rows: str, header: str = "ticket_id,author,body") -> None:
    Path("data/raw", name).write_text("\n".join([header, *rows]), "utf-8")


def read() -> dict[str, list[str]]:
    """Messages by row_id; every record is in one of the tables, and the counts of files are those of the tables."""
    ingest.main()
    tables = {
        name: pl.read_parquet(f"data/ingested/{name}.parquet") for name in ("conversations", "quarantine", "parts")
    }
    files = pl.read_parquet("data/ingested/files.parquet")
    ids = pl.concat([table["row_id"] for table in tables.values()])
    assert ids.is_unique().all()
    assert len(ids) == files["records"].sum()
    assert files["conversations"].sum() == tables["conversations"].height
    assert files["parts"].sum() == tables["parts"].height
    assert tables["parts"].join(tables["parts"], left_on="part_of", right_on="row_id").is_empty()
    return {
        row: [m["content"] for m in said] for row, said in tables["conversations"].select("row_id", "messages").rows()
    }


def parts() -> dict[str, str]:
    return dict(pl.read_parquet("data/ingested/parts.parquet").select("row_id", "part_of").iter_rows())


FIRST, SECOND = ((7, SPOKEN[0]), (9, SPOKEN[1])), ((7, SPOKEN[2]), (9, SPOKEN[3]))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("export_page1.json", "export_page2.json"),
        ("page-9.json", "page-10.json"),
        ("zendesk/tickets 1 of 2.json", "zendesk/tickets 2 of 2.json"),
        ("export.json", "export (1).json"),
        ("تذاكر_صفحة_١.json", "تذاكر_صفحة_٢.json"),
        ("support_2024-01.json", "support_2024-02.json"),
    ],
)
def test_comments_that_go_on_in_the_next_page_are_one_ticket(project: Path, one: str, two: str):
    put(one, ticket(1, *FIRST), ticket(2, (7, "Another one?"), (9, "Yes.")))
    put(two, ticket(1, *SECOND, start=10))
    assert read() == {f"{one}:1": [*SPOKEN], f"{one}:2": ["Another one?", "Yes."]}
    assert parts() == {f"{two}:1": f"{one}:1"}


def test_pages_with_the_newest_first_are_put_in_their_order(project: Path):
    put("page1.json", ticket(1, *SECOND, start=10))
    put("page2.json", ticket(1, *FIRST))
    assert read() == {"page2.json:1": [*SPOKEN]}


def test_the_end_of_a_page_that_the_next_repeats_is_taken_once(project: Path):
    put("page1.json", ticket(1, *FIRST, SECOND[0]))
    put("page2.json", ticket(1, *SECOND, start=10))
    assert read() == {"page1.json:1": [*SPOKEN]}


def test_a_ticket_table_over_several_files_is_joined_row_by_row(project: Path):
    sides = ("customer", "agent", "customer", "agent")
    lines = [f'T1,{side},"{said}"' for side, said in zip(sides, SPOKEN, strict=True)]
    messages("tickets-1.csv", *lines[:2], "T2,customer,Where is it?")
    messages("tickets-2.csv", "T2,agent,On its way to you.", lines[2])
    messages("tickets-3.csv", lines[3])
    assert read() == {
        "tickets-1.csv:1": [*SPOKEN],
        "tickets-1.csv:3": ["Where is it?", "On its way to you."],
    }
    assert parts() == {
        "tickets-1.csv:2": "tickets-1.csv:1",
        "tickets-2.csv:1": "tickets-1.csv:3",
        "tickets-2.csv:2": "tickets-1.csv:1",
        "tickets-3.csv:1": "tickets-1.csv:1",
    }


@pytest.mark.parametrize(
    ("one", "two", "more"),
    [
        ("page1.json", "page2.json", {"requester_id": 8, "requester": {"id": 8, "role": "end-user"}}),
        ("page1.json", "page2.json", {"subject": "Oven"}),
        ("shop/page1.json", "bank/page2.json", {}),
        ("shop.json", "bank.json", {}),
        ("shop_a.json", "shop_b.json", {}),
        ("page1.json", "page2.json", {"category": "refund"}),
    ],
)
def test_tickets_of_two_customers_or_systems_are_never_joined(project: Path, one: str, two: str, more: dict[str, Any]):
    put(one, ticket(1, *FIRST, category="order"))
    put(two, {**ticket(1, *SECOND, category="order"), **more})
    assert len(read()) == 2


@pytest.mark.parametrize("name", ["shop", "crm_", "فرع "])
def test_tables_of_shops_that_are_numbered_are_not_pages(project: Path, name: str):
    messages(f"{name}1.csv", "1,customer,Where is my red sofa?", "1,agent,On its way.")
    messages(f"{name}2.csv", "1,customer,My card was blocked!", "1,agent,We unblock it.")
    assert len(read()) == 2


def test_rows_that_are_numbered_anew_in_every_file_are_not_pages(project: Path):
    for n in (1, 2):
        talk = [{"role": "user", "content": f"Question {n}"}, {"role": "assistant", "content": f"Answer {n}"}]
        Path(f"data/raw/part-{n}.jsonl").write_text(json.dumps({"id": 1, "messages": talk}))
    assert len(read()) == 2


def test_the_same_export_twice_is_left_to_the_copies(project: Path, capsys: pytest.CaptureFixture[str]):
    put("export.json", ticket(1, *FIRST))
    put("export (1).json", ticket(1, *FIRST))
    assert len(read()) == 2
    assert "1 ids that stand in several files were taken for different tickets" in capsys.readouterr().err


def test_a_joined_ticket_is_forgotten_as_one(project: Path):
    put("page1.json", ticket(1, *FIRST))
    put("page2.json", ticket(1, *SECOND, start=10))
    read()
    (whole,) = pl.read_parquet("data/ingested/conversations.parquet")["conversation_id"]
    write_rules([rule("conversation", whole)])
    assert read() == {}
    (gone,) = pl.read_parquet("data/ingested/quarantine.parquet").iter_rows(named=True)
    assert (gone["row_id"], gone["code"], gone["raw"]) == ("page1.json:1", "forgotten", None)
    assert parts() == {"page2.json:1": "page1.json:1"}


def test_names_tell_the_export_and_its_page():
    assert export_of("a/Tickets_page2.csv.gz").name == export_of("a/tickets page 10.csv.gz").name
    assert export_of("a/tickets.csv").name != export_of("b/tickets.csv").name
    assert export_of("shop1.csv").name != export_of("bank1.csv").name
    assert not export_of("shop1.csv").paged
    assert export_of("tickets_1.csv").paged
