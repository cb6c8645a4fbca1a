"""The figures about a review, against truths that are known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.consensus.chance import FEWEST, chances
from curation.consensus.insight import FINDINGS, Reviewed, durations, insight, metrics, overturned, pace
from curation.core.statistics.agreement import alpha, false_rate
from curation.decisions.answers import Answer
from curation.decisions.decisions import Decision

CODES = {"codes": pl.List(pl.String)}


def key(number: int) -> str:
    return f"{number * 2654435761 % 2**32:08x}{number:024x}"


def answer(number: int, annotator: str, decision: Any, at: str = "2026-01-05T10:00:00+00:00", **more: Any) -> Answer:
    return Answer(key(number), annotator, decision, at=at, **more)


def minutes(*times: str, started: Sequence[str] = ()) -> list[float]:
    given = [
        answer(n, "sara", "keep", f"2026-01-05T{time}:00+00:00", started=begun and f"2026-01-05T{begun}:00+00:00")
        for n, (time, begun) in enumerate(zip(times, started or [""] * len(times), strict=True))
    ]
    return durations(given)["sara"]


def reviewed(rows: Sequence[dict[str, Any]], **more: Any) -> Reviewed:
    """Conversations 0, 1, ... with their verdicts; those in review or held are queued."""
    table = pl.DataFrame(
        [
            {"conversation_id": key(n), "verdict": "review", "codes": ["outlier"], "priority": 0.5, "reason": "doubt"}
            | row
            for n, row in enumerate(rows)
        ],
        schema_overrides=CODES,
    )
    queue = table.filter(pl.col("verdict").is_in(["review", "held"]) | (pl.col("reason") != "doubt"))
    findings = pl.DataFrame(schema=dict.fromkeys(FINDINGS[:2], pl.String) | {"value": pl.Float64})
    return Reviewed(table, queue, findings, **more)


def decided(number: int, choice: Any, **more: Any) -> Decision:
    return Decision(conversation_id=key(number), decision=choice, **more)


# -- how fast ----------------------------------------------------------------------------------------------------------


def test_minutes_are_the_gaps_between_a_persons_answers_without_breaks() -> None:
    assert minutes("10:00", "10:02", "10:05", "11:00", "11:01") == [2, 3, 1]


def test_minutes_count_from_when_a_record_was_opened_where_that_is_known() -> None:
    assert minutes("10:00", "10:30", started=["09:59", "10:26"]) == [1, 4]


def test_pace_is_answers_an_hour_of_work() -> None:
    [row] = pace({"sara": [2.0, 3.0, 1.0], "new": []}).to_dicts()
    assert row == {"annotator": "sara", "timed": 3, "minutes": 2.0, "per_hour": 30.0}


# -- how much people agree ---------------------------------------------------------------------------------------------


def test_alpha_is_that_of_the_published_example() -> None:
    """Krippendorff (2011), section C: nominal data, four observers, missing values; alpha = 0.743."""
    observers = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]  # values 1 to 5, as there
    units = ["".join(o[n] for o in observers) for n in range(12)]
    assert krippendorff(units) == pytest.approx(0.743, abs=0.001)


def krippendorff(units: Sequence[str]) -> float:
    """By the definition, pair by pair."""
    pairs = [
        (a, b, 1 / (len(u) - 1))
        for u in (x.replace(".", "") for x in units)
        if len(u) > 1
        for i, a in enumerate(u)
        for j, b in enumerate(u)
        if i != j
    ]
    total = sum(w for *_, w in pairs)
    counts: dict[str, float] = {}
    for a, _, w in pairs:
        counts[a] = counts.get(a, 0) + w
    observed = sum(w for a, b, w in pairs if a != b) / total
    expected = sum(counts[a] * counts[b] for a in counts for b in counts if a != b) / (total * (total - 1))
    return 1 - observed / expected


@given(st.lists(st.text("ked", min_size=2, max_size=4), min_size=2, max_size=12))
def test_alpha_is_the_definition(units: list[str]) -> None:
    names = {"k": "keep", "e": "edit", "d": "drop"}
    answers = [answer(n, str(p), names[sign]) for n, unit in enumerate(units) for p, sign in enumerate(unit)]
    found = alpha((each.conversation_id, each.decision) for each in answers)
    if len(set("".join(units))) == 1:
        assert found is None
    else:
        assert found and found[0] == pytest.approx(krippendorff(units), abs=1e-4)


def test_alpha_of_single_answers_cannot_be_told() -> None:
    assert alpha([(str(n), "keep") for n in range(5)]) is None


# -- what the policy gets wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("population", "sample", "share"), [(4_000, 80, 0.05), (300, 60, 0.1), (400, 300, 0.2)])
def test_the_estimate_covers_the_truth_in_95_of_100_samples(population: int, sample: int, share: float) -> None:
    bad = round(population * share)
    covered = []
    for seed in range(200):
        found = int(np.random.default_rng(seed).hypergeometric(bad, population - bad, sample))
        _, low, high = false_rate(sample, found, population)
        covered.append(low <= share <= high)
    assert np.mean(covered) >= 0.95


@pytest.mark.parametrize(
    ("share", "right", "asked"), [(0.05, (0.85, 0.9), 40), (0.1, (0.9, 0.95), 20), (0.3, (0.8, 0.8), 30)]
)
def test_the_estimate_covers_the_truth_though_people_err(share: float, right: tuple[float, float], asked: int) -> None:
    covered, plain = [], []
    for seed in range(200):
        draw = np.random.default_rng(seed)
        bad = draw.hypergeometric(round(5_000 * share), round(5_000 * (1 - share)), 150)
        said = int(draw.binomial(bad, right[0]) + draw.binomial(150 - bad, 1 - right[1]))
        known = [(int(draw.binomial(asked, rate)), asked) for rate in right]
        _, low, high = false_rate(150, said, 5_000, *known)
        covered.append(low <= share <= high)
        plain.append(false_rate(150, said, 5_000)[1] <= share)
    assert np.mean(covered) >= 0.95 and np.mean(plain) < 0.95


@given(st.integers(1, 200), st.data())
def test_the_share_lies_in_its_interval_and_a_whole_population_leaves_no_doubt(decided: int, data: Any) -> None:
    changed = data.draw(st.integers(0, decided))
    share, low, high = false_rate(decided, changed, decided + data.draw(st.integers(0, 1_000)))
    assert 0 <= low <= share <= high <= 1
    assert len(set(false_rate(decided, changed, decided))) == 1
    share, low, high = false_rate(decided, changed, 2_000, (9, 10), (8, 10))
    assert 0 <= low <= share <= high <= 1


def test_people_who_answer_as_by_chance_tell_nothing() -> None:
    assert false_rate(100, 20, 1_000, (5, 20), (10, 20))[1:] == (0.0, 1.0)


def test_false_keeps_are_of_the_accepted_rows_that_people_saw_blindly() -> None:
    rows: list[dict[str, Any]] = [{"verdict": "accept", "codes": [], "reason": "blind_accepted"}] * 4 + [{}] * 2
    answers = [answer(n, "sara", "drop" if n == 0 else "keep", purpose="blind_accepted") for n in range(3)]
    answers += [answer(4, "sara", "drop")]
    found = insight(
        reviewed(rows, answers=answers, decisions=[decided(0, "edit", label="x", purpose="blind_accepted")])
    )
    assert found.false_keep and found.false_drop is None
    assert (found.false_keep.decided, found.false_keep.changed, found.false_keep.population) == (3, 1, 4)
    assert not found.false_keep.corrected


def test_false_drops_are_of_the_rows_that_the_sample_is_drawn_from() -> None:
    rows = [{"verdict": "reject", "codes": codes} for codes in (["loop"], ["loop"], ["evaluation_overlap", "loop"])]
    answers = [answer(n, "sara", "keep", purpose="blind_rejected") for n in (0, 2)]
    found = insight(reviewed(rows, answers=answers)).false_drop
    assert found and (found.decided, found.changed, found.population) == (1, 1, 2)


def test_gold_corrects_the_estimate_once_there_is_enough_of_it() -> None:
    rows = [{"verdict": "accept", "codes": [], "reason": "blind_accepted"}] * 50 + [{}] * 30
    gold: dict[str, Any] = {key(n): "drop" if n % 2 else "keep" for n in range(50, 80)}
    careless = [answer(n, "sara", "drop" if n % 5 == 0 else gold[key(n)], purpose="gold") for n in range(50, 80)]
    blind = [answer(n, "sara", "drop" if n % 5 == 0 else "keep", purpose="blind_accepted") for n in range(50)]
    found = insight(reviewed(rows, answers=[*blind, *careless], gold=gold)).false_keep
    assert found and found.corrected and found.changed == 10 and found.share < 0.1


# -- how right the checks are, and the whole ---------------------------------------------------------------------------


def test_a_check_is_overturned_by_what_people_kept_and_applied_decisions_do_not_count() -> None:
    verdicts = reviewed([{"codes": ["spam", "outlier"]}, {}, {}, {"verdict": "accept", "codes": []}]).verdicts
    decisions = [decided(0, "keep"), decided(1, "drop"), decided(3, "keep", purpose="blind_accepted")]
    rows = overturned(decisions, verdicts, []).to_dicts()
    assert [(row["code"], row["decided"], row["kept"], row["share"]) for row in rows] == [
        ("outlier", 2, 1, 0.5),
        ("spam", 1, 1, 1.0),
    ]
    applied = decided(2, "keep", applied_from=key(0), similarity=0.97)
    found = insight(reviewed([{}] * 3, answers=[answer(0, "sara", "keep")], decisions=[decided(0, "keep"), applied]))
    assert (found.decided, found.applied, found.overturned["decided"].to_list()) == (1, 1, [1])


def test_a_doubt_that_is_open_is_pending_or_held() -> None:
    blind = {"verdict": "accept", "reason": "blind_accepted"}
    found = insight(reviewed([{}, {}, {"verdict": "held"}, blind], decisions=[decided(0, "keep")]))
    assert (found.pending, found.held, found.answers, found.minutes, found.alpha) == (1, 1, 0, None, None)


def test_the_metrics_are_flat_finite_numbers_and_the_same_twice() -> None:
    rows: list[dict[str, Any]] = [{}] * 20 + [{"verdict": "accept", "codes": [], "reason": "blind_accepted"}] * 10
    answers = [
        answer(n, name, "drop" if (n + len(name)) % 3 else "keep", f"2026-01-05T10:{n:02}:00+00:00", purpose="doubt")
        for n in range(30)
        for name in ("sara", "omar h", "ليلى")
    ]
    review = reviewed(rows, answers=answers, decisions=[decided(n, "keep") for n in range(10)])
    numbers = metrics(insight(review))
    assert all(isinstance(value, int | float) and np.isfinite(value) for value in numbers.values())
    assert {"alpha", "annotator_ليلى_quality_low", "overturned_outlier", "pending"} <= set(numbers)
    assert metrics(insight(review)) == numbers


# -- chances -----------------------------------------------------------------------------------------------------------


def test_the_policy_speaks_until_enough_is_answered_and_never_about_blind_rows() -> None:
    verdicts = reviewed([{"priority": 0.3}, {"priority": 0.6}, {"priority": 0.9}]).verdicts
    answers = [answer(0, "sara", "keep"), answer(1, "sara", "drop"), answer(2, "sara", "keep", purpose="gold")]
    empty = pl.DataFrame(schema=dict.fromkeys(FINDINGS[:2], pl.String) | {"value": pl.Float64})
    assert chances(verdicts, empty, answers) == {key(0): 0.3, key(1): 0.6}


def test_chances_are_learned_from_the_findings_once_there_is_enough() -> None:
    draw = np.random.default_rng(3)
    rows, findings, answers = [], [], []
    for n in range(8 * FEWEST):
        code = "spam" if n % 2 else "outlier"
        changed = draw.random() < (0.9 if code == "spam" else 0.1)
        rows.append({"codes": [code]})
        findings.append((key(n), code, float(draw.random())))
        answers.append(answer(n, "sara", "drop" if changed else "keep"))
    table = pl.DataFrame(findings, schema=list(FINDINGS), orient="row")
    found = chances(reviewed(rows).verdicts, table, answers)
    assert np.mean([found[key(n)] for n in range(1, 8 * FEWEST, 2)]) > 0.8
    assert np.mean([found[key(n)] for n in range(0, 8 * FEWEST, 2)]) < 0.3
    assert chances(reviewed(rows).verdicts, table.sample(fraction=1, shuffle=True, seed=1), answers[::-1]) == found


def test_a_chance_never_learns_from_the_answer_it_is_about() -> None:
    rows = [{"codes": [f"code_{n}"]} for n in range(4 * FEWEST)]
    table = pl.DataFrame([(key(n), f"code_{n}", 1.0) for n in range(len(rows))], schema=list(FINDINGS), orient="row")
    answers = [answer(n, "sara", "drop" if n % 2 else "keep") for n in range(len(rows))]
    found = chances(reviewed(rows).verdicts, table, answers)
    assert all(0.3 < chance < 0.7 for chance in found.values()), "every code stands on one row: nothing can be known"
