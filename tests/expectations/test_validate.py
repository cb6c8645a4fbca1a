"""The suites hold what they promise to hold, on tables broken on purpose."""

import contextlib
import json
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import polars as pl
import pytest

from curation.core.record.conversation import FACTS, conversations
from curation.core.record.ledger import SCHEMA as LEDGER
from curation.harness.errors import QiratError
from curation.ingest.reading import PARTS
from expectations import validate, views
from expectations.deferred import deferred
from expectations.docs import ENGLISH, catalogue, translations

SUITES = Path(__file__).parents[2] / "expectations"


def talk(row: int, *turns: str, **columns: object) -> dict[str, object]:
    messages = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(turns)]
    place = {"row_id": f"a.jsonl:{row}", "source_file": "a.jsonl", "source_row": row, "source": "openai"}
    return {"messages": messages, "language": "en", **place, **columns}


def closings(*rows: tuple[int, str]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "row_id": f"a.jsonl:{row}",
                "conversation_id": READ_AS.get(f"a.jsonl:{row}"),
                "stage": "curate",
                "outcome": outcome,
                "code": "some",
                "evidence": "a.jsonl:1",
            }
            for row, outcome in rows
        ],
        schema=LEDGER,
    )


READ = conversations([talk(1, "Where is it?", "On its way."), talk(2, "متى يصل؟", "غداً.", language="ar"), talk(3, "?")])
READ_AS = dict(READ.select("row_id", "conversation_id").iter_rows())
CURATED = READ.head(2).with_columns(
    origin=pl.lit("accepted"), parent_id=pl.lit(None, pl.String), facts=pl.lit([], FACTS)
)
CLOSED = closings((1, "accepted"), (2, "accepted"), (3, "dropped"))
NO_QUARANTINE = pl.DataFrame(schema={"row_id": pl.String})


def broken(suite: str, view: pl.DataFrame) -> dict[str, list[str]]:
    """The critical expectations that do not hold, with the rows they name."""
    results = validate.table_of([validate.judge(validate.load_suite(SUITES / f"{suite}.json"), view, 5)])
    faults = results.filter(~pl.col("success") & (pl.col("severity") == "critical"))
    return dict(faults.select("expectation", "examples").iter_rows())


def test_tables_that_keep_every_promise_pass() -> None:
    assert broken("ingested", views.ingested(READ, NO_QUARANTINE)) == {}
    assert broken("curated", views.curated(CURATED, CLOSED)) == {}
    assert broken("ledger", views.raw_rows(READ["row_id"], CLOSED, CURATED)) == {}


def test_an_id_that_is_not_the_hash_of_the_words_is_found() -> None:
    forged = READ.with_columns(conversation_id=pl.lit("0" * 32))
    assert set(broken("ingested", views.ingested(forged, NO_QUARANTINE))) == {"expect_ids_to_be_the_hash_of_the_words"}


def test_every_shipped_expectation_has_a_sentence_of_its_own_in_every_language() -> None:
    for suite in SUITES.glob("*.json"):
        asked = json.loads(suite.read_text("utf-8"))["expectations"]
        for language in set(catalogue()) - {ENGLISH}:
            told = [translations(one["type"], one.get("meta", {})).get(language) for one in asked]
            assert None not in told
            assert len(told) == len(set(told))


def test_unknown_roles_and_unrepaired_text_are_found() -> None:
    bot = talk(4, "hi") | {"messages": [{"role": "bot", "content": "hi"}]}
    table = conversations([bot, talk(5, "cafe\u0301", "a\x07b")])
    found = broken("ingested", views.ingested(table, NO_QUARANTINE))
    assert found == {"expect_roles_to_be_known": ["a.jsonl:4"], "expect_text_to_be_repaired": ["a.jsonl:5"]}


def test_a_conversation_without_turns_is_found() -> None:
    table = conversations([talk(4)])
    assert "expect_conversations_to_have_turns" in broken("ingested", views.ingested(table, NO_QUARANTINE))


def test_a_row_both_read_and_quarantined_is_found() -> None:
    quarantine = pl.DataFrame({"row_id": ["a.jsonl:2"]})
    found = broken("ingested", views.ingested(READ, quarantine))
    assert found == {"expect_rows_to_be_read_or_quarantined": ["a.jsonl:2"]}


def curated(*rows: dict[str, object]) -> pl.DataFrame:
    """The words that READ became."""
    parents = pl.Series([READ_AS[str(row["row_id"])] for row in rows])
    return conversations(rows).with_columns(origin=pl.lit("accepted"), parent_id=parents, facts=pl.lit([], FACTS))


