from collections.abc import Iterable
from itertools import permutations
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from curation.checks.check import FINDINGS
from curation.checks.codes import codes
from curation.core.record.codes import Code, Limit
from curation.core.text.facts.patterns import KINDS
from curation.harness.errors import QiratError
from curation.policy.limits import Policy, Route, in_force
from curation.policy.queue import queue
from curation.policy.verdicts import judged, verdicts
from tests.builders import params, shipped_policy

LIMITS = {
    "loop": Limit(doubt=0.3, fatal=0.6),
    "words": Limit(doubt=5, fatal=1, below=True),
    "note": Limit(),
    "mail": Limit(doubt=1, precision=0.9),
    "rule": Limit(doubt=1, note_if_common=True),
}


def policy(budget: float = 1.0, too_common: float = 1.0, usual_share: float = 1.0) -> Policy:
    return Policy(budget=budget, too_common=too_common, usual_share=usual_share, limits=LIMITS)


def found(*seen: tuple[str, str, float]) -> pl.DataFrame:
    rows = [
        {"conversation_id": key, "check": "c", "code": code, "severity": "info", "value": v} for key, code, v in seen
    ]
    return pl.DataFrame(rows, schema=FINDINGS)


def rows(ids: Iterable[str], language: str = "en") -> pl.DataFrame:
    return pl.DataFrame({"conversation_id": list(ids)}).with_columns(language=pl.lit(language))


def decide(ids: str, *seen: tuple[str, str, float], budget: float = 1.0, too_common: float = 1.0) -> dict[str, str]:
    rules = policy(budget, too_common)
    table = verdicts(rows(ids), judged(found(*seen), rules, len(ids)), rules)
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


def test_the_cause_is_a_fault_before_any_doubt_with_the_limit_of_the_policy():
    seen = [("a", "mail", 1), ("a", "loop", 0.7), ("a", "loop", 0.9), ("a", "rule", 1), ("a", "note", 3)]
    rules = policy()
    table = verdicts(rows("ab"), judged(found(*seen), rules, 2), rules)
    assert table.select("code", "value", "threshold", "codes").rows() == [
        ("loop", 0.9, 0.6, ["loop", "mail", "rule"]),
        (None, None, None, []),
    ]


def test_of_several_doubts_the_likeliest_is_the_cause_and_a_limit_from_below_names_its_lowest_value():
    rules = policy()
    table = verdicts(
        rows("ab"),
        judged(found(("a", "mail", 1), ("a", "loop", 0.4), ("b", "words", 4), ("b", "words", 2)), rules, 2),
        rules,
    )
    assert table.select("code", "value", "threshold").rows() == [("mail", 1, 1), ("words", 2, 5)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(sorted(LIMITS)), st.floats(0, 8)), max_size=12))
def test_whatever_is_seen_the_cause_crosses_its_limit_and_is_fatal_exactly_in_rejected_rows(
    seen: list[tuple[str, str, float]],
):
    rules = policy()
    for row in verdicts(rows("abc"), judged(found(*seen), rules, 3), rules).iter_rows(named=True):
        assert (row["code"] is None) == (row["verdict"] == "accept")
        if row["code"]:
            limit = LIMITS[row["code"]]
            assert row["threshold"] == (limit.fatal if row["verdict"] == "reject" else limit.doubt)
            assert (row["value"] < row["threshold"]) if limit.below else (row["value"] >= row["threshold"])
            assert row["code"] in row["codes"]


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


@pytest.mark.parametrize(
    ("treatment", "verdict"), [("mask", "accept"), ("report", "accept"), ("review", "review"), ("reject", "reject")]
)
def test_what_becomes_of_personal_data_is_said_by_kind(treatment: str, verdict: str):
    rules = Policy.model_validate(
        {"budget": 1, "too_common": 1, "pii": {"email": treatment}, "limits": {"pii_email": {"precision": 0.9}}}
    )
    table = verdicts(rows("a"), judged(found(("a", "pii_email", 0.2)), rules, 1), rules)
    assert table["verdict"].to_list() == [verdict]
    assert rules.masked_kinds == ({"email"} if treatment == "mask" else set())


