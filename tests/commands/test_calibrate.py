import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from curation.checks.check import FINDINGS
from curation.checks.codes import codes
from curation.commands.calibrate import as_text, calibrate, observations, suggestion
from curation.core.record.codes import Limit
from curation.core.statistics.intervals import wilson
from curation.decisions.decisions import PATH, REASONS, Decision, write_decisions
from curation.harness.errors import QiratError
from curation.policy.limits import Route, in_force
from curation.policy.verdicts import judged
from tests.builders import ROOT, save_codes, shipped_policy, talk

POLICY = shipped_policy()
KEYS = [f"{n:032x}" for n in range(200)]


def found(*seen: tuple[int, str, float]) -> pl.DataFrame:
    rows = [{"conversation_id": KEYS[n], "code": code, "value": value} for n, code, value in seen]
    return judged(pl.DataFrame(rows, schema=FINDINGS), POLICY, len(KEYS))


def decided(n: int, decision: str, *reasons: str, label: str | None = None) -> Decision:
    messages = tuple(talk("a", "better")) if decision == "edit" and label is None else None
    return Decision(conversation_id=KEYS[n], decision=decision, reasons=reasons, messages=messages, label=label)  # type: ignore[arg-type]


def said(decision: Decision, *found_codes: str) -> dict[str, bool]:
    """Code -> confirmed, of one decision on a row with these codes."""
    table = observations([decision], found(*[(0, code, 1.0) for code in found_codes]), POLICY, codes())
    return dict(table.select("code", "confirmed").iter_rows())


def test_a_keep_is_a_false_alarm_for_every_doubt_of_the_row():
    assert said(decided(0, "keep"), "outlier", "doubtful_label") == {"outlier": False, "doubtful_label": False}


def test_a_reason_confirms_the_doubt_it_names_and_says_nothing_of_others():
    assert said(decided(0, "drop", "invented_fact"), "outlier", "ungrounded_price") == {"ungrounded_price": True}
    assert said(decided(0, "edit", label="refund"), "outlier", "doubtful_label") == {"doubtful_label": True}


def test_without_a_fitting_reason_all_doubts_are_confirmed_and_marked_as_shared():
    table = observations(
        [decided(0, "drop", "not_useful"), decided(1, "drop")],
        found((0, "outlier", 1.0), (1, "outlier", 1.0), (1, "doubtful_label", 0.99)),
        POLICY,
        codes(),
    )
    assert table["confirmed"].all()
    assert table.filter("shared")["conversation_id"].unique().to_list() == [KEYS[1]]


def test_what_decides_nothing_is_not_confirmed_by_a_drop_for_another_doubt():
    assert said(decided(0, "drop"), "outlier", "unanswered_question") == {"outlier": True}


def test_decisions_on_rows_without_findings_count_for_nothing():
    assert observations([decided(5, "drop")], found((0, "outlier", 1.0)), POLICY, codes()).is_empty()


def test_every_reason_that_annotators_can_tick_confirms_something():
    assert {reason for code in codes().values() for reason in code.confirmed_by} == set(REASONS)


def values(confirmed: list[float], refuted: list[float], doubt: float) -> pl.DataFrame:
    rows = [(value, True) for value in confirmed] + [(value, False) for value in refuted]
    return pl.DataFrame(rows, schema=["value", "confirmed"], orient="row").with_columns(
        doubt=pl.col("value") >= doubt, shared=pl.lit(False)
    )


def test_the_limit_rises_to_where_people_agree():
    rows = values([0.9 + n / 1000 for n in range(30)], [0.5 + n / 1000 for n in range(60)], 0.5)
    suggested, _ = suggestion(rows, Limit(doubt=0.5, precision=0.5), 0.7)
    assert 0.55 < suggested["doubt"] <= 0.9
    assert suggested["precision"] > 0.7


def test_the_limit_falls_where_people_confirm_what_only_was_reported():
    rows = values([0.5 + n / 1000 for n in range(60)], [], 0.55)
    assert suggestion(rows, Limit(doubt=0.55, precision=0.5), 0.7)[0] == {"doubt": 0.5, "precision": 0.99}


def test_a_limit_does_not_fall_to_rows_that_nobody_confirmed():
    rows = values([0.6] * 80, [0.5] * 3, 0.55)
    assert "doubt" not in suggestion(rows, Limit(doubt=0.55, precision=0.5), 0.3)[0]


