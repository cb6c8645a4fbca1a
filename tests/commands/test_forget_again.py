"""Whenever forgetting is stopped, whenever it is asked, and however the rule came: the person's words are gone."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation.commands.forget import carry_out, forget, rules_in_force, whole_id
from curation.consensus.consensus import Review
from curation.core.record import pairs
from curation.decisions import answers, decisions, gold
from curation.decisions.answers import Answer
from curation.decisions.decisions import Decision
from curation.decisions.forget import PATH, read_rules, rule, write_rules
from curation.harness.errors import QiratError
from curation.review import lineup
from curation.review.pull import received
from tests.builders import record, save, talk

SECRET = "كلماتها المصححة her corrected words"
ROWS = record(talk("where is my order", "on its way"), talk("hello", "hi"), customer=["966501234567", "sara"])
HERS, OTHER = ROWS["conversation_id"]
CURATED = "f" * 32  # of her words as they are masked
SAID = "+966 50 123–4567"
HER = rule("customer", SAID)


def put_words(folder: Path = Path()) -> None:
    """What people said of both conversations, as it may come back by git at any time."""
    edited = tuple(talk("where is my order", SECRET))
    decisions.write_decisions(
        [
            Decision(conversation_id=HERS, decision="edit", messages=edited),
            Decision(conversation_id=OTHER, decision="keep"),
        ],
        folder / decisions.PATH,
    )
    given = [Answer(key, "sara", "edit", corrected=SECRET, at="2026-01-05T10:00:00Z") for key in (HERS, OTHER)]
    answers.write_answers([given[0], Answer(OTHER, "sara", "keep", at="2026-01-05T10:00:00Z")], folder / answers.PATH)
    gold.write_gold([gold.Gold(conversation_id=key, decision="drop") for key in (HERS, OTHER)], folder / gold.PATH)
    judged = {"turn": 1, "replies": ("0" * 16, "1" * 16), "annotator": "s", "choice": "a", "at": "2026-01-05T10:00Z"}
    both = [pairs.Judgement.model_validate({"conversation_id": key, **judged}) for key in (CURATED, OTHER)]
    pairs.write_judgements(both, folder / pairs.PATH)


def put_rows(rows: pl.DataFrame) -> None:
    save(Path(), "ingested/conversations", rows)
    words = rows.select(parent_id="conversation_id", conversation_id=pl.lit(CURATED)).filter(parent_id=HERS)
    save(Path(), "curated/conversations", words.with_columns(row_id=pl.lit("file:1")))


def rows_leave() -> None:
    """She is gone from data/raw and the pipeline has run; DVC's cache has what there was before."""
    cached = Path(".dvc/cache/files/md5/ab")
    cached.mkdir(parents=True, exist_ok=True)
    for number, table in enumerate(("ingested", "curated")):
        shutil.copy(f"data/{table}/conversations.parquet", cached / f"{number}cd")
    put_rows(ROWS[1:])


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").touch()
    put_rows(ROWS)
    put_words()
    write_rules([])
    return tmp_path


def left(folder: Path = Path("data/review")) -> list[str]:
    """Files, torn ones too, that hold something of hers."""
    marks = (SECRET.encode(), HERS.encode(), CURATED.encode())
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(mark in path.read_bytes() for mark in marks)]


def is_done() -> bool:
    """She is forgotten, and nobody else."""
    others: list[Sequence[Any]] = [
        decisions.read_decisions(),
        answers.read_answers(),
        gold.read_gold(),
        pairs.read_judgements(),
    ]
    kept = [[line.conversation_id for line in lines] for lines in others]
    return not left() and kept == [[OTHER]] * 4 and [one.key for one in read_rules()] == [HER.key]


class Killed(BaseException):
    """As by a signal."""


