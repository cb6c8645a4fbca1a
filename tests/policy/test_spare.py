"""Places that doubts leave, and doubts for which there are no places."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.checks.check import FINDINGS
from curation.core.record.codes import Limit
from curation.curate.fates import CURATED, decided
from curation.policy.floods import floods, sentence
from curation.policy.limits import Blind, Policy, expecting
from curation.policy.queue import purpose, with_blind_samples
from curation.policy.spare import spare
from curation.policy.verdicts import causes, judged, verdicts
from curation.score.notes import NOTES

LIMITS = {
    "doubtful_label": Limit(doubt=0.95, precision=0.6),
    "words": Limit(doubt=5, below=True),
    "fixed": Limit(doubt=1),
    "note": Limit(),
    "pii_email": Limit(),
    "ungrounded_price": Limit(),
}
IDS = [f"{n:02}" for n in range(40)]


def policy(budget: float = 0.25, **more: Any) -> Policy:
    given_ = {"budget": budget, "too_common": 1, "limits": LIMITS, "pii": {"email": "review"}, **more}
    given_["facts"] = {"price": "review"}
    return Policy.model_validate({"blind": Blind(accepted=3, rejected=0), **given_})


def found(*seen: tuple[str, str, float]) -> pl.DataFrame:
    rows = [{"conversation_id": key, "check": "c", "code": code, "value": value} for key, code, value in seen]
    return pl.DataFrame(rows, schema=FINDINGS)


ROWS = pl.DataFrame({"conversation_id": IDS, "language": ["ar", "en"] * 20})


def placed(seen: pl.DataFrame, rules: Policy) -> tuple[pl.DataFrame, pl.DataFrame]:
    findings = judged(seen, rules, len(IDS))
    decided = verdicts(ROWS, findings, rules)
    return spare(ROWS, findings, decided, rules), decided


def test_places_that_no_doubt_takes_go_to_the_likeliest_below_the_limit_and_these_rows_stay_accepted():
    rules = policy(blind=Blind(accepted=0, rejected=0))
    seen = [(key, "doubtful_label", 0.5 + n / 100) for n, key in enumerate(IDS)] + [(IDS[0], "doubtful_label", 0.97)]
    line, decided = placed(found(*seen), rules)
    assert line["conversation_id"].to_list() == IDS[:-10:-1]  # ten places, one of them a doubt's
    assert set(line["reason"]) == {"below_limit"}
    assert set(decided.join(line, on="conversation_id", how="semi")["verdict"]) == {"accept"}
    assert line["evidence"][0].to_list() == ["doubtful_label: "]


def test_on_the_low_side_the_nearest_to_the_limit_come_first():
    rules = policy(budget=0.05, blind=Blind(accepted=0, rejected=0))
    line, _ = placed(found(("00", "words", 50.0), ("01", "words", 6.0), ("02", "words", 9.0)), rules)
    assert line["conversation_id"].to_list() == ["01", "02"]


@pytest.mark.parametrize("seen", [("05", "note", 9.0), ("05", "fixed", 0.0)])
def test_what_no_limit_speaks_of_takes_no_place(seen: tuple[str, str, float]):
    assert placed(found(seen), policy())[0].is_empty()


seen_anything = st.lists(
    st.tuples(st.sampled_from(IDS), st.sampled_from(sorted(LIMITS)), st.floats(0.01, 1)), max_size=80
)


@settings(deadline=None, max_examples=40)
@given(seen_anything, st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_the_budget_is_spent_to_the_last_place_as_long_as_anything_was_seen(
    seen: list[tuple[str, str, float]], budget: float
):
    rules = policy(budget)
    line, decided = placed(found(*seen), rules)
    paid = decided.filter(verdict="review").height + line.height
    assert paid <= budget * len(IDS)
    queue = with_blind_samples(line, decided, rules.blind)
    assert queue["conversation_id"].is_unique().all()
    drawn = queue.filter(reason="blind_accepted")["conversation_id"].to_list()
    doubted = decided.filter(verdict="held").height
    below = {key for key, code, value in seen if code == "doubtful_label" and value < 0.95}
    left = below & set(decided.filter(verdict="accept")["conversation_id"]) - set(drawn)
    assert paid == int(budget * len(IDS)) or (doubted == 0 and left <= set(line["conversation_id"]))
    assert placed(found(*reversed(seen)), rules)[0]["conversation_id"].equals(line["conversation_id"])


# -- the share of wrong labels -----------------------------------------------------------------------------------------


def noted(low: float) -> pl.DataFrame:
    return pl.DataFrame([{"code": "wrong_labels", "value": low + 0.05, "low": low}], schema=NOTES)


def test_where_many_labels_are_wrong_their_doubts_come_before_others():
    rules = policy(budget=0.2, usual_share=0.02, blind=Blind(accepted=0, rejected=0))
    seen = found(*[(key, "doubtful_label", 0.99) for key in IDS[:8]], *[(key, "fixed", 1.0) for key in IDS[30:33]])

    def looked_at(rules: Policy) -> int:
        table = verdicts(ROWS, judged(seen, rules, len(IDS)), rules)
        return table.filter(pl.col("verdict") == "review", pl.col("code") == "doubtful_label").height

    assert looked_at(expecting(rules, noted(0.2))) == 8
    assert looked_at(expecting(rules, noted(0.001))) < 8
    assert expecting(rules, pl.DataFrame(schema=NOTES)) == rules


def test_a_usual_share_that_people_measured_stays():
    measured = policy(limits=LIMITS | {"doubtful_label": Limit(doubt=0.9, usual_share=0.05)})
    assert expecting(measured, noted(0.3)) == measured


# -- floods ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "setting", "freed"),
    [
        ([(key, "fixed", 1.0) for key in IDS[:20]], "route.fixed.doubt=null", 20),
        ([(key, "pii_email", 1.0) for key in IDS[:12]], "route.pii.email=mask", 12),
        ([(key, "ungrounded_price", 1.0) for key in IDS[:12]], "route.facts.price=unlearn", 12),
        ([(key, "words", n / 10) for n, key in enumerate(IDS[:20])], "route.words.doubt=0.5", 15),
        (
            [(key, "doubtful_label", 0.95 + n / 1000) for n, key in enumerate(IDS[:20])],
            "route.doubtful_label.doubt",
            15,
        ),
    ],
)
def test_a_code_that_doubts_more_rows_than_the_budget_is_named_with_what_frees_most(
    seen: list[tuple[str, str, float]], setting: str, freed: int
):
    table = floods(ROWS, found(*seen), policy())
    assert table.select("code", "rows", "freed").rows() == [(seen[0][1], len(seen), freed)]
    assert table["setting"][0].startswith(setting)
    assert f"{len(seen)} rows, more than the 10 that people" in sentence(table.row(0, named=True), 10)


def test_doubts_within_the_budget_are_no_flood():
    assert floods(ROWS, found(*[(key, "fixed", 1.0) for key in IDS[:10]]), policy()).is_empty()


# -- what becomes of them ----------------------------------------------------------------------------------------------


def test_the_ledger_says_why_an_accepted_row_is_in_the_queue_and_people_see_its_doubts():
    line, table = placed(found(("07", "doubtful_label", 0.9)), policy(blind=Blind(accepted=0, rejected=0)))
    asked = table.join(line.select("conversation_id", "reason"), on="conversation_id", how="left")
    fates = decided(
        asked, {}, pl.DataFrame(schema=CURATED), causes(found().with_columns(severity=pl.lit("doubt")), policy())
    )
    told = {row["conversation_id"]: (row["outcome"], row["evidence"]) for row in fates.iter_rows(named=True)}
    assert told["07"][0] == told["08"][0] == "accepted"
    assert "below every limit" in told["07"][1]
    assert told["08"][1] is None
    assert line.select(purpose())["reason"].to_list() == ["doubt"]
