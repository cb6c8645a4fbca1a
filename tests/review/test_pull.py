"""Answers into files, whatever happens on the way."""

from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from curation.consensus.consensus import Review
from curation.decisions import answers as answers_file
from curation.decisions.answers import Answer
from curation.decisions.decisions import PATH, Decision, read_decisions, write_decisions
from curation.decisions.forget import rule, write_rules
from curation.harness.errors import QiratError
from curation.review import pull
from curation.review.pull import METRICS, received
from tests.builders import talk
from tests.review.project import project

FILES = (answers_file.PATH, PATH, METRICS)


@pytest.fixture
def ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    return project(tmp_path, [{"messages": talk(f"q{n}", f"reply {n}")} for n in range(4)])


def answer(key: str, annotator: str, decision: Any, minute: int = 0, **more: Any) -> Answer:
    return Answer(key, annotator, decision, at=f"2026-01-05T10:{minute:02}:00+00:00", **more)


def contents() -> list[bytes | None]:
    return [path.read_bytes() if path.exists() else None for path in FILES]


def test_pulling_twice_writes_the_same_bytes_and_touches_nothing(ids: list[str]) -> None:
    given = [answer(ids[0], "sara", "keep"), answer(ids[1], "omar", "edit", corrected="better")]
    done = received(given, Review(), None)
    assert (done.answers, done.written, done.total) == (2, 2, 2)
    first, times = contents(), [path.stat().st_mtime_ns for path in FILES]
    again = received(given[::-1], Review(), None)
    assert (again.answers, again.written, again.total) == (0, 0, 2)
    assert contents() == first and [path.stat().st_mtime_ns for path in FILES] == times


def test_answers_of_conversations_that_are_gone_stay(ids: list[str], tmp_path: Path) -> None:
    received([answer(ids[0], "sara", "keep")], Review(), None)
    project(tmp_path, [{"messages": talk("another", "reply")}])
    received([], Review(), None)
    assert [a.conversation_id for a in answers_file.read_answers()] == [ids[0]]
    assert [d.conversation_id for d in read_decisions()] == [ids[0]]


