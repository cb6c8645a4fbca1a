import contextlib
import csv
import io
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from curation.consensus.consensus import Review
from curation.core.record.conversation import conversation_id, conversations, message
from curation.core.text.cells import harmless, taken_back
from curation.core.text.markdown import as_written, read_back
from curation.decisions.answers import Answer, read_answers
from curation.decisions.decisions import read_decisions
from curation.harness.errors import QiratError
from curation.review import offline
from curation.review.commands import app
from curation.review.offline import COLUMNS, export, take_in
from curation.review.pull import received
from tests.builders import save_codes

PARAMS = Review(gold=0, min_confidence=0)
ENGLISH = [
    message("user", "My order ZH-1042 is late. Call +966 55 123 4567"),
    message("assistant", "=1+1 is not our tone"),
    message("user", "And now?"),
    message("assistant", "Please wait.\n- one\n- two"),
]
ARABIC = [message("user", "وصلني الطلب متأخراً"), message("assistant", "نعتذر عن التأخير، ستصل البقية يوم الثلاثاء.")]
LONG = [message("user", "x" * 1_000_000), message("assistant", "fine")]
TALKS = [ENGLISH, ARABIC, LONG]
IDS = [conversation_id(talk) for talk in TALKS]


@contextlib.contextmanager
def project() -> Iterator[Path]:
    """A scratch project whose line holds TALKS in their order."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        rows = [
            {"row_id": f"f:{n}", "messages": talk, "language": "ar" if n == 1 else "en", "source": "t", "label": "@due"}
            for n, talk in enumerate(TALKS)
        ]
        queue = pl.DataFrame(
            {
                "conversation_id": IDS,
                "rank": [1, 2, 3],
                "priority": [0.9, None, 0.2],
                "reason": ["doubt", "blind_accepted", "doubt"],
                "codes": [["rude"], [], ["long"]],
                "evidence": [["rude: -damn"], [], []],
                "verdict": ["review", "accept", "review"],
                "group": IDS,
            },
            schema_overrides={"codes": pl.List(pl.String), "evidence": pl.List(pl.String)},
        )
        verdicts = queue.select("conversation_id", "verdict", "codes", "priority")
        findings = pl.DataFrame({"conversation_id": [IDS[0], IDS[2]], "code": ["rude", "long"], "value": [1.0, 2.0]})
        findings = findings.with_columns(turn=pl.lit(1, pl.Int32))
        tables = {"ingested/conversations": conversations(rows), "routed/queue": queue, "routed/verdicts": verdicts}
        for place, table in {**tables, "scored/findings": findings}.items():
            path = Path("data") / f"{place}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            table.write_parquet(path)
        save_codes(Path())
        yield Path(name)


@pytest.fixture
def here() -> Iterator[Path]:
    with project() as folder:
        yield folder


def cells(path: Path) -> list[dict[str, str]]:
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows[1:]]


def save(path: Path, rows: list[dict[str, str]], separator: str = ",", encoding: str = "utf-8") -> Path:
    """As a spreadsheet saves it: the columns in the order of the first row."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), delimiter=separator)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(out.getvalue().encode(encoding, "replace"))  # as they do with what an encoding lacks
    return path


def filled(path: Path, **answer: str) -> Path:
    """The file with the first row answered."""
    first, *rest = cells(path)
    return save(path, [first | answer, *rest])


