"""Times of whole files: messages in their order, and what is said of times that cannot be read."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation.core.record.times import ORDER_UNSURE, TIMES_UNREAD
from curation.ingest.memory import FILES
from curation.ingest.notes import Seen
from curation.ingest.reading import Ingest, RawFile, part_of, tasks_of
from tests.builders import params
from tests.ingest.formats.rows import intercom, metadata, only, outcomes, said, ticket

CALL = ["My radio is silent.", "Hold the key.", "It works, thanks.", "You are welcome."]
WAYS = {
    "utc": [f"2024-03-14 10:1{n}:00 UTC" for n in range(4)],
    "month": [f"Mar 14, 2024 10:1{n} AM" for n in range(4)],
    "serial": ["45365.4271", "45365.4278", "45365.4285", "45365.4292"],
    "mail": [f"Thu, 14 Mar 2024 10:1{n}:00 +0000" for n in range(4)],
    "arabic": [f"١٤/٠٣/٢٠٢٤ ١٠:١{n} ص" for n in range(4)],
    "levant": [f"14 آذار 2024 10:1{n} صباحًا" for n in range(4)],
    "dots": [f"14.03.24 10:1{n}" for n in range(4)],
    "year first": [f"2024/03/14 10:1{n}" for n in range(4)],
    "unix": [str(1710411060 + 60 * n) for n in range(4)],
    "offset": [f"2024-03-14T13:1{n}:00+0300" for n in range(4)],
}


def told(rows: list[dict[str, Any]]) -> Any:
    return only(*rows)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("order", [(3, 2, 1, 0), (0, 1, 2, 3), (2, 0, 3, 1)])
def test_a_ticket_is_in_order_whatever_its_times_look_like(way: str, order: tuple[int, ...]):
    sides = ("customer", "agent")
    outcome = only(*(ticket(sides[n % 2], CALL[n], created_at=WAYS[way][n]) for n in order))
    assert [text for _, text in said(outcome)] == CALL
    assert outcome.provenance["created_at"].date() == datetime(2024, 3, 14).date()
    assert TIMES_UNREAD not in metadata(outcome)


@pytest.mark.parametrize(
    "times", [("sometime", "later"), ("1445-09-04 10:00", "1445-09-04 09:00"), ("2024-03-14", "n/k")]
)
def test_a_ticket_whose_times_cannot_be_read_stays_as_it_stands_and_says_so(times: tuple[str, str]):
    outcome = only(ticket("customer", "Hi", created_at=times[0]), ticket("agent", "Hello", created_at=times[1]))
    assert [text for _, text in said(outcome)] == ["Hi", "Hello"]
    why = metadata(outcome)[TIMES_UNREAD]
    assert why.startswith("created_at: ") and why.endswith(ORDER_UNSURE)
    assert ("Hijri" in why) == ("1445" in times[0])


def test_a_date_that_may_be_two_is_no_doubt_about_an_order_that_is_the_same_in_both():
    first, second = (
        ticket(side, side, created_at=f"03/04/2024 10:0{n}") for n, side in enumerate(("customer", "agent"))
    )
    outcome = only(second, first)
    assert [text for _, text in said(outcome)] == ["customer", "agent"]
    assert "created_at" not in outcome.provenance
    assert not metadata(outcome)[TIMES_UNREAD].endswith(ORDER_UNSURE)


def test_a_ticket_without_a_column_of_times_is_nothing_to_tell_of():
    assert TIMES_UNREAD not in metadata(only(ticket("customer", "Hi"), ticket("agent", "Hello")))


def test_other_tickets_tell_that_a_file_has_the_newest_first():
    def of(name: str, *minutes: int) -> list[dict[str, Any]]:
        sides = ("agent", "customer") * 2
        return [
            {**ticket(sides[n], f"{name}{n}", created_at=f"2024-03-14 10:{minute}"), "ticket_id": name}
            for n, minute in enumerate(minutes)
        ]

    *_, last = outcomes(*of("A", 12, 11), *of("B", 14, 13), *of("C", 15, 15))
    assert [text for _, text in said(last)] == ["C1", "C0"]


def test_internal_notes_are_named_as_left_out():
    outcome = only(
        ticket("customer", "Hi", public="true"),
        ticket("agent", "she is slow", public="false"),
        ticket("agent", "Hello", public="true"),
    )
    assert outcome.left_out == {2: "internal note"}


def test_help_desks_that_have_the_newest_first_are_turned_round():
    people = {"requester": {"id": 7, "role": "end-user"}, "assignee": {"id": 9, "role": "admin"}}
    comments = [
        {"author_id": 7 if n % 2 == 0 else 9, "body": CALL[n], "public": True, "created_at": f"2024-03-14T10:1{n}:00Z"}
        for n in reversed(range(4))
    ]
    desk = {"id": 1, "requester_id": 7, "assignee_id": 9, **people, "comments": comments}
    assert [text for _, text in said(only(desk))] == CALL
    parts = [
        {
            "body": CALL[n],
            "part_type": "comment",
            "created_at": 1710411060 + n,
            "author": {"type": ("user", "admin")[n % 2]},
        }
        for n in (3, 2, 1)
    ]
    assert [text for _, text in said(only(intercom(*parts)))][-3:] == CALL[1:]


# -- files -------------------------------------------------------------------------------------------------------------


def read(path: Path, **more: Any) -> pl.DataFrame:
    ingest = Ingest.model_validate({**params("ingest"), **more})
    parts = [part_of(task, ingest, frozenset()) for task in tasks_of(RawFile(path.name, path), ingest)]
    return pl.concat(part.conversations for part in parts)


def notes(table: pl.DataFrame) -> list[str]:
    seen = Seen()
    seen.look_at(table)
    return seen.notes()


@pytest.mark.parametrize(
    ("dates", "first", "told"),
    [
        (("31/12/2024", "01/02/2024"), datetime(2024, 12, 31, tzinfo=UTC), ""),
        (("03/04/2024", "04/05/2024"), None, "day/month or month/day"),
        (("1445-09-04", "1445-09-05"), None, "Hijri"),
        (("soon", "later"), None, "no way that Qirat reads"),
        (("", ""), None, ""),
    ],
)
def test_the_times_of_rows_are_read_as_the_column_of_the_file(
    tmp_path: Path, dates: tuple[str, str], first: datetime | None, told: str
):
    rows = [{"prompt": "Where is it?", "completion": "Here.", "created_at": date} for date in dates]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    table = read(tmp_path / "a.jsonl")
    assert table["created_at"][0] == first
    assert (told in "".join(notes(table))) if told else notes(table) == []


def test_the_summary_of_a_file_has_a_place_for_notes():
    assert FILES["notes"] == pl.String


def test_a_file_of_conversations_that_read_backwards_says_so(tmp_path: Path):
    rows = [
        {"messages": [{"role": ("assistant", "user")[n % 2], "content": text} for n, text in enumerate(CALL[::-1])]}
    ] * 3
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert "read backwards" in "".join(notes(read(tmp_path / "a.jsonl")))
    (tmp_path / "b.jsonl").write_text("\n".join(json.dumps({"messages": row["messages"][::-1]}) for row in rows))
    assert notes(read(tmp_path / "b.jsonl")) == []


@pytest.mark.parametrize("name", ["serial", "month", "utc"])
def test_a_csv_export_newest_first_is_read_in_order(tmp_path: Path, name: str):
    lines = [f'T1,{("customer", "agent")[n % 2]},"{CALL[n]}","{WAYS[name][n]}"' for n in (3, 2, 1, 0)]
    (tmp_path / "a.csv").write_text("\n".join(["ticket_id,author,body,created_at", *lines]))
    (messages,) = read(tmp_path / "a.csv")["messages"].to_list()
    assert [m["content"] for m in messages] == CALL


def test_two_tickets_under_one_id_that_excel_cut_are_refused_and_not_blended(tmp_path: Path):
    lines = ["1.23457E+17,customer,My sofa is wrong", "1.23457E+17,agent,Sorry", "T2,customer,Hi", "T2,agent,Hello"]
    (tmp_path / "a.csv").write_text("\n".join(["ticket_id,author,body", *lines]))
    assert read(tmp_path / "a.csv")["source_id"].to_list() == ["T2"]
