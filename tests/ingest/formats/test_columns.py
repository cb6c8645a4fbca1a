"""Any table by a map of its columns, and the map that is proposed."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from pydantic import ValidationError

from curation.commands.explain import explain
from curation.harness.errors import QiratError
from curation.ingest.formats import Columns
from curation.ingest.reading import Ingest, RawFile, part_of, tasks_of
from tests.builders import params

CASES = """case,incoming,note,at,hidden,contact,kind
A1,true,My lamp hums at night,14/03/2024 10:00,false,77,lamp
A1,false,he is slow today again,14/03/2024 10:01,true,77,lamp
A1,false,Turn the bulb to the left,14/03/2024 10:02,false,77,lamp
A2,false,It comes on Monday at noon,15/03/2024 10:05,false,78,order
A2,true,Where is my order please,15/03/2024 10:04,false,78,order
"""
MAP = {"ticket": "case", "side": "incoming", "team_is": False, "text": "note", "time": "at", "internal": "hidden"}
A1 = [("user", "My lamp hums at night"), ("assistant", "Turn the bulb to the left")]
A2 = [("user", "Where is my order please"), ("assistant", "It comes on Monday at noon")]


def read(folder: Path, text: str, columns: dict[str, Any], name: str = "a.csv") -> tuple[pl.DataFrame, pl.DataFrame]:
    (folder / name).write_text(text)
    ingest = Ingest.model_validate({**params("ingest"), "columns": columns})
    parts = [part_of(task, ingest, frozenset()) for task in tasks_of(RawFile(name, folder / name), ingest)]
    return pl.concat(p.conversations for p in parts), pl.concat(p.quarantine for p in parts)


def said(table: pl.DataFrame) -> list[list[tuple[str, str]]]:
    return [[(m["role"], m["content"]) for m in messages] for messages in table["messages"].to_list()]


@pytest.mark.parametrize(
    ("yes", "no", "team"),
    [
        ("true", "false", False),
        ("1", "0", False),
        ("TRUE", "FALSE", "false"),
        ("in", "out", "out"),
        ("نعم", "لا", False),
        ("1", "2", 2),
    ],
)
def test_columns_are_what_params_say(tmp_path: Path, yes: str, no: str, team: Any):
    text = re.sub(r"(?m)^(A\d),true", rf"\1,{yes}", re.sub(r"(?m)^(A\d),false", rf"\1,{no}", CASES))
    found, quarantine = read(
        tmp_path, text, {"*.csv": {**MAP, "team_is": team, "customer": "contact", "label": "kind"}}
    )
    assert said(found) == [A1, A2]
    assert quarantine.is_empty()
    assert found["customer"].to_list() == ["77", "78"]
    assert found["label"].to_list() == ["lamp", "order"]
    assert found["created_at"].to_list()[1] == datetime(2024, 3, 15, 10, 4, tzinfo=UTC)


def test_what_is_internal_may_be_said_by_what_is_not(tmp_path: Path):
    rows = "T1,agent,Here.,yes\nT1,agent,he is slow,no\nT1,customer,Where?,yes\n"
    columns = {"ticket": "t", "side": "s", "text": "x", "internal": "public", "internal_is": False}
    found, _ = read(tmp_path, f"t,s,x,public\n{rows}", {"a.csv": columns})
    assert said(found) == [[("assistant", "Here."), ("user", "Where?")]]


def test_a_side_by_its_name_goes_by_the_roles(tmp_path: Path):
    text = "no,von,inhalt\n1,customer,Where is it?\n1,agent,Here.\n2,Kunde,Hi\n2,agent,Hello\n3,,Hi\n"
    found, quarantine = read(tmp_path, text, {"*": {"ticket": "no", "side": "von", "text": "inhalt"}})
    assert said(found) == [[("user", "Where is it?"), ("assistant", "Here.")]]
    unknown, empty = quarantine["reason"].to_list()
    assert "team_is" in unknown and "ingest.roles" in unknown
    assert "von is empty" in empty


def test_a_row_may_be_a_whole_conversation(tmp_path: Path):
    text = "سؤال الزبون,حل الفريق,متى\nأين طلبي؟,سيصل غدا.,31/12/2024\nمرحبا,,01/02/2024\n"
    columns = {"a.csv": {"text": "سؤال الزبون", "answer": "حل الفريق", "time": "متى"}}
    found, quarantine = read(tmp_path, text, columns)
    assert said(found) == [[("user", "أين طلبي؟"), ("assistant", "سيصل غدا.")]]
    assert found["created_at"].to_list() == [datetime(2024, 12, 31, tzinfo=UTC)]
    assert "حل الفريق is empty" in quarantine["reason"][0]


@pytest.mark.parametrize("kind", ["ticket", "side", "text", "time", "internal"])
def test_a_column_that_is_not_there_is_an_error_that_names_those_that_are(tmp_path: Path, kind: str):
    with pytest.raises(QiratError, match=f'{kind} is "nowhere", but a.csv has the columns case, incoming, note'):
        read(tmp_path, CASES, {"*.csv": {**MAP, kind: "nowhere"}})


@pytest.mark.parametrize(
    "columns", [{"text": "a"}, {"text": "a", "ticket": "b"}, {"text": "a", "side": "b"}, {"ticket": "a"}]
)
def test_a_map_that_cannot_make_conversations_is_an_error(columns: dict[str, str]):
    with pytest.raises(ValidationError):
        Columns.model_validate(columns)


PROPOSED = {
    "cases.csv": (CASES, [A1, A2]),
    "german.csv": (
        "no,wann,von,inhalt\n1,2024-03-14 10:01,agent,It comes on Monday at noon\n"
        "1,2024-03-14 10:00,customer,Where is my order please\n2,2024-03-14 10:00,customer,My lamp hums at night\n"
        "2,2024-03-14 10:05,agent,Turn the bulb to the left\n",
        [A2, A1],
    ),
    "outgoing.csv": (
        "thread,outgoing,words\n7,0,Where is my order please\n7,1,It comes on Monday at noon\n"
        "8,0,My lamp hums at night\n8,1,Turn the bulb to the left\n",
        [A2, A1],
    ),
    "arabic.csv": (
        "محادثة,الطرف,النص الكامل\n5,زبون,Where is my order please\n5,موظف,It comes on Monday at noon\n"
        "6,زبون,My lamp hums at night\n6,موظف,Turn the bulb to the left\n",
        [A2, A1],
    ),
    "faq.csv": (
        "nr,complaint text,staff reply text\n1,Where is my order please,It comes on Monday at noon\n"
        "2,My lamp hums at night,Turn the bulb to the left\n",
        [A2, A1],
    ),
}


@pytest.mark.parametrize("name", PROPOSED)
def test_the_proposed_map_reads_the_table_as_it_is_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    text, expected = PROPOSED[name]
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw" / name).write_text(text)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({k: params(k) for k in ("machine", "privacy", "ingest")}))
    monkeypatch.chdir(tmp_path)
    entry = re.search(r"^    (columns: .*)$", explain(), re.MULTILINE)
    assert entry
    found, _ = read(tmp_path, text, yaml.safe_load(entry[1])["columns"], name)
    assert said(found) == expected


def test_no_map_is_proposed_where_no_column_tells_the_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/a.csv").write_text("text,intent\nWhere is my order now,a\nCancel my order right now,b\n")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({k: params(k) for k in ("machine", "privacy", "ingest")}))
    monkeypatch.chdir(tmp_path)
    assert "columns: {" not in explain()
