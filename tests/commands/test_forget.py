import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from curation.commands.forget import forget, rules_in_force, whole_id
from curation.curate.fates import CURATED
from curation.decisions import answers as answers_file
from curation.decisions import gold
from curation.decisions.answers import Answer
from curation.decisions.decisions import PATH as DECISIONS
from curation.decisions.decisions import Decision, read_decisions, write_decisions
from curation.decisions.forget import PATH, read_rules, rule
from curation.harness.errors import QiratError
from tests.builders import record, talk

ROWS = record(
    talk("where is it", "there"),
    talk("I am not Ali@x.com", "I see"),
    talk("hello", "hello"),
    talk("Write to ali@X.com please", "done"),
    customer=["ali@x.com", "sara", None, None],
    source_file=["a.csv", "a.csv", "b/c.json", "b/d.json"],
)
ALI = rule("customer", "Ali@X.com")


def save(path: str, table: pl.DataFrame) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path)


def adapter(name: str, *rows: int) -> None:
    """An adapter trained on these rows, numbered from 1; without any: one from before they were kept."""
    folder = Path("models") / name
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    if rows:
        seen = ROWS[[row - 1 for row in rows]].with_columns(parent_id=pl.lit(None, pl.String))
        save(f"models/{name}/trained_on.parquet", seen.select("row_id", "conversation_id", "parent_id"))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").touch()
    save("data/ingested/conversations.parquet", ROWS)
    used = ROWS[:2].with_columns(
        conversation_id=pl.lit("f" * 32), origin=pl.lit("accepted"), parent_id=pl.col("conversation_id")
    )
    save("data/curated/conversations.parquet", used.select(CURATED.names()))
    DECISIONS.parent.mkdir(parents=True)
    write_decisions([Decision(conversation_id=key, decision="keep") for key in ROWS["conversation_id"][:2]])
    return tmp_path


def test_without_yes_it_only_says_what_it_would_do(project: Path):
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    said = forget(ALI, "Ali@X.com", write=False)
    assert "1 raw rows (1 conversations)" in said
    assert "1 of them are in the curated set" in said
    assert "1 decisions" in said
    assert "--yes" in said
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_with_yes_the_rule_is_written_and_decisions_on_such_rows_go():
    forget(rule("source", "b/"), "b/", write=True)
    said = forget(ALI, "Ali@X.com", write=True)
    assert {one.key for one in read_rules()} == {rule("source", "b").key, ALI.key}
    assert [d.conversation_id for d in read_decisions()] == [ROWS["conversation_id"][1]]
    assert all(step in said for step in ("dvc repro", "qirat review push", "qirat forget --prove"))
    assert "already" in forget(ALI, "Ali@X.com", write=True)
    assert "ali" not in PATH.read_text("utf-8")


def test_answers_and_gold_marks_on_such_rows_go_too():
    forgotten, other = ROWS["conversation_id"][:2]
    said = [Answer(key, "sara", "edit", corrected="x", at="2026-01-05T10:00:00Z") for key in (forgotten, other)]
    answers_file.write_answers([*said, replace(said[0], round=2)])
    gold.write_gold([gold.Gold(conversation_id=key, decision="drop") for key in (forgotten, other)])
    told = forget(ALI, "Ali@X.com", write=False)
    assert "2 answers" in told and "1 gold marks" in told and len(answers_file.read_answers()) == 3
    forget(ALI, "Ali@X.com", write=True)
    assert answers_file.read_answers() == said[1:]
    assert [mark.conversation_id for mark in gold.read_gold()] == [other]


def test_a_decision_stays_while_somebody_else_said_the_same_words():
    same = pl.concat([ROWS, ROWS[:1].with_columns(row_id=pl.lit("other:1"), customer=pl.lit("sara"))])
    save("data/ingested/conversations.parquet", same)
    forget(ALI, "Ali@X.com", write=True)
    assert len(read_decisions()) == 2


def test_a_number_is_not_found_inside_a_longer_one():
    told = record(talk("order 12345", "yes"), talk("I am 123", "yes"), talk("hi", "yes"), customer=["x", "y", "123"])
    save("data/ingested/conversations.parquet", told)
    assert "1 further rows" in forget(rule("customer", "123"), "123", write=False)


def test_rows_that_only_name_the_customer_in_their_words_are_pointed_out():
    said = forget(ALI, "Ali@X.com", write=False)
    assert "2 further rows name them in words or metadata and stay (first: file:2, file:4)" in said
    assert "further rows" not in forget(rule("source", "a.csv"), "a.csv", write=False)


def test_a_customer_whom_only_metadata_or_a_call_names_is_pointed_out_too():
    row = {"role": "assistant", "content": "", "tool_calls": '{"mail":"ali@x.com"}'}
    told = record(talk("a", "b"), [*talk("c", "d"), row], talk("e", "f"), metadata=['{"mail":"Ali@x.com"}', None, None])
    save("data/ingested/conversations.parquet", told)
    assert "2 further rows name them" in forget(ALI, "Ali@X.com", write=False)


def test_the_adapters_that_learnt_from_the_rows_are_named():
    adapter("adapter", 1, 2)
    adapter("other", 3)
    adapter("old")
    said = forget(ALI, "Ali@X.com", write=False)
    assert "models/adapter: trained on 1 of these rows" in said
    assert "models/other" not in said
    assert "models/old: it keeps no trained_on.parquet" in said