def test_curated_conversations_have_a_question_and_a_full_reply() -> None:
    found = broken("curated", views.curated(curated(talk(1, "Hello"), talk(2, "Hi", " ")), CLOSED))
    assert found == {"expect_both_sides_to_speak": ["a.jsonl:1"], "expect_replies_to_have_words": ["a.jsonl:2"]}


def test_a_customer_with_the_last_word_is_reported_and_stops_nothing() -> None:
    view = views.curated(curated(talk(1, "Hello", "Hi", "Thanks")), CLOSED)
    results = validate.table_of([validate.judge(validate.load_suite(SUITES / "curated.json"), view, 5)])
    reported = results.filter(~pl.col("success"))
    assert reported["expectation"].to_list() == ["expect_conversations_to_end_with_a_reply"]
    validate.stop_when_broken(results)


def test_a_reply_that_only_calls_a_tool_has_words_enough() -> None:
    calling = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "", "tool_calls": "[]"}]
    assert broken("curated", views.curated(curated(talk(1) | {"messages": calling}), CLOSED)) == {}


@pytest.mark.parametrize("parent", [None, "f" * 32])
def test_changed_words_that_do_not_lead_back_to_what_was_read_are_found(parent: str | None) -> None:
    table = curated(talk(1, "Where is it?", "Elsewhere.")).with_columns(parent_id=pl.lit(parent, pl.String))
    assert broken("curated", views.curated(table, CLOSED)) == {
        "expect_changed_words_to_name_their_parent": ["a.jsonl:1"]
    }


def test_a_curated_set_that_disagrees_with_the_ledger_is_found() -> None:
    found = broken("curated", views.curated(CURATED, closings((1, "accepted"), (2, "held"))))
    assert found == {"expect_origins_to_agree_with_the_ledger": ["a.jsonl:2"]}


@pytest.mark.parametrize(
    ("ledger", "expectation", "row"),
    [
        (closings((1, "accepted"), (2, "accepted")), "expect_raw_rows_to_be_closed_exactly_once", 3),
        (pl.concat([CLOSED, closings((3, "dropped"))]), "expect_raw_rows_to_be_closed_exactly_once", 3),
        (pl.concat([CLOSED, closings((9, "dropped"))]), "expect_closed_rows_to_have_been_read", 9),
        (closings((1, "accepted"), (2, "held"), (3, "dropped")), "expect_used_rows_to_be_curated", 2),
        (CLOSED.with_columns(code=pl.lit(None, pl.String)), "expect_removals_to_be_explained", 3),
    ],
)
def test_the_law_of_the_ledger_is_enforced(ledger: pl.DataFrame, expectation: str, row: int) -> None:
    found = broken("ledger", views.raw_rows(READ["row_id"], ledger, CURATED))
    assert f"a.jsonl:{row}" in found[expectation]


@pytest.mark.parametrize(
    ("place", "field"),
    [(place, "content") for place in ((0, 0, 5), (1, 4, 4), (1, 3, 99), (2, 0, 2))] + [((1, 0, 2), "reasoning")],
)
def test_facts_that_stand_outside_a_reply_are_found(place: tuple[int, int, int], field: str) -> None:
    fact = dict(zip(("turn", "start", "end"), place, strict=True), field=field, kind="price", treatment="unlearn")
    table = CURATED.with_columns(facts=pl.Series([[fact], []], dtype=FACTS))
    assert broken("curated", views.curated(table, CLOSED)) == {"expect_facts_to_stand_in_replies": ["a.jsonl:1"]}


def test_an_expectation_without_a_class_stops_the_load(tmp_path: Path) -> None:
    suite = tmp_path / "s.json"
    suite.write_text(json.dumps({"name": "s", "expectations": [{"type": "expect_wonders", "kwargs": {}}]}))
    with pytest.raises(QiratError, match=r"s\.json.*expect_wonders"):
        validate.load_suite(suite)