def test_by_default_personal_data_is_masked_and_names_are_only_reported():
    shipped = shipped_policy()
    assert set(shipped.pii) - shipped.masked_kinds == {"name"}
    assert shipped.pii["name"] == "report"


def test_personal_data_is_never_excused_by_being_everywhere():
    shipped = shipped_policy()
    assert not any(limit.note_if_common for code, limit in shipped.limits.items() if code.startswith("pii_"))


def test_the_priority_is_the_same_to_the_last_bit_in_any_order():
    precisions = {"a": 0.3, "b": 0.7, "c": 0.9, "d": 0.55}
    limits = {code: Limit(doubt=1, precision=precision) for code, precision in precisions.items()}
    rules = Policy(budget=1, too_common=1, limits=limits)
    seen = [("x", code, 1.0) for code in "abcd"]
    orders = [
        verdicts(rows("x"), judged(found(*order), rules, 1), rules)["priority"][0] for order in permutations(seen)
    ]
    assert len(set(orders)) == 1


IDS = [f"{n:03}" for n in range(100)]
FLOOD = {"loop": Limit(doubt=0.3, precision=0.8), "rare": Limit(doubt=1, precision=0.5)}


def line(policy: Policy) -> list[str]:
    """The order in which rows are seen when `loop` is on 30 of 100 rows and `rare`, worth less, on the last."""
    seen = [(key, "loop", 0.4) for key in IDS[:30]] + [(IDS[-1], "rare", 1.0)]
    return queue(verdicts(rows(IDS), judged(found(*seen), policy, 100), policy), found())["conversation_id"].to_list()


def spread(**more: Any) -> Policy:
    return Policy.model_validate({"budget": 0.1, "too_common": 1, "usual_share": 0.02, "limits": FLOOD, **more})


def test_a_flood_of_one_doubt_does_not_crowd_out_a_rare_one():
    assert line(spread())[0] == IDS[-1]
    assert line(spread(usual_share=1.0))[-1] == IDS[-1]


def test_of_a_flood_the_strongest_come_before_the_rare_one_and_the_others_after():
    seen = [(key, "loop", 0.3 + n / 1000) for n, key in enumerate(IDS[:30])] + [(IDS[-1], "rare", 1.0)]
    table = verdicts(rows(IDS), judged(found(*seen), spread(), 100), spread())
    assert queue(table, found())["conversation_id"].to_list()[:4] == [IDS[28], IDS[29], IDS[27], IDS[-1]]


def test_a_flood_in_one_language_takes_nothing_from_the_other():
    both = pl.concat([rows(IDS[:50], "en"), rows(IDS[50:], "ar")])
    seen = [(key, "loop", 0.5) for key in IDS[:40]] + [(IDS[-1], "loop", 0.4)]
    table = verdicts(both, judged(found(*seen), spread(), 100), spread())
    assert queue(table, found())["conversation_id"][0] == IDS[-1]


def test_one_doubt_in_a_handful_of_rows_keeps_its_precision():
    few = rows(IDS[:3])
    table = verdicts(few, judged(found((IDS[0], "loop", 0.4)), spread(), 3), spread())
    assert table["priority"].max() == 0.8


def test_a_doubt_whose_precision_was_measured_as_common_as_it_is_keeps_it():
    measured = FLOOD | {"loop": Limit(doubt=0.3, precision=0.8, usual_share=0.3)}
    assert line(spread(limits=measured))[-1] == IDS[-1]


def test_the_strongest_finding_comes_first_whichever_side_is_bad():
    rules = policy(usual_share=0.01)
    loops = judged(found(("a", "loop", 0.4), ("b", "loop", 0.5), ("c", "loop", 0.45)), rules, 3)
    few = judged(found(("a", "words", 2), ("b", "words", 4), ("c", "words", 3)), rules, 3)
    assert queue(verdicts(rows("abc"), loops, rules), loops)["conversation_id"].to_list() == ["b", "c", "a"]
    assert queue(verdicts(rows("abc"), few, rules), few)["conversation_id"].to_list() == ["a", "c", "b"]


