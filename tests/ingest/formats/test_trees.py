"""Trees of replies give their best conversation."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.ingest.formats.rows import TREE, metadata, nested, node, only, outcomes, said


@pytest.mark.parametrize(
    "rows", [TREE, TREE[::-1], [{"message_tree_id": "t1", "tree_state": "ready_for_export", "prompt": nested("root")}]]
)
def test_a_tree_gives_its_best_conversation_and_takes_all_its_rows(rows: list[dict[str, Any]]):
    outcome = only(*rows)
    assert said(outcome) == [
        ("user", "text of root"),
        ("assistant", "text of best"),
        ("user", "text of asked"),
        ("assistant", "text of answered"),
    ]
    assert (outcome.provenance["source_id"], outcome.provenance["customer"]) == ("t1", "u-root")
    assert outcome.provenance["created_at"] == datetime(2023, 2, 5, 14, 23, 50, tzinfo=UTC)
    assert metadata(outcome)["message_ids"] == ["root", "best", "asked", "answered"]


def test_trees_that_nobody_let_stand_are_refused_with_the_reason():
    stopped = {"message_tree_id": "a", "tree_state": "aborted_low_grade", "prompt": nested("root")}
    deleted = {"message_tree_id": "b", "prompt": {**nested("root"), "deleted": True}}
    reasons = [str(outcome.reason) for outcome in outcomes(stopped, deleted)]
    assert "aborted_low_grade" in reasons[0]
    assert "no reply" in reasons[1]


def test_a_tree_with_a_knot_or_two_roots_is_refused():
    knot = [node("a", None, "prompter"), node("b", "a", "assistant"), node("a", "b", "prompter")]
    other = [{**node(name, None, "prompter"), "message_tree_id": "t2"} for name in ("x", "y")]
    lost = {**node("z", None, "prompter"), "message_tree_id": None}
    reasons = " | ".join(str(outcome.reason) for outcome in outcomes(*knot, *other, lost))
    assert "circle" in reasons
    assert "2 messages without parent_id" in reasons
    assert "belongs to no tree" in reasons