def test_a_limit_does_not_rise_to_where_rows_are_rejected_anyway():
    rows = values([0.9] * 30, [0.5] * 90, 0.4)
    assert suggestion(rows, Limit(doubt=0.4), 0.7)[0]["doubt"] == 0.9
    assert "doubt" not in suggestion(rows, Limit(doubt=0.4, fatal=0.8), 0.7)[0]


def test_a_limit_from_below_is_suggested_on_its_own_side():
    rows = values([1.0] * 15 + [2.0] * 15, [6.0] * 40, 0).with_columns(doubt=pl.lit(True))
    suggested, _ = suggestion(rows, Limit(doubt=7, below=True, precision=0.5), 0.7)
    assert suggested == {"doubt": 6.0, "precision": 0.99}  # below 6


def test_few_decisions_or_poor_ones_suggest_no_limit_and_say_so():
    assert suggestion(values([0.9] * 5, [], 0.5), Limit(doubt=0.5), 0.3) == ({}, "fewer than 20 decisions")
    suggested, note = suggestion(values([0.9], [0.9] * 40, 0.5), Limit(doubt=0.5), 0.5)
    assert "doubt" not in suggested
    assert "no limit" in note


def test_what_fits_already_is_left_alone():
    rows = values([0.9] * 30, [0.9] * 10, 0.5)
    assert suggestion(rows, Limit(doubt=0.5, precision=0.75), 0.5)[0] == {}


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_interval_holds_the_share_and_stays_between_0_and_1(confirmed: int, more: int):
    low, high = wilson(confirmed, confirmed + more)
    share = confirmed / (confirmed + more) if confirmed + more else 0.5
    assert 0 <= low <= share + 1e-4
    assert share - 1e-4 <= high <= 1


def test_the_interval_is_wilsons():
    assert wilson(8, 10) == (0.4902, 0.9433)  # as R: binom::binom.wilson(8, 10)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """60 of 200 rows are outliers; people decided on all of these and dropped the strongest 30."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    save_codes(tmp_path)
    for folder in ("scored", "dedup"):
        (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
    strengths = [0.995 + n / 20_000 for n in range(60)]
    rows = [{"conversation_id": KEYS[n], "code": "outlier", "value": v} for n, v in enumerate(strengths)]
    pl.DataFrame(rows, schema=FINDINGS).write_parquet("data/scored/findings.parquet")
    clusters = pl.DataFrame({"conversation_id": KEYS, "survivor": [True] * len(KEYS)})
    clusters.write_parquet("data/dedup/clusters.parquet")
    write_decisions([decided(n, "drop" if n >= 30 else "keep") for n in range(60)])
    return tmp_path


def test_the_suggestion_can_be_pasted_and_does_what_it_says(project: Path):
    answer = calibrate(target=0.8)
    outlier = answer["codes"][0]
    assert (outlier["decisions"], outlier["confirmed"], outlier["share"]) == (60, 30, 0.5)
    assert outlier["low"] < 0.5 < outlier["high"]
    pasted = yaml.safe_load(answer["params"])["route"]["limits"]["outlier"]
    assert pasted["doubt"] > 0.995
    assert pasted["precision"] > 0.8
    assert pasted["usual_share"] > POLICY.usual_share  # measured while so many rows had it
    assert Limit.model_validate(pasted)
    assert "Nothing was changed" in as_text(answer)


def test_nothing_changes_by_itself(project: Path):
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    calibrate(0.3)
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_the_suggestion_keeps_what_params_say_of_the_code_and_holds_under_any_preset(project: Path):
    written = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    written["route"] |= {"preset": "strict", "limits": {"outlier": {"fatal": 2.0}}}
    Path("params.yaml").write_text(yaml.safe_dump(written), "utf-8")
    pasted = yaml.safe_load(calibrate(0.8)["params"])["route"]["limits"]
    assert pasted["outlier"]["fatal"] == 2.0
    assert (
        in_force(Route.model_validate(written["route"] | {"limits": pasted}), codes()).limits["outlier"].doubt
        == (pasted["outlier"]["doubt"])
    )


def test_before_anyone_decided_the_way_there_is_told(project: Path):
    write_decisions([])
    with pytest.raises(QiratError, match="qirat review push"):
        calibrate(0.3)
    PATH.unlink()
    with pytest.raises(QiratError, match="qirat review push"):
        calibrate(0.3)


def test_every_doubt_that_ships_can_be_confirmed_by_a_reason():
    assert [name for name, code in codes().items() if code.limit.doubt is not None and not code.confirmed_by] == []
