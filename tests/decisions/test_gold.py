import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curation.decisions.gold import PATH, Gold, add, read_gold, write_gold
from curation.harness.errors import QiratError
from curation.review.commands import app
from tests.builders import ROOT, record, talk

KEY = "a" * 32


@pytest.fixture
def ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of two ingested conversations, file:1 and file:2."""
    monkeypatch.chdir(tmp_path)
    table = record(talk("One?", "Yes."), talk("Two?", "No."))
    Path("data/ingested").mkdir(parents=True)
    table.write_parquet("data/ingested/conversations.parquet")
    return table["conversation_id"].to_list()


def lines(*values: object) -> Path:
    path = Path("gold.jsonl")
    path.write_text("\n".join(v if isinstance(v, str) else json.dumps(v) for v in values) + "\n", "utf-8")
    return path


def test_what_is_written_is_read_again_in_the_order_of_ids(tmp_path: Path):
    gold = [
        Gold(conversation_id="b" * 32, decision="keep"),
        Gold(conversation_id=KEY, decision="edit", reasons=("wrong_tone",)),
    ]
    write_gold(gold, tmp_path / "gold.jsonl")
    assert read_gold(tmp_path / "gold.jsonl") == gold[::-1]
    assert (tmp_path / "gold.jsonl").read_text().startswith('{"qirat":"gold","version":1}\n{"conversation_id":"aaa')


def test_the_file_that_ships_holds_no_rows():
    assert (ROOT / PATH).exists()
    assert read_gold(ROOT / PATH) == []


def test_no_file_is_no_gold(tmp_path: Path):
    assert read_gold(tmp_path / "gold.jsonl") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: "),
        ([], "line 2: "),
        ({"conversation_id": KEY}, "line 2: decision"),
        ({"conversation_id": "x", "decision": "keep"}, "line 2: conversation_id"),
        ({"conversation_id": KEY, "decision": "maybe"}, "'keep', 'edit' or 'drop'"),
        (
            {"conversation_id": KEY, "decision": "keep", "reasons": ["ugly"]},
            "ugly is no reason; expected some of wrong_answer",
        ),
        ({"conversation_id": KEY, "decision": "keep", "why": "x"}, "line 2: why"),
    ],
)
def test_a_line_that_cannot_be_used_is_told_with_its_number(ids: list[str], line: object, said: str):
    with pytest.raises(QiratError, match=said):
        read_gold(lines({"qirat": "gold", "version": 1}, line))


def test_a_second_line_on_the_same_conversation_is_told(ids: list[str]):
    header = {"qirat": "gold", "version": 1}
    with pytest.raises(QiratError, match=r"line 3: a second decision on"):
        read_gold(
            lines(header, {"conversation_id": KEY, "decision": "keep"}, {"conversation_id": KEY, "decision": "drop"})
        )


def test_a_row_is_marked_by_its_place_its_id_or_the_beginning_of_it(ids: list[str]):
    add("file:1", "drop", ["not_useful"])
    add(ids[1][:8], "keep", [])
    add(ids[0], "edit", [])  # the first mark is replaced
    assert {gold.conversation_id: gold.decision for gold in read_gold()} == {ids[0]: "edit", ids[1]: "keep"}


@pytest.mark.parametrize("wanted", ["file:3", "", "abc"])
def test_a_row_that_is_not_there_is_not_marked(ids: list[str], wanted: str):
    with pytest.raises(QiratError, match="no conversations are called"):
        add(wanted, "keep", [])
    assert not PATH.exists()


def test_the_command_marks_a_row_and_refuses_in_a_sentence(ids: list[str]):
    told = CliRunner().invoke(
        app, ["gold", "add", "file:2", "drop", "--reason", "not_useful", "--reason", "wrong_tone"]
    )
    assert (told.exit_code, read_gold()) == (
        0,
        [Gold(conversation_id=ids[1], decision="drop", reasons=("not_useful", "wrong_tone"))],
    )
    for arguments, said in [
        (["file:2", "perhaps"], "'keep', 'edit' or 'drop'"),
        (["file:2", "keep", "--reason", "x"], "x is no reason"),
    ]:
        assert said in str(CliRunner().invoke(app, ["gold", "add", *arguments]).exception)