def test_doubts_that_agree_come_before_any_of_them_alone():
    rules = policy()
    seen = judged(found(("a", "loop", 0.5), ("b", "mail", 1), ("c", "loop", 0.4), ("c", "mail", 1)), rules, 3)
    assert queue(verdicts(rows("abc"), seen, rules), seen)["conversation_id"][0] == "c"


# -- what is in force --------------------------------------------------------------------------------------------------


def told(**more: Any) -> Code:
    return Code.model_validate({"check": "loops", "severity": "doubt", "words": {"en": "w", "ar": "w"}, **more})


CODES = {
    "loop": told(limit={"doubt": 0.3, "precision": 0.8}, presets={"strict": {"doubt": 0.1}}),
    "judge_x": told(limit={"doubt": 1}),
    "pii_card": told(),
}


def section(**more: Any) -> dict[str, Any]:
    presets = {"balanced": {}, "strict": {"budget": 0.3, "pii": {"card": "reject"}}}
    return {"budget": 0.1, "too_common": 1, "pii": {"card": "mask"}, "presets": presets, **more}


def forced(**more: Any) -> Policy:
    return in_force(Route.model_validate(section(**more)), CODES)


def test_a_preset_changes_what_it_names_and_nothing_else():
    strict, balanced = forced(preset="strict"), forced()
    assert (strict.budget, strict.pii["card"], strict.limits["loop"]) == (
        0.3,
        "reject",
        Limit(doubt=0.1, precision=0.8),
    )
    assert (balanced.budget, balanced.pii["card"], balanced.limits["loop"].doubt) == (0.1, "mask", 0.3)
    assert strict.limits["pii_card"] == balanced.limits["pii_card"]


def test_what_params_say_of_a_limit_wins_over_the_check_and_its_presets():
    for preset in ("balanced", "strict"):
        loop = forced(preset=preset, limits={"loop": {"doubt": 0.2, "fatal": 0.9}}).limits["loop"]
        assert loop == Limit(doubt=0.2, fatal=0.9, precision=0.8)
    assert forced(limits={"loop": {"doubt": None}}).limits["loop"] == Limit(precision=0.8)


def test_the_place_of_a_value_is_where_it_is_in_force():
    strict = Route.model_validate(section(preset="strict", limits={"loop": {"doubt": 0.2}}))
    assert strict.place(CODES, "limits", "loop", "doubt") == "route.limits.loop.doubt"
    assert strict.place(CODES, "limits", "loop", "precision") == "curation/checks/loops.yaml"
    assert strict.place(CODES, "budget") == "route.presets.strict.budget"
    assert strict.place(CODES, "pii", "card") == "route.presets.strict.pii.card"
    assert Route.model_validate(section()).place(CODES, "budget") == "route.budget"
    assert Route.model_validate(section()).place(CODES, "pii", "card") == "route.pii.card"


@pytest.mark.parametrize("preset", ["lenient", "balanced", "strict"])
def test_the_presets_that_ship_are_loaded(preset: str):
    assert shipped_policy(preset=preset).preset == preset


def test_no_check_speaks_of_a_preset_that_does_not_ship():
    assert {preset for code in codes().values() for preset in code.presets} <= set(params("route")["presets"])


