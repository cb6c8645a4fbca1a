import random
from collections import Counter
from typing import Any

import polars as pl
import pytest

from benchmarks.review import simulation as simulation
from benchmarks.review.simulation import Case, Person, answered, curve, team
from curation.checks.check import FINDINGS
from curation.policy.verdicts import VERDICTS


def key(n: int) -> str:
    return f"{n:032x}"


@pytest.fixture
def case() -> Case:
    """Forty rows, English and Arabic in turn. The likelier half of ten doubtful ones and an accepted one are wrong."""
    chances = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05]
    rows = [(key(n), "review", ["loop"], chance) for n, chance in enumerate(chances)]
    rows += [(key(n), "accept", [], 0.0) for n in range(10, 40)]
    names = ("conversation_id", "verdict", "codes", "priority")
    verdicts = pl.DataFrame([dict(zip(names, row, strict=True)) for row in rows], schema=VERDICTS)
    queue = verdicts.head(10).select(
        "conversation_id",
        "priority",
        "codes",
        "verdict",
        rank=pl.int_range(1, pl.len() + 1),
        reason=pl.lit("doubt"),
        evidence=pl.lit([], pl.List(pl.String)),
        group="conversation_id",
    )
    languages = verdicts.select(
        "conversation_id", row_id="conversation_id", language=pl.Series(["en", "ar"] * 20, dtype=pl.String)
    )
    defects = {key(n) for n in (0, 1, 2, 3, 4, 30)}
    right: dict[str, Any] = {row[0]: "drop" if row[0] in defects else "keep" for row in rows}
    return Case(languages, pl.DataFrame(schema=FINDINGS), verdicts, queue, right)


def test_annotators_are_right_as_often_as_they_should_be():
    draw = random.Random(1)
    said = Counter(Person("a", 0.8).says("edit", draw) for _ in range(4000))
    assert said["edit"] == pytest.approx(3200, abs=90)
    assert said["keep"] == pytest.approx(400, abs=80)
    assert {Person("b", 0.0, "keep").says("drop", draw) for _ in range(20)} == {"keep"}


def test_every_conversation_gets_two_answers_of_different_people():
    answers = answered(
        [(key(n), "doubt") for n in range(50)],
        {key(n): "keep" for n in range(50)},
        team(random.Random(1), "guess"),
        random.Random(2),
    )
    asked = Counter(answer.conversation_id for answer in answers)
    assert set(asked.values()) == {2}
    assert len({(answer.conversation_id, answer.annotator) for answer in answers}) == len(answers)


def test_the_curve_counts_answers_until_so_many_defects_are_left(case: Case):
    found = curve(case)["all"]
    assert found["planted"] == 6
    assert (found["queue"]["0.5"], found["queue"]["0.2"], found["queue"]["0.1"]) == (3, 5, None)
    assert found["only defects"]["0.5"] == 3
    assert found["random"]["0.5"] > found["random doubtful"]["0.5"] > 3


def test_the_estimate_of_people_who_never_err_is_the_share_they_saw(case: Case, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(simulation, "team", lambda draw, careless: [Person(name, 1.0) for name in "abc"])
    rate = simulation._one_estimate(case, 0, seed=3)
    assert rate.decided == rate.population == 30
    assert rate.changed == 1
    assert rate.low <= round(1 / 30, 4) <= rate.high