def killed_at(write: int, before: bool, run: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a run was killed at that of its writes, before the file is moved into place or just after."""
    replace, writes = Path.replace, iter(range(100))

    def moved(self: Path, target: Path) -> Path:
        last = next(writes) == write
        if last and before:
            raise Killed
        found = replace(self, target)
        if last:
            raise Killed
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", moved)
        try:
            run()
        except Killed:
            return True
    return False


@pytest.mark.parametrize("gone", [False, True], ids=["rows are there", "rows have left"])
@pytest.mark.parametrize("before", [False, True], ids=["after it", "before it"])
def test_killed_at_any_write_the_same_again_ends_it(gone: bool, before: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    kills = 0
    while killed_at(kills, before, lambda: forget(HER, SAID, write=True), monkeypatch):
        kills += 1
        if gone:
            rows_leave()
        forget(HER, SAID, write=True)
        assert is_done()
        put_rows(ROWS)
        put_words()
        write_rules([])
    assert kills == 5  # decisions, answers, gold, pairs, rule
    assert is_done()


def test_the_words_go_before_the_rule_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for write in range(4):
        put_words()
        assert killed_at(write, True, lambda: forget(HER, SAID, write=True), monkeypatch)
        assert not read_rules()


def test_what_comes_back_is_found_by_what_the_rule_remembers() -> None:
    forget(HER, SAID, write=True)
    put_rows(ROWS[1:])  # nothing but the rule knows which words were hers
    shutil.rmtree(".dvc", ignore_errors=True)
    put_words()  # a branch from before is merged
    assert "1 decisions" in rules_in_force() and "--yes" in rules_in_force()
    carry_out()
    assert is_done()
    before = {path: path.read_bytes() for path in Path("data/review").iterdir()} | {PATH: PATH.read_bytes()}
    carry_out()
    forget(HER, SAID, write=True)
    assert {path: path.read_bytes() for path in before} == before


def test_a_rule_that_comes_by_git_is_carried_out_by_the_next_command_before_anything_comes() -> None:
    write_rules([HER])  # a colleague's, who had none of her words
    again = Answer(HERS, "omar", "edit", corrected=SECRET, at="2026-01-06T10:00:00Z")
    with pytest.raises(QiratError, match="is missing"):  # nothing to weigh the other answers with
        received([again], Review(), None)
    assert set(left()) == {"pairs.jsonl"}  # the masked form has an id of its own, which takes a longer look
    carry_out()
    assert is_done()


def test_what_is_to_be_forgotten_is_put_before_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    write_rules([HER])
    save(Path(), "routed/queue", pl.DataFrame({"conversation_id": [HERS, OTHER], "rank": [1, 2]}))
    put_before: list[str] = []
    monkeypatch.setattr(lineup, "lineup", lambda queue, *_: put_before.extend(queue["conversation_id"]))
    conversations = lineup.line_of_now(Review(), None).conversations
    assert put_before == conversations["conversation_id"].to_list() == [OTHER]


def test_a_correction_that_names_her_goes_though_no_table_knows_the_words() -> None:
    put_rows(ROWS[1:])
    named = "اتصل على ٠٠٩٦٦ ٥٠ ١٢٣ ٤٥٦٧ من فضلك"
    lost = "e" * 32
    decisions.write_decisions([Decision(conversation_id=lost, decision="edit", messages=tuple(talk("مرحبا", named)))])
    forget(HER, SAID, write=True)
    assert decisions.read_decisions() == []


def test_words_that_no_table_knows_can_be_forgotten_by_their_id() -> None:
    put_rows(ROWS[1:])
    assert whole_id(HERS[:8]) == HERS
    forget(rule("conversation", whole_id(HERS)), HERS, write=True)
    assert set(left()) == {"pairs.jsonl"}  # the masked form has an id of its own
    forget(rule("conversation", whole_id(CURATED)), CURATED, write=True)
    assert not left()


def test_a_clone_without_data_carries_out_what_a_rule_remembers() -> None:
    write_rules([HER.remembering([HERS, CURATED])])
    shutil.rmtree("data/ingested")
    shutil.rmtree("data/curated")
    assert "1 answers" in rules_in_force()
    carry_out()
    assert is_done()


def test_a_torn_file_of_a_killed_pull_goes_too() -> None:
    torn = Path("data/review/.decisions.jsonl.deadbeef.partial")
    torn.write_text(SECRET, "utf-8")
    forget(HER, SAID, write=True)
    assert not torn.exists()


def test_two_branches_that_forget_the_same_person_are_one_rule_that_remembers_both() -> None:
    write_rules([HER.remembering([HERS]), HER.remembering([CURATED])])
    assert read_rules() == {HER.remembering([HERS, CURATED])}
    lines = PATH.read_text("utf-8").splitlines()
    PATH.write_text("\n".join([*lines, lines[1].replace(HERS, OTHER)]), "utf-8")
    assert read_rules() == {HER.remembering([HERS, CURATED, OTHER])}


def test_words_of_rows_that_no_table_here_knows_are_told_before_it_is_done() -> None:
    assert "whose they are is not known" not in forget(HER, SAID, write=False)
    rows_leave()
    assert "whose they are is not known" not in forget(HER, SAID, write=False)
    shutil.rmtree(".dvc")
    assert "2 conversations that data/review speaks of are in no table here" in forget(HER, SAID, write=False)