def test_stricter_presets_accept_less_of_the_same_findings():
    seen = [
        ("outlier", 0.99),
        ("repetition", 0.3),
        ("unanswered_question", 1),
        ("pii_card", 1),
        ("ungrounded_price", 1),
    ]
    findings = found(*[(key, code, value) for key, (code, value) in zip("abcde", seen, strict=True)])

    def accepted(preset: str) -> set[str]:
        rules = shipped_policy(preset=preset, too_common=1)
        table = verdicts(rows("abcde"), judged(findings, rules, 5), rules)
        return set(table.filter(pl.col("verdict") == "accept")["conversation_id"])

    assert accepted("strict") < accepted("balanced") < accepted("lenient")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"limits": {"lop": {"doubt": 1}}}, r"route.limits: no check reports lop; did you mean loop\?"),
        ({"presets": {"strict": {"pii": {"shoe": "mask"}}}}, r"presets.strict.pii.* has no shoe"),
        ({"limits": {"loop": {"dout": 1}}}, r"limits.loop: dout"),
        ({"presets": {"strict": {"bugdet": 1}}}, r"presets.strict.bugdet"),
        ({"presets": {"strict": {"budget": 2}}}, r"presets.strict.budget"),
        ({"preset": "tight"}, r"no 'tight'; expected one of strict"),
        ({"preset": "tight", "presets": {}}, r"no 'tight'; expected one of balanced"),
        ({"limits": {"judge_x": {"fatal": 1}}}, r"judge_x: .*never the only ground to drop"),
        ({"limits": {"pii_card": {"doubt": 1}}}, r"route.pii says what becomes of it"),
        ({"limits": {"loop": 0.3}}, "loop"),
        ({"presets": ["strict"]}, "presets"),
        ({"limits": ["loop"]}, "limits"),
        ({"limits": {"loop": {"doubt": float("nan")}}}, "finite"),
        ({"pii": {}}, r"card stands in only one of route.pii and the codes"),
        ({"pii": {"card": "mask", "shoe": "mask"}}, r"shoe stands in only one of route.pii and the codes"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_with_its_place(wrong: dict[str, Any], said: str):
    with pytest.raises((QiratError, ValidationError), match=said):
        forced(**{"preset": "strict", "presets": {"strict": {}}} | wrong)


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_a_code_that_score_did_not_write_stops_with_the_cure():
    with pytest.raises(QiratError, match=r"codes.json lacks novel; run `dvc repro score`"):
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
    line = queue(verdicts(rows("abc"), findings, rules), findings)
    assert line.select("rank", "conversation_id", "verdict").rows() == [(1, "b", "review"), (2, "a", "held")]


def test_a_rare_language_is_ranked_with_all_the_rows():
    table = pl.concat([rows(f"{n:04}" for n in range(980)), rows((f"{n:04}" for n in range(980, 1000)), "mixed")])
    seen = [(f"{n:04}", "mail", 2.0) for n in range(400)] + [(f"{n:04}", "mail", 3.0) for n in range(980, 1000)]
    rules = policy(usual_share=0.02)
    decided = verdicts(table, judged(found(*seen), rules, 1000), rules)
    priority = dict(decided.select("conversation_id", "priority").iter_rows())
    assert priority["0990"] == 0.9  # the twenty strongest of a thousand are as many as usual
    assert priority["0000"] < 0.1


# -- facts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("treatment", "verdict"),
    [("unlearn", "accept"), ("ground", "accept"), ("report", "accept"), ("review", "review"), ("reject", "reject")],
)
def test_what_becomes_of_facts_is_said_by_kind(treatment: str, verdict: str):
    rules = shipped_policy(facts={"price": treatment}, too_common=1, budget=1)
    for code, expected in (("ungrounded_price", verdict), ("ungrounded_date", "accept")):
        table = verdicts(rows("a"), judged(found(("a", code, 3)), rules, 1), rules)
        assert table["verdict"].to_list() == [expected]


def test_by_default_no_row_is_kept_from_training_for_its_facts():
    shipped = shipped_policy()
    kinds = {code.removeprefix("ungrounded_") for code in codes() if code.startswith("ungrounded_")}
    assert kinds == set(KINDS) == set(shipped.facts)
    assert set(shipped.facts.values()) == {"unlearn"}
    assert shipped_policy(facts={}).facts == shipped.facts


@pytest.mark.parametrize(
    "written", [{"facts": {"prise": "unlearn"}}, {"presets": {"strict": {"facts": {"prise": "review"}}}}]
)
def test_a_kind_of_fact_that_there_is_not_is_named_with_its_likeness(written: dict[str, Any]):
    with pytest.raises(QiratError, match=r"facts: no fact is of the kind prise.*price"):
        shipped_policy(**written)


def test_a_limit_on_facts_is_refused_for_it_would_decide_beside_their_treatment():
    with pytest.raises(QiratError, match=r"ungrounded_price: route\.facts says"):
        shipped_policy(limits={"ungrounded_price": {"doubt": 1}})