@pytest.mark.parametrize("step", ["write_answers", "write_decisions", "write_metrics"])
def test_a_pull_that_is_killed_is_made_good_by_the_next(
    ids: list[str], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [answer(ids[0], "sara", "keep"), answer(ids[1], "sara", "drop", 5)]
    with monkeypatch.context() as broken:

        def killed(*_: Any) -> None:
            raise KeyboardInterrupt

        broken.setattr(answers_file if step == "write_answers" else pull, step, killed)
        with pytest.raises(KeyboardInterrupt):
            received(given, Review(), None)
    received(given, Review(), None)
    healed = contents()
    for path in FILES:
        path.unlink()
    received(given, Review(), None)
    assert contents() == healed


def test_a_newer_answer_changes_the_decision_and_an_older_one_does_not(ids: list[str]) -> None:
    received([answer(ids[0], "sara", "keep", 5)], Review(), None)
    received([answer(ids[0], "sara", "drop", 1)], Review(), None)
    assert read_decisions()[0].decision == answers_file.read_answers()[0].decision == "keep"
    received([answer(ids[0], "sara", "drop", 9)], Review(), None)
    assert read_decisions()[0].decision == "drop"
    assert len(answers_file.read_answers()) == 1


def test_the_later_of_an_answer_on_the_server_and_one_from_a_file_stands(ids: list[str]) -> None:
    times = ("2026-01-05T10:00:00Z", "2026-01-05T12:30:00.5+02:00", "2026-01-05T10:45:00")  # without a zone: UTC
    for given in (times, times[::-1]):
        for at in given:
            received([replace(answer(ids[0], "sara", "drop" if at == times[-1] else "keep"), at=at)], Review(), None)
        [found] = answers_file.read_answers()
        assert (found.at, found.decision, read_decisions()[0].decision) == (times[-1], "drop", "drop")
        for path in FILES:
            path.unlink()


def test_answers_on_words_that_are_to_be_forgotten_or_are_gone_are_not_taken(ids: list[str], tmp_path: Path) -> None:
    given = [answer(ids[0], "sara", "edit", corrected="her address"), answer(ids[1], "sara", "keep")]
    write_rules([rule("conversation", ids[0])], tmp_path / "data" / "forget.jsonl")
    done = received(given, Review(), None)
    assert (done.answers, done.gone) == (1, 1)
    project(tmp_path, [{"messages": talk("q1", "reply 1")}])  # the pipeline has left the row out
    (tmp_path / "data" / "forget.jsonl").unlink()
    assert received(given, Review(), None).gone == 1
    assert "address" not in answers_file.PATH.read_text("utf-8")


def test_who_brings_answers_waits_for_who_is_bringing_some(ids: list[str]) -> None:
    theirs, mine = answer(ids[0], "sara", "keep"), answer(ids[1], "omar", "keep")
    other = Thread(target=received, args=([theirs], Review(), None))
    with answers_file.alone():
        before = answers_file.read_answers()
        other.start()
        other.join(1)
        answers_file.write_answers([*before, mine])
    other.join()
    assert {found.annotator for found in answers_file.read_answers()} == {"sara", "omar"}


def test_a_decision_that_falls_counts_as_a_change(ids: list[str]) -> None:
    received([answer(ids[0], "sara", "keep")], Review(), None)
    done = received([answer(ids[0], "omar", "drop", 5, round=2)], Review(), None)
    assert (done.written, done.total, len(done.consensus.disagreements)) == (1, 0, 1)
    source, row = (Decision(conversation_id=key, decision="drop") for key in ids[1:3])
    write_decisions([row.model_copy(update={"applied_from": source.conversation_id, "similarity": 0.99})])
    assert received([], Review(), None).written == 1


def test_the_purpose_is_kept_in_the_decision(ids: list[str]) -> None:
    received([answer(ids[0], "sara", "keep", purpose="blind_accepted")], Review(), None)
    assert read_decisions()[0].purpose == "blind_accepted"
    assert '"purpose":"blind_accepted"' in PATH.read_text("utf-8")


def test_answers_read_back_as_they_were_written(tmp_path: Path) -> None:
    given = [
        answer("b" * 32, "sara", "edit", corrected="نعم\n[2]", label="refund", confidence="unsure", codes=("outlier",)),
        answer("a" * 32, "omar", "drop", reasons=("wrong_tone", "not_useful"), started="2026-01-05T09:59:00+00:00"),
        answer("a" * 32, "omar", "keep", 7, round=2, purpose="gold"),
    ]
    answers_file.write_answers(given, tmp_path / "answers.jsonl")
    lines = (tmp_path / "answers.jsonl").read_text("utf-8").splitlines()
    assert lines[0] == '{"qirat":"answers","version":1}' and "نعم" in lines[3]
    assert answers_file.read_answers(tmp_path / "answers.jsonl") == [given[1], given[2], given[0]]
    assert answers_file.read_answers(tmp_path / "none") == []


@pytest.mark.parametrize("line", ["no json", '{"conversation_id": "a"}', '{"decision": "maybe"}', "[]"])
def test_a_bad_line_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"qirat":"answers","version":1}\n' + line)
    with pytest.raises(QiratError, match="line 2: "):
        answers_file.read_answers(path)


@pytest.mark.parametrize("time", ["", '"at": "yesterday"', '"at": "2026-01-05", "started": "noon"'])
def test_an_answer_without_a_time_is_named(time: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    line = ", ".join(part for part in ('{"conversation_id": "a", "annotator": "s", "decision": "keep"', time) if part)
    path.write_text('{"qirat":"answers","version":1}\n' + line + "}")
    with pytest.raises(QiratError, match=r"line 2: .* write a time such as"):
        answers_file.read_answers(path)


def test_a_field_that_nobody_knows_is_named(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    line = '{"conversation_id": "a", "annotator": "s", "decision": "keep", "resons": []}'
    path.write_text('{"qirat":"answers","version":1}\n' + line)
    with pytest.raises(QiratError, match="resons"):
        answers_file.read_answers(path)


def test_a_pull_weighs_with_all_that_it_has_brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is learned from the new answers counts for them too, so pulling again finds nothing left to decide."""
    monkeypatch.chdir(tmp_path)
    rows = [{"messages": talk(f"q{n}", "r"), "codes": ["spam" if n % 2 else "outlier"]} for n in range(240)]
    ids = project(tmp_path, rows)
    given = [answer(key, name, "drop" if n % 2 else "keep") for n, key in enumerate(ids[:200]) for name in ("a", "b")]
    given += [answer(key, name, choice) for key in ids[200:] for name, choice in (("a", "drop"), ("b", "keep"))]
    first = received(given, Review(), None)
    assert len(first.consensus.decisions) > 200, "the findings break the ties"
    assert received(given, Review(), None).written == 0
