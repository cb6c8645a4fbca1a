from itertools import permutations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.checks import FINDINGS, checks
from curation.policy import Limit, Route, judged, verdicts
from curation.route import queue
from curation.stage import QiratError
from tests.builders import params

LIMITS = {
    "loop": Limit(doubt=0.3, fatal=0.6),
    "words": Limit(doubt=5, fatal=1, below=True),
    "note": Limit(),
    "mail": Limit(doubt=1, precision=0.9),
    "rule": Limit(doubt=1, note_if_common=True),
}


def policy(budget: float = 1.0, too_common: float = 1.0) -> Route:
    return Route(budget=budget, too_common=too_common, limits=LIMITS)


def found(*seen: tuple[str, str, float]) -> pl.DataFrame:
    rows = [
        {"conversation_id": key, "check": "c", "code": code, "severity": "info", "value": v} for key, code, v in seen
    ]
    return pl.DataFrame(rows, schema=FINDINGS)


def decide(ids: str, *seen: tuple[str, str, float], budget: float = 1.0, too_common: float = 1.0) -> dict[str, str]:
    rules = policy(budget, too_common)
    table = verdicts(list(ids), judged(found(*seen), rules, len(ids)), rules)
    return dict(table.select("conversation_id", "verdict").iter_rows())


@pytest.mark.parametrize(
    ("code", "value", "verdict"),
    [
        ("loop", 0.29, "accept"),
        ("loop", 0.3, "review"),
        ("loop", 0.6, "reject"),
        ("words", 5, "accept"),
        ("words", 4, "review"),
        ("words", 0, "reject"),
        ("note", 99, "accept"),
    ],
)
def test_limits_decide_on_either_side(code: str, value: float, verdict: str):
    assert decide("a", ("a", code, value)) == {"a": verdict}


def test_one_fatal_finding_outweighs_any_doubt():
    assert decide("a", ("a", "mail", 1), ("a", "loop", 0.9)) == {"a": "reject"}


def test_the_budget_goes_to_the_likeliest_and_the_rest_is_held():
    seen = [("a", "loop", 0.4), ("b", "mail", 1), ("c", "loop", 0.5), ("c", "mail", 1)]
    assert decide("abcdefghij", *seen, budget=0.2) == {
        **dict.fromkeys("defghij", "accept"),
        "a": "held",
        "b": "review",
        "c": "review",
    }


def test_a_broken_rule_in_most_rows_is_a_note_on_the_set():
    seen = [(key, "rule", 1) for key in "abc"]
    assert set(decide("abcd", *seen, too_common=0.5).values()) == {"accept"}
    assert decide("abcd", *seen, too_common=0.8)["a"] == "review"


@pytest.mark.parametrize(("code", "value", "verdict"), [("mail", 1, "review"), ("loop", 0.9, "reject")])
def test_what_is_wrong_with_most_rows_is_still_wrong_with_each(code: str, value: float, verdict: str):
    assert decide("abcd", *[(key, code, value) for key in "abc"], too_common=0.5)["a"] == verdict


def test_personal_data_is_never_excused_by_being_everywhere():
    shipped = Route.model_validate(params("route"))
    assert not any(limit.note_if_common for code, limit in shipped.limits.items() if code.startswith("pii_"))


def test_the_priority_is_the_same_to_the_last_bit_in_any_order():
    precisions = {"a": 0.3, "b": 0.7, "c": 0.9, "d": 0.55}
    limits = {code: Limit(doubt=1, precision=precision) for code, precision in precisions.items()}
    rules = Route(budget=1, too_common=1, limits=limits)
    seen = [("x", code, 1.0) for code in "abcd"]
    orders = [verdicts(["x"], judged(found(*order), rules, 1), rules)["priority"][0] for order in permutations(seen)]
    assert len(set(orders)) == 1


def test_a_code_the_policy_does_not_name_stops_with_the_cure():
    with pytest.raises(QiratError, match=r"route.limits lacks novel"):
        judged(found(("a", "novel", 1)), policy(), 1)


seen_anything = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from(sorted(LIMITS)), st.floats(0, 6)), max_size=15
)


@given(seen_anything, st.floats(0, 1))
def test_every_row_has_one_verdict_and_the_budget_is_kept(seen: list[tuple[str, str, float]], budget: float):
    decided = decide("abcdef", *seen, budget=budget)
    assert sorted(decided) == list("abcdef")
    assert list(decided.values()).count("review") <= budget * 6


@given(seen_anything)
def test_the_order_of_findings_changes_nothing(seen: list[tuple[str, str, float]]):
    assert decide("abcdef", *seen, budget=0.4) == decide("abcdef", *reversed(seen), budget=0.4)


def test_the_queue_is_the_doubtful_rows_held_ones_last():
    rules = policy(0.5)
    findings = judged(found(("a", "loop", 0.4), ("b", "mail", 1), ("c", "loop", 0.9)), rules, 3)
    line = queue(verdicts(["a", "b", "c"], findings, rules), findings)
    assert line.select("rank", "conversation_id", "verdict").rows() == [(1, "b", "review"), (2, "a", "held")]


def test_the_policy_that_ships_names_nothing_that_no_check_sees():
    shipped = Route.model_validate(params("route"))
    assert set(shipped.limits) <= {code for check in checks().values() for code in check.codes}