def test_an_adapter_that_learnt_the_masked_or_edited_words_is_found_by_the_words_they_came_from():
    adapter("adapter", 3)
    seen = pl.DataFrame(
        {"row_id": ["moved:9"], "conversation_id": ["f" * 32], "parent_id": ROWS["conversation_id"][:1]}
    )
    save("models/adapter/trained_on.parquet", seen)
    assert "models/adapter: trained on 1 of these rows" in forget(ALI, "ali@x.com", write=False)


def test_adapters_of_earlier_commits_are_named_too(project: Path):
    def run(*command: str) -> None:
        program = Path(sys.executable).parent / command[0]
        subprocess.run([program if program.exists() else command[0], *command[1:]], check=True, capture_output=True)

    def trained(*rows: int) -> None:
        seen = ROWS[[row - 1 for row in rows]].with_columns(parent_id=pl.lit(None, pl.String))
        save("seen.parquet", seen.select("row_id", "conversation_id", "parent_id"))
        run("dvc", "repro", "--quiet")
        run("git", "add", ".")
        run("git", "commit", "--quiet", "-m", "trained")

    run("git", "init", "--quiet")
    run("git", "config", "user.email", "a@b.c")
    run("git", "config", "user.name", "a")
    run("dvc", "init", "--quiet")
    (project / ".gitignore").write_text("/models\n")
    command = "mkdir -p models/adapter && cp seen.parquet models/adapter/trained_on.parquet"
    (project / "dvc.yaml").write_text(
        f"stages:\n  train:\n    cmd: {command} && echo {{}} > models/adapter/adapter_config.json\n"
        "    deps: [seen.parquet]\n    outs: [models/adapter]\n"
    )
    trained(1)
    trained(3)
    said = forget(ALI, "ali@x.com", write=False)
    earlier = subprocess.run(["git", "rev-parse", "--short", "HEAD~1"], capture_output=True, text=True, check=True)
    assert f"models/adapter of commit {earlier.stdout.strip()}: trained on 1 of these rows" in said
    assert "models/adapter: trained" not in said


def test_a_rule_that_names_no_row_is_told():
    said = forget(rule("licence", "gpl"), "gpl", write=False)
    assert "No row of the present data" in said


def test_bare_it_tells_what_is_left_out_and_which_adapters_knew_it():
    forget(ALI, "Ali@X.com", write=True)
    adapter("adapter", 1)
    quarantine = pl.DataFrame({"row_id": ["file:1", "file:9"], "code": ["forgotten", "unreadable"]})
    save("data/ingested/quarantine.parquet", quarantine)
    said = rules_in_force()
    assert "1 rules (1 by customer)" in said
    assert "1 raw rows are left out" in said
    assert "models/adapter: trained on 1 of these rows" in said


def test_an_id_may_be_given_by_its_beginning_or_as_the_curated_set_has_it():
    whole = ROWS["conversation_id"][2]
    assert whole_id(whole[:8]) == whole
    with pytest.raises(QiratError, match="2 conversations begin"):  # two rows went in under that id
        whole_id("ffffffff")
    with pytest.raises(QiratError, match="no conversations are called"):
        whole_id("nothing")


def test_before_ingest_nobody_can_say_what_goes(project: Path):
    (project / "data/ingested/conversations.parquet").unlink()
    with pytest.raises(QiratError, match="dvc repro ingest"):
        forget(ALI, "ali@x.com", write=True)
    assert not PATH.exists()


@pytest.mark.parametrize(
    ("column", "value", "how"),
    [
        ("customer", "050 123 4567", "country"),
        ("customer", "+966501234568", "a digit differs"),
        ("source_id", "٠٥٠١٢٣٤٥٦٧", "country"),
        ("label", "tel:0501234567", "country"),
        ("metadata", '{"from": {"phone": 501234567}}', "country"),
        ("the words", "call 050-123-4567", "country"),
        ("a speaker's name", "050 123 4567", "country"),
    ],
)
def test_near_spellings_in_any_column_are_shown_before_it_is_done(column: str, value: str, how: str):
    wanted = "+966 50 123 4567"
    said = talk("hello" if column != "the words" else value, "hi")
    if column == "a speaker's name":
        said[0]["name"] = value
    told = record(talk("a", "b"), said, talk("c", "d"), customer=[wanted, None, "sara"])
    if column in told.columns:
        values = [wanted if column == "customer" else None, value, None]
        told = told.with_columns(pl.Series(column, values, pl.String))
    save("data/ingested/conversations.parquet", told)
    lines = forget(rule("customer", wanted), wanted, write=True).splitlines()
    [near] = [place for place, line in enumerate(lines) if f"nearly this in {column}: " in line]
    assert how in lines[near] and "file:2" in lines[near]
    assert near < next(place for place, line in enumerate(lines) if "has the rule now" in line)
    assert value not in "\n".join(lines)  # personal data is shown where somebody asks for it


@pytest.mark.parametrize("spelled", ["mailto:ali@x.com", "Ali <ALI@x.com>", "\u200fali@x.com\u200e", "ali%40x.com"])
def test_other_rows_that_name_the_customer_in_another_spelling_are_pointed_out(spelled: str):
    told = record(talk("a", "b"), talk(f"write to {spelled}", "d"), customer=["ali@x.com", None])
    save("data/ingested/conversations.parquet", told)
    assert "1 further rows name them" in forget(ALI, "Ali@X.com", write=False)
