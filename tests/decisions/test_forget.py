import hashlib
from pathlib import Path

import polars as pl
import pytest

from curation.decisions.forget import ForgetRule, customer_hash, customer_in, forgotten, read_rules, rule, write_rules
from curation.harness.errors import QiratError
from tests.builders import ROOT, record, talk

ROWS = record(
    talk("one", "1"),
    talk("two", "2"),
    talk("three", "3"),
    customer=["Ali@Example.com", None, "٠٥٠١٢٣"],
    source=["csv", "zendesk", "csv"],
    source_file=["pilot/a.csv", "help.json", "pilotage/b.csv"],
    licence=[None, "CC-BY-NC-4.0", None],
)


@pytest.mark.parametrize(
    ("kind", "said", "gone"),
    [
        ("customer", " ali@example.com", [1]),
        ("customer", "050123", [3]),  # Arabic-Indic digits are digits
        ("source", "zendesk", [2]),
        ("source", "pilot/a.csv", [1]),
        ("source", "pilot/", [1]),  # a folder, not what begins like it
        ("source", "./data/raw/pilot", [1]),  # as a shell completes it
        ("licence", "cc-by-nc-4.0", [2]),
        ("conversation", ROWS["conversation_id"][1], [2]),
        ("customer", "somebody else", []),
    ],
)
def test_a_rule_names_the_rows_it_should_and_no_other(kind: str, said: str, gone: list[int]):
    found = forgotten(ROWS, frozenset({rule(kind, said)}))
    assert (found.arg_true() + 1).to_list() == gone


def test_without_rules_or_rows_nothing_is_forgotten():
    assert not forgotten(ROWS, frozenset()).any()
    assert forgotten(ROWS.clear(), frozenset({rule("customer", "Ali")})).to_list() == []


def test_the_list_does_not_name_the_customer_and_comes_back_as_written(tmp_path: Path):
    rules = frozenset({rule("customer", "Ali@Example.com"), rule("source", "pilot/"), rule("licence", "CC-BY")})
    write_rules(rules, tmp_path / "forget.jsonl")
    assert "ali" not in (tmp_path / "forget.jsonl").read_text("utf-8").lower()
    assert read_rules(tmp_path / "forget.jsonl") == rules


def test_the_same_rules_are_the_same_bytes_in_any_order(tmp_path: Path):
    rules = [ForgetRule(forget="source", value=value) for value in "cab"]
    write_rules(rules, tmp_path / "one")
    write_rules([*reversed(rules), rules[0]], tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_list_that_ships_is_empty():
    assert read_rules(ROOT / "data/forget.jsonl") == frozenset()


@pytest.mark.parametrize("line", ['{"forget": "name", "value": "x"}', "[1]", "{"])
def test_a_line_that_is_no_rule_is_named(tmp_path: Path, line: str):
    (tmp_path / "forget.jsonl").write_text('{"qirat":"forget","version":1}\n' + line)
    with pytest.raises(QiratError, match="line 2"):
        read_rules(tmp_path / "forget.jsonl")


def test_rules_written_by_hand_hold_or_are_refused(tmp_path: Path):
    path = tmp_path / "forget.jsonl"
    header = '{"qirat":"forget","version":1}\n'
    path.write_text(header + '{"forget":"licence","value":"CC-BY"}\n{"forget":"source","value":"pilot/"}\n')
    assert read_rules(path) == {rule("licence", "cc-by"), rule("source", "pilot")}
    path.write_text(header + '{"forget":"customer","value":"ali@x.com"}\n')
    with pytest.raises(QiratError, match="line 2: a customer stands here as a SHA-256") as refused:
        read_rules(path)
    assert "ali" not in str(refused.value)
    path.write_bytes((header + '{"forget":"licence","value":"é"}').encode("latin-1"))
    with pytest.raises(QiratError, match="line 2"):
        read_rules(path)


def test_a_customer_is_found_in_any_field_of_a_row_and_in_no_part_of_a_text():
    rules = frozenset({rule("customer", "42"), rule("source", "7")})
    assert customer_in({"requester": {"id": 42}, "said": ["hello"]}, rules) == "42"
    assert customer_in([{"to": ["x", " 42 "]}], rules) == " 42 "
    assert customer_in({"id": 7, "said": "I am 42", "none": None, "yes": True}, rules) is None


def test_an_empty_name_is_refused():
    with pytest.raises(QiratError, match="empty"):
        rule("customer", "  ")


def test_rows_without_the_column_filled_are_never_named():
    assert not forgotten(record(talk("a", "b")), frozenset({rule("customer", "None"), rule("licence", "null")})).any()
    assert isinstance(forgotten(ROWS, frozenset()), pl.Series)


def test_a_phone_is_one_customer_however_it_is_spaced():
    assert customer_hash("+966 50 123-4567") == customer_hash("966501234567") == customer_hash("٩٦٦٥٠١٢٣٤٥٦٧")
    assert customer_hash("A-100") != customer_hash("A100")


SPELLED = ["‏+966 50 123 4567‎", "+966–50–123–4567", "tel:+966501234567", "966501234567.0", "Ali (+966 50 123 4567)"]


@pytest.mark.parametrize("said", SPELLED)
def test_a_rule_in_any_spelling_names_rows_in_any_other(said: str):
    rows = record(*[talk(str(n), "b") for n in range(6)], customer=[*SPELLED, "+966501234568"])
    assert forgotten(rows, frozenset({rule("customer", said)})).to_list() == [True] * 5 + [False]


def test_rules_that_an_older_version_hashed_as_they_stood_still_hold():
    said = "ali hassan <ali@example.com>"
    old = ForgetRule(forget="customer", value=hashlib.sha256(said.encode()).hexdigest())
    assert forgotten(record(talk("a", "b"), customer=["Ali Hassan <ali@example.com>"]), frozenset({old})).to_list() == [
        True
    ]


def test_a_row_that_cannot_be_read_is_left_out_for_a_phone_anywhere_in_it():
    rules = frozenset({rule("customer", "+966501234567")})
    assert customer_in("7;٠٠٩٦٦ ٥٠ ١٢٣ ٤٥٦٧;broken", rules) and not customer_in("7;966501234568;broken", rules)