def test_an_expectation_that_cannot_be_computed_is_an_error_and_no_verdict(tmp_path: Path) -> None:
    suite = tmp_path / "s.json"
    expectation = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "no_such"}}
    suite.write_text(json.dumps({"name": "s", "expectations": [expectation]}))
    with pytest.raises(QiratError, match=r"cannot be computed.*no_such"):
        validate.judge(validate.load_suite(suite), READ.select("row_id"), 5)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tables that the stage reads, and its suites."""
    tables = {
        "ingested/conversations": READ,
        "ingested/quarantine": NO_QUARANTINE,
        "ingested/parts": PARTS.to_frame(),
        "curated/conversations": CURATED,
        "ledger": CLOSED,
    }
    for name, table in tables.items():
        path = tmp_path / "data" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.write_parquet(path)
    (tmp_path / "expectations").mkdir()
    for suite in SUITES.glob("*.json"):
        shutil.copy(suite, tmp_path / "expectations")
    shutil.copy(SUITES.parent / "dvc.yaml", tmp_path)
    (tmp_path / "params.yaml").write_text("validate: {examples: 2}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(project: Path) -> dict[str, bytes]:
    folders = [project / "data/validated", project / "reports", project / "metrics"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(project)): path.read_bytes() for path in files}


def test_the_stage_writes_the_same_bytes_twice(project: Path) -> None:
    validate.main()
    first = written(project)
    validate.main()
    assert written(project) == first
    assert first["data/validated/passed"] == b"passed\n"
    assert {name for name in first if name.endswith(".html")} == {
        f"reports/expectations/{page}{language}.html"
        for page in ("index", "ingested", "curated", "ledger")
        for language in ("", ".ar")
    }


@pytest.mark.parametrize("ledger", [CLOSED, CLOSED.head(2)], ids=["kept", "broken"])
def test_a_large_view_judged_some_columns_at_a_time_gives_the_same_bytes(
    project: Path, ledger: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.write_parquet(project / "data/ledger.parquet")
    found = []
    for rows in (validate.LARGE, 1):
        monkeypatch.setattr(validate, "LARGE", rows)
        with contextlib.suppress(SystemExit):
            validate.main()
        found.append(written(project))
    assert found[0] == found[1]


def test_the_stage_imports_nothing_that_draws(project: Path) -> None:
    code = "import sys; from expectations import validate; validate.main(); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)
    assert "great_expectations" in ran.stdout.split()
    assert set(validate.CHARTS).isdisjoint(ran.stdout.split())


def test_what_is_deferred_is_there_when_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "drawing.py").write_text("LINE = 1\n", "utf-8")
    (tmp_path / "library.py").write_text("import drawing\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with deferred("drawing"):
        import library  # type: ignore[import-not-found]
    assert "drawing" not in sys.modules
    assert library.drawing.LINE == 1
    assert sys.modules["drawing"] is not library.drawing
    for name in ("drawing", "library"):
        del sys.modules[name]


def test_a_broken_law_stops_the_stage_after_it_has_written_what_it_found(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    CLOSED.head(2).write_parquet(project / "data/ledger.parquet")
    with pytest.raises(SystemExit) as stopped:
        validate.main()
    message = str(stopped.value)
    assert "expect_raw_rows_to_be_closed_exactly_once" in message
    assert "such as a.jsonl:3" in message
    files = written(project)
    assert "data/validated/passed" not in files
    assert {"data/validated/results.parquet", "reports/expectations/ledger.html"} <= set(files)
    assert json.loads(files["metrics/validate.json"])["failed"] > 0


def test_a_hostile_file_name_stays_text_in_the_docs(project: Path) -> None:
    name = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    CLOSED.with_columns(outcome=pl.lit(name)).write_parquet(project / "data/ledger.parquet")
    with pytest.raises(SystemExit):
        validate.main()
    pages = b"".join(content for path, content in written(project).items() if path.endswith(".html"))
    assert b"<script" not in pages
    assert b"<img" not in pages
    assert b"script&gt;" in pages


def test_the_docs_load_nothing(project: Path) -> None:
    validate.main()
    for path, content in written(project).items():
        if path.endswith(".html"):
            text = content.decode()
            assert "default-src 'none'" in text
            assert not any(
                sign in text for sign in ("<script", "<link", "<img", "@import", "url(", "http://", "https://")
            )


def test_what_is_not_normalised_is_normal_whatever_stands_beside_it() -> None:
    signs = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    plain = set(pl.Series(signs).filter(~pl.Series(signs).str.contains(views._OTHER)).to_list())
    assert len(plain) > 800
    assert all(unicodedata.normalize("NFC", sign) == sign for sign in plain)
    marks = {sign for sign in plain if unicodedata.combining(sign)}
    pairs = pl.Series([one + other for one in marks for other in marks])
    assert pairs.str.contains(views._OTHER).all()
    parts = [unicodedata.decomposition(sign).split() for sign in signs]
    joining = {chr(int(each[1], 16)) for each in parts if len(each) == 2 and not each[0].startswith("<")}
    assert not joining & plain


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("m\u0651\u064b", 1),
        ("م\u0651\u064b", 1),
        ("م\u064b\u0651", 0),
        ("cafe\u0301", 1),
        ("caf\u00e9", 0),
        ("a\rb", 1),
    ],
)
def test_turns_that_are_not_repaired_are_counted(text: str, turns: int) -> None:
    table = conversations([talk(1, text, "fine"), talk(2, "fine")])
    assert views.ingested(table, NO_QUARANTINE)["unrepaired"].to_list() == [turns, 0]