def test_the_file_shows_what_argilla_would_show_and_nothing_that_tells_a_blind_row(here: Path) -> None:
    assert export(Path("out.csv"), PARAMS, ["SA"], None) == 3
    assert Path("out.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    english, arabic, long = cells(Path("out.csv"))
    assert [row["id"] for row in (english, arabic, long)] == IDS
    assert "[2]\n⚠ Doubted: rude\n'=1+1 is not our tone" in english["conversation"]
    assert "[4]\nPlease wait.\n- one\n- two" in english["conversation"]
    assert "55 123" not in english["conversation"] and "[phone_1]" in english["conversation"]
    assert arabic["conversation"].startswith("العميل:\nوصلني الطلب متأخراً\n\nالمساعد:\n[2]\nنعتذر")
    assert "blind" not in Path("out.csv").read_text("utf-8-sig")
    assert not any(row[name] for row in (english, arabic, long) for name in offline.ASKED)


def test_no_cell_is_a_formula_and_none_is_larger_than_a_spreadsheet_takes(here: Path) -> None:
    export(Path("out.csv"), PARAMS, None, None)
    for row in cells(Path("out.csv")):
        assert row["label"] == "'@due"
        assert not any(cell[:1] in ("=", "+", "-", "@", "\t", "\r") for cell in row.values())
        assert all(len(cell) < 32_767 for cell in row.values())
    assert "(cut here: 996,000 more" in cells(Path("out.csv"))[2]["conversation"]


@given(st.text(alphabet=st.characters(exclude_characters="\r\u202d\u202e\t\u00a0")))
def test_what_was_made_markdown_reads_plain_again(text: str) -> None:
    assert read_back(as_written(text)) == text


@given(st.lists(st.sampled_from([*"=+-@;'\t\n\r (!a", "\u200f", "＝"]) | st.text(max_size=3)).map("".join))
def test_a_harmless_cell_is_no_formula_wherever_it_is_parted_and_is_taken_back(cell: str) -> None:
    covered = harmless(cell)
    assert covered.strip("\u200e\u200f\ufeff \n\t\r")[:1] not in ("=", "+", "-", "@")
    assert not any(part.strip("\u200e\u200f\ufeff ")[:1] in ("=", "@", "＝") for part in re.split("[;\t\r\n]", covered))
    assert taken_back(covered) == cell


@pytest.mark.parametrize(
    "cell", ["a;=1+1", 'a\n=HYPERLINK("x")', "a;-cmd|'/C calc'!A0", "شكراً;  @SUM(1)", "a\t\u200f＝1"]
)
def test_a_spreadsheet_that_parts_cells_by_semicolons_finds_no_formula(cell: str) -> None:
    assert re.search("[;\t\n]'[ \u200f]*[=@＝-]", harmless(cell))
    assert harmless("Please:\n- one; +2 more\n- two") == "Please:\n- one; +2 more\n- two"


@pytest.mark.parametrize(
    ("separator", "encoding"),
    [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16"), (";", "cp1256"), (",", "cp1256")],
)
def test_whatever_a_spreadsheet_saves_is_read(here: Path, separator: str, encoding: str) -> None:
    export(Path("out.csv"), PARAMS, None, 2)
    rows = [{"notes": "mine", **dict(reversed(row.items()))} for row in reversed(cells(Path("out.csv")))]
    rows[0] |= {"decision": "تعديل", "corrected": "نعتذر،\r\nتصل يوم الأحد", "reasons": "أسلوبنا؛ غير مكتمل"[9:]}
    rows[1] |= {"decision": " KEEP ", "confidence": "Not sure"}
    rows.append(dict.fromkeys(rows[0], ""))
    save(Path("back.csv"), rows, separator, encoding)

    done = take_in(Path("back.csv"), "sara", PARAMS, None)
    assert (done.answers, done.half_filled) == (2, [])
    arabic, english = sorted(read_answers(), key=lambda a: a.decision)
    assert (arabic.decision, arabic.corrected) == ("edit", "نعتذر،\nتصل يوم الأحد")
    assert arabic.reasons == ("incomplete",)
    assert (arabic.purpose, arabic.codes) == ("blind_accepted", ())
    assert (english.decision, english.confidence, english.codes) == ("keep", "unsure", ("rude",))


def test_the_header_of_the_export_in_both_languages_is_read_back(here: Path) -> None:
    export(Path("out.csv"), PARAMS, None, 1)
    text = Path("out.csv").read_text("utf-8")
    assert "decision · القرار" in text
    empty = ",,,,,,\n"
    assert text.endswith(empty)
    Path("back.csv").write_text(text.removesuffix(empty) + ",drop,,,,sure,\n", "utf-8")
    assert take_in(Path("back.csv"), "sara", PARAMS, None).answers == 1
    assert [(a.decision, a.confidence) for a in read_answers()] == [("drop", "sure")]


def test_a_row_that_ends_before_the_decision_has_none(here: Path) -> None:
    export(Path("out.csv"), PARAMS, None, None)
    Path("out.csv").write_text("id,decision\nsee the comments above\n", "utf-8")
    assert take_in(Path("out.csv"), "sara", PARAMS, None).answers == 0


def test_a_row_without_a_decision_is_no_answer_and_is_told(here: Path) -> None:
    export(Path("out.csv"), PARAMS, None, None)
    done = take_in(filled(Path("out.csv"), corrected="We are sorry."), "sara", PARAMS, None)
    assert (done.answers, done.half_filled) == (0, [2])
    assert read_answers() == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"decision": "maybe"}, r"out.csv, row 2: decision is 'maybe'; write one of keep, edit, drop"),
        ({"decision": "keep", "reasons": "wrong_tone, bad"}, r"row 2: reasons is ' ?bad'; write one of wrong_answer"),
        ({"decision": "keep", "id": ""}, r"row 2: id '' is none of this project's"),
        ({"decision": "keep", "id": "7"}, r"row 2: id '7' is none of this project's"),
        ({"decision": "edit", "corrected": "???? ?? ????"}, r"row 2: letters became question marks.*CSV UTF-8"),
    ],
)
def test_a_cell_that_cannot_be_read_is_told_with_its_row_and_nothing_is_taken(
    here: Path, answer: dict[str, str], told: str
) -> None:
    export(Path("out.csv"), PARAMS, None, None)
    rows = cells(Path("out.csv"))
    save(Path("out.csv"), [rows[0] | answer, rows[1] | {"decision": "keep"}])
    with pytest.raises(QiratError, match=told):
        take_in(Path("out.csv"), "sara", PARAMS, None)
    assert not Path("data/review/answers.jsonl").exists()


