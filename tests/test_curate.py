"""People overrule the policy, edits are checked again, and the ledger closes every row."""

import polars as pl
import pytest

from curation.checks import FINDINGS, findings
from curation.conversation import conversation_id
from curation.curate import copy_entries, curated_set, decided, edited, fate_entries, finding_entries, row_checks
from curation.decision import Decision
from curation.ledger import assert_law, counts
from curation.policy import VERDICTS, Route, judged
from tests.builders import context, params, record, talk

GOOD = "Thank you for contacting Zaafaran Home. It is on its way. Is there anything else?"
ROWS = record(*(talk(f"Where is order number {n} of mine?", GOOD) for n in range(5)))
IDS = ROWS["conversation_id"].to_list()


def outcome(*decisions: Decision, verdict: str = "review") -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ledger and curated set when every row has this verdict."""
    rows = [{"conversation_id": key, "verdict": verdict, "codes": ["pii_email"], "priority": 0.5} for key in IDS]
    verdicts = pl.DataFrame(rows, schema=VERDICTS)
    by_id = {d.conversation_id: d for d in decisions}
    edits = edited(ROWS, by_id)
    refound = judged(findings(edits, context(), row_checks()), Route.model_validate(params("route")), 5)
    fates = decided(verdicts, by_id, edits, refound)
    ledger = pl.concat([finding_entries(edits, refound, "curate"), fate_entries(ROWS, fates)])
    assert_law(ledger, ROWS["row_id"])
    return ledger, curated_set(ROWS, edits, fates)


def decision(row: int, what: str, **more) -> Decision:
    return Decision(conversation_id=IDS[row], decision=what, annotators=("sara",), **more)


def test_doubtful_rows_wait_until_somebody_decides():
    ledger, curated = outcome()
    assert counts(ledger)["held"] == 5
    assert curated.is_empty()


def test_people_overrule_the_policy_both_ways():
    ledger, curated = outcome(decision(0, "keep"), decision(1, "drop", reasons=("rude",)), verdict="reject")
    assert (counts(ledger)["kept"], counts(ledger)["dropped"]) == (1, 4)
    assert curated.select("conversation_id", "origin").rows() == [(IDS[0], "kept")]
    assert ledger.filter(pl.col("code") == "rude")["evidence"].to_list() == ["decided by sara"]
    ledger, curated = outcome(decision(1, "drop"), verdict="accept")
    assert IDS[1] not in curated["conversation_id"].to_list()


def test_an_edit_is_a_new_conversation_that_names_its_parent():
    words = talk("Where is order number 0 of mine?", GOOD.replace("on its way", "out for delivery"))
    ledger, curated = outcome(decision(0, "edit", messages=tuple(words)))
    assert curated.select("conversation_id", "origin", "parent_id").rows() == [
        (conversation_id(words), "edited", IDS[0])
    ]
    assert counts(ledger)["edited"] == 1


def test_a_corrected_label_keeps_the_words_and_their_id():
    _, curated = outcome(decision(0, "edit", label="order_status"))
    assert curated.select("conversation_id", "label", "origin").rows() == [(IDS[0], "order_status", "edited")]


def test_an_edit_that_fails_a_check_is_dropped_with_its_reason():
    ledger, curated = outcome(decision(0, "edit", messages=tuple(talk("Where is order number 0 of mine?", ""))))
    assert curated.is_empty()
    assert ledger.filter(pl.col("outcome") == "dropped")["code"].to_list() == ["empty_reply"]


def test_an_edit_into_words_that_are_there_already_is_a_copy():
    same = tuple(talk("Where is order number 1 of mine?", GOOD))
    ledger, curated = outcome(decision(0, "edit", messages=same), decision(1, "keep"))
    assert counts(ledger)["duplicate"] == 1
    assert curated["conversation_id"].to_list() == [IDS[1]]


@pytest.mark.parametrize("other", ["drop", "edit", None])
def test_an_edit_into_words_that_are_not_used_is_used(other: str | None):
    same = talk("Where is order number 1 of mine?", GOOD)
    away = tuple(talk("Where is order number 9 of mine?", GOOD))
    decisions = [decision(0, "edit", messages=tuple(same))]
    decisions += [decision(1, other, messages=away if other == "edit" else None)] if other else []
    ledger, curated = outcome(*decisions)
    assert conversation_id(same) in curated["conversation_id"].to_list()
    assert counts(ledger)["duplicate"] == 0


def test_an_edit_is_repaired_and_its_language_told_like_any_raw_row():
    words = ("أين طلبي رقم صفر من فضلكم؟\r\n", "شكراً لتواصلك مع زعفران هوم. طلبك في الطريق. هل هناك شيء آخر؟ ")
    _, curated = outcome(decision(0, "edit", messages=tuple(talk(*words))))
    assert curated["language"].to_list() == ["ar"]
    assert [m["content"] for m in curated["messages"][0]] == [text.strip() for text in words]


def test_a_decision_about_other_words_sticks_to_nothing():
    ledger, _ = outcome(Decision(conversation_id="f" * 32, decision="keep"))
    assert counts(ledger)["held"] == 5


def test_only_serious_findings_stand_in_the_ledger():
    seen = [{"conversation_id": IDS[0], "check": "length", "code": "reply_words", "value": v} for v in (0.0, 50.0)]
    found = judged(pl.DataFrame(seen, schema=FINDINGS), Route.model_validate(params("route")), 5)
    assert finding_entries(ROWS, found, "score").select("row_id", "code", "value", "threshold").rows() == [
        ("file:1", "reply_words", 0.0, 1.0)
    ]


def test_copies_are_closed_with_their_survivor():
    clusters = pl.DataFrame(
        {
            "row_id": ["a", "b"],
            "conversation_id": ["x", "y"],
            "survivor": [True, False],
            "duplicate_of": [None, "a"],
            "kind": [None, "near"],
            "similarity": [None, 0.8],
        }
    )
    assert copy_entries(clusters).select("row_id", "code", "value", "evidence").rows() == [
        ("b", "near", 0.8, "copy of a")
    ]
