from typing import Any

import polars as pl

from curation.review.argilla_client import Present
from curation.review.push import affordable, plan


def record(external_id: str, why: str = "w") -> dict[str, Any]:
    return {"external_id": external_id, "fields": {"why": why}, "metadata": {}}


def present(external_id: str, *statuses: str, why: str = "w") -> Present:
    responses = tuple({"status": status} for status in statuses)
    return Present(f"argilla-{external_id}", record(external_id, why), "pending", responses)


def test_what_is_there_already_is_not_written() -> None:
    found = plan([record("a")], [present("a")])
    assert (found.new, found.changed, found.retired, found.unchanged) == ([], [], [], 1)


def test_what_is_missing_is_new_and_keeps_its_order() -> None:
    assert [r["external_id"] for r in plan([record("b"), record("a")], []).new] == ["b", "a"]


def test_other_doubts_about_the_same_words_are_shown_while_nobody_has_answered() -> None:
    assert plan([record("a", "new doubt")], [present("a")]).changed == [record("a", "new doubt")]


def test_an_answered_record_is_never_touched_not_even_a_draft() -> None:
    for status in ("draft", "submitted", "discarded"):
        found = plan([record("a", "new doubt")], [present("a", status), present("b", status)])
        assert (found.new, found.changed, found.retired, found.unchanged) == ([], [], [], 1)


def test_what_left_the_queue_unanswered_is_retired() -> None:
    assert plan([], [present("b"), present("a")]).retired == ["argilla-a", "argilla-b"]


def test_held_rows_move_up_as_decisions_come_in() -> None:
    queue = pl.DataFrame(
        {"conversation_id": ["a", "b", "c"], "rank": [1, 2, 3], "verdict": ["review", "review", "held"]}
    )
    assert affordable(queue, [])["conversation_id"].to_list() == ["a", "b"]
    assert affordable(queue, ["a"])["conversation_id"].to_list() == ["b", "c"]