def test_two_answers_on_one_conversation_are_told_and_a_copied_row_is_not(here: Path) -> None:
    export(Path("out.csv"), PARAMS, None, 1)
    (row,) = cells(Path("out.csv"))
    save(Path("same.csv"), [row | {"decision": "keep"}] * 2)
    assert take_in(Path("same.csv"), "sara", PARAMS, None).answers == 1
    save(Path("two.csv"), [row | {"decision": "keep"}, row | {"decision": "drop"}])
    with pytest.raises(QiratError, match="row 3: another answer on the conversation of row 2"):
        take_in(Path("two.csv"), "sara", PARAMS, None)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"PK\x03\x04rest", "workbook.*CSV UTF-8"),
        ("a.csv", b"decision,comment\nkeep,\n", "has no column id"),
        ("a.csv", b"", "has no column id"),
        ("a.csv", b"decision,id\nkeep\n", "row 2: id '' is none"),
        ("a.csv", b'id,decision\n"open,keep\n', "line 2.*save it as CSV"),
        pytest.param("a.jsonl", b"[" * 99_999, "row 1: no JSON", id="nested without end"),
        ("a.jsonl", b"{\n", "row 1: no JSON"),
        ("a.xlsx", b"", "give a .csv or .jsonl"),
        ("gone.csv", None, "is not there"),
    ],
)
def test_a_file_that_is_none_is_told_with_the_cure(here: Path, name: str, content: bytes | None, told: str) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(QiratError, match=told):
        take_in(Path(name), "sara", PARAMS, None)


def test_an_export_never_replaces_a_file_that_people_may_have_filled(here: Path) -> None:
    Path("out.csv").write_text("answers")
    with pytest.raises(QiratError, match="already"):
        export(Path("out.csv"), PARAMS, None, None)
    assert Path("out.csv").read_text() == "answers"


