"""On tables as the stages leave them, with the params that ship."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from curation.checks.check import FINDINGS
from curation.commands.whatif import as_text, whatif
from curation.harness.errors import QiratError
from curation.policy.verdicts import judged, verdicts
from curation.score.notes import NOTES
from tests.builders import ROOT, record, save_codes, shipped_policy, talk

ROWS = record(*[talk(f"question {n}, write to me at m{n}@example.com", f"reply {n}") for n in range(40)])
IDS = ROWS["conversation_id"].to_list()


@pytest.fixture(autouse=True)
def scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """40 survivors: row n is an outlier of 0.96 + n / 1000, the first ten have an email address."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    seen = [(key, "outlier", 0.96 + n / 1000, 0.95) for n, key in enumerate(IDS)]
    seen += [(key, "pii_email", 1.0, None) for key in IDS[:10]]
    findings = pl.DataFrame(
        [{"conversation_id": k, "code": code, "value": value, "threshold": least} for k, code, value, least in seen],
        schema=FINDINGS,
    )
    save("scored/findings", findings)
    save("scored/notes", pl.DataFrame(schema=NOTES))
    save_codes(tmp_path)
    save("dedup/clusters", ROWS.select("row_id", "conversation_id", survivor=pl.lit(True)))
    save("ingested/conversations", ROWS)
    return tmp_path


def save(name: str, table: pl.DataFrame) -> None:
    path = Path("data") / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path)


def moves(answer: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {(way["from"], way["to"]): way["rows"] for way in answer["moves"]}


def test_the_answer_is_what_route_would_write():
    answer = whatif(["route.limits.outlier.doubt=0.98", "route.budget=0.25"])
    policy = shipped_policy(limits={"outlier": {"doubt": 0.98}}, budget=0.25)
    found = judged(pl.read_parquet("data/scored/findings.parquet"), policy, 40)
    routed = dict(verdicts(ROWS, found, policy)["verdict"].value_counts().iter_rows())
    assert answer["then"] == {"accept": 0, "review": 0, "held": 0, "reject": 0} | routed
    assert answer["now"] == {"accept": 35, "review": 4, "held": 1, "reject": 0}
    assert moves(answer) == {("accept", "held"): 10, ("accept", "review"): 5, ("held", "review"): 1}


def test_both_directions_are_told_with_examples():
    answer = whatif(["outlier.doubt=0.998", "pii.email=review"], examples=1)
    assert {("review", "accept"), ("accept", "held")} <= set(moves(answer))
    assert all(len(way["examples"]) == 1 for way in answer["moves"])
    assert {c["code"]: (c["now"], c["then"]) for c in answer["codes"]} == {"outlier": (5, 2), "pii_email": (0, 10)}


def test_examples_say_what_was_seen_and_show_no_personal_data():
    answer = whatif(["route.pii.email=reject"])
    example = answer["moves"][0]["examples"][0]
    assert ["pii_email", 1.0] in example["values"]
    assert "question" in example["words"][0]
    assert "example.com" not in json.dumps(answer)


@pytest.mark.parametrize(
    "setting", ["route.limits.outlier.doubt=0.98", "route.outlier.doubt=0.98", "limits.outlier.doubt=0.98"]
)
def test_a_limit_may_be_named_in_short(setting: str):
    ours = "route.limits.outlier.doubt: 0.995 (curation/checks/outliers.yaml) -> 0.98"
    assert whatif([setting])["settings"] == [ours]


def test_null_takes_a_limit_away():
    assert whatif(["outlier.doubt=null"])["then"]["accept"] == 40


def test_under_a_preset_the_place_that_wins_is_named():
    said = whatif(["outlier.doubt=0.97", "budget=0.3", "pii.card=mask", "pii.email=review"], "strict")["settings"]
    assert said == [
        "route.preset: balanced -> strict",
        "route.limits.outlier.doubt: 0.995 (curation/checks/outliers.yaml) -> 0.97",
        "route.presets.strict.budget: 0.1 -> 0.3",
        "route.presets.strict.pii.card: mask -> mask",
        "route.pii.email: mask -> review",
    ]


def test_a_limit_that_params_hold_already_is_told_as_it_stands_there(scored: Path):
    written = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    written["route"]["limits"] = {"outlier": {"doubt": 0.99}}
    Path("params.yaml").write_text(yaml.safe_dump(written), "utf-8")
    assert whatif(["outlier.doubt=0.97"])["settings"] == ["route.limits.outlier.doubt: 0.99 -> 0.97"]


def test_a_limit_below_what_the_check_reports_is_said_to_be_out_of_sight():
    assert "0.95" in whatif(["outlier.doubt=0.9"])["notes"][0]
    assert whatif(["outlier.doubt=0.96"])["notes"] == []


def test_nothing_is_written(scored: Path):
    before = {path: path.read_bytes() for path in scored.rglob("*") if path.is_file()}
    as_text(whatif(["outlier.doubt=0.97"], "strict"))
    assert {path: path.read_bytes() for path in scored.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("route.outlir.doubt=1", r"did you mean limits.outlier.doubt"),
        ("route.outlier=1", "did you mean limits.outlier"),
        ("route.presets.strict.budget=1", "route has no"),
        ("budget=2", "less than or equal to 1"),
        ("pii.email=maks", "'mask'"),
        ("budget", "sets nothing"),
        ("budget=[", "is no value"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_could(setting: str, said: str):
    with pytest.raises(QiratError, match=said):
        whatif([setting])


def test_the_text_says_that_decisions_stand_and_when_nothing_moves():
    assert "what people decided stands" in as_text(whatif(["outlier.doubt=0.97"]))
    assert "No row would move" in as_text(whatif(["outlier.doubt=0.9945"]))


def test_a_code_that_doubts_more_than_the_budget_is_named_with_a_setting_that_frees_what_it_says():
    answer = whatif(["outlier.doubt=0.96"])
    flood = answer["floods"][0]
    assert (flood["code"], flood["rows"]) == ("outlier", 40)
    assert f"outlier doubts 40 rows, more than the 4 that people can look at; {flood['setting']}" in as_text(answer)
    after = whatif(["outlier.doubt=0.96", flood["setting"]])
    assert after["then"]["accept"] == flood["freed"]
    assert after["floods"] == []