def test_the_same_file_again_changes_nothing(here: Path) -> None:
    export(Path("out.csv"), PARAMS, None, None)
    filled(Path("out.csv"), decision="drop", reasons="wrong_tone")
    assert take_in(Path("out.csv"), "sara", PARAMS, None).pulled.answers == 1
    before = {path: path.read_bytes() for path in Path("data/review").iterdir()}
    assert take_in(Path("out.csv"), "sara", PARAMS, None).pulled.answers == 0
    assert {path: path.read_bytes() for path in Path("data/review").iterdir()} == before


def test_the_commands_say_what_they_did(here: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "params.yaml", here)
    runner = CliRunner()
    out = runner.invoke(app, ["export", "out.csv", "--limit", "2"])
    assert out.exit_code == 0, out.output
    assert out.output.startswith("2 conversations in out.csv")
    first, second = cells(Path("out.csv"))
    save(Path("out.csv"), [first | {"decision": "drop"}, second | {"corrected": "x"}])
    back = runner.invoke(app, ["import", "out.csv", "--annotator", "sara"])
    assert back.exit_code == 0, back.output
    assert "1 rows have no decision and were left out (first: 3)" in back.output
    assert "1 answers, 1 of them new" in back.output
    nobody = runner.invoke(app, ["import", "out.csv", "--annotator", " "])
    assert nobody.exit_code == 1


def test_a_second_look_comes_back_as_a_second_look(here: Path) -> None:
    Path("back.jsonl").write_text(json.dumps({"id": f"{IDS[0]}.2", "decision": "drop", "reasons": ["wrong_tone"]}))
    take_in(Path("back.jsonl"), "sara", PARAMS, None)
    (answer,) = read_answers()
    assert (answer.conversation_id, answer.round, answer.reasons) == (IDS[0], 2, ("wrong_tone",))


ANSWERS = st.fixed_dictionaries(
    {
        "decision": st.sampled_from(["keep", "edit", "drop", ""]),
        "reasons": st.sampled_from(["", "wrong_tone", "wrong_tone, incomplete"]),
        "corrected": st.sampled_from(
            ["", "[2]\nWe are sorry.\n=SUM(A1)", '-50%, "said"; he\n\nyes', "نعتذر\nمنك", "[9]\nx"]
        ),
        "label_corrected": st.sampled_from(["", "@due", "refund"]),
        "confidence": st.sampled_from(["", "sure", "unsure"]),
    }
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANSWERS, min_size=3, max_size=3), st.sampled_from([".csv", ".jsonl"]), st.sampled_from(",;\t"))
def test_a_filled_file_decides_what_the_same_answers_from_argilla_decide(
    given_: list[dict[str, Any]], suffix: str, separator: str
) -> None:
    with project():
        path = Path(f"out{suffix}")
        export(path, PARAMS, None, None)
        if suffix == ".csv":
            save(path, [row | cell for row, cell in zip(cells(path), given_, strict=True)], separator)
        else:
            rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            path.write_text("\n".join(json.dumps(row | cell) for row, cell in zip(rows, given_, strict=True)))
        offline_ = take_in(path, "sara", PARAMS, None)
        written = read_answers()
        decided = read_decisions()
    with project():
        pulled = [
            Answer(
                key,
                "sara",
                cell["decision"],
                tuple(cell["reasons"].replace(" ", "").split(",")) if cell["reasons"] else (),
                cell["corrected"],
                cell["label_corrected"],
                cell["confidence"],
                at=next(a.at for a in written if a.conversation_id == key),
                purpose="blind_accepted" if n == 1 else "doubt",
                codes=((), ("rude",), ("long",))[(1, 0, 2)[n]],
            )
            for n, (key, cell) in enumerate(zip(IDS, given_, strict=True))
            if cell["decision"]
        ]
        online = received(pulled, PARAMS, None)
        assert read_answers() == written
        assert read_decisions() == decided
    assert offline_.pulled.consensus.unusable == online.consensus.unusable
    assert len(written) == sum(bool(cell["decision"]) for cell in given_)
    assert [replace(answer, at="") for answer in written] == [
        replace(answer, at="") for answer in sorted(pulled, key=lambda a: a.conversation_id)
    ]
