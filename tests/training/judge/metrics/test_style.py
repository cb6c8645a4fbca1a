import numpy as np
import polars as pl
import pytest

from tests.builders import record, talk
from training.judge.metrics.style import style
from training.judge.scoring import PREDICTIONS, corpus_differences, corpus_table

TEAM = [f"Thank you for contacting us about {thing}. We will look into it." for thing in ("a lamp", "a bed", "a door")]
TALKS = record(*(talk(f"question {n}", said) for n, said in enumerate(TEAM)), language=["en", "en", "ar"])


def written(**arms: list[str]) -> pl.DataFrame:
    rows = [
        (arm, key, 1, 9, text, 5, True)
        for arm, texts in arms.items()
        for key, text in zip(TALKS["conversation_id"], texts, strict=True)
    ]
    return pl.DataFrame(rows, schema=PREDICTIONS, orient="row")


def test_the_teams_own_words_have_no_distance_and_others_have_more_the_less_they_share() -> None:
    near, far = ["Thank you for contacting us. What now?"] * 3, ["Xylophones buzz quickly"] * 3
    found = style(written(same=TEAM, near=near, far=far, silent=["", "", ""]), TALKS)
    values = {arm: value for arm, (value, _) in found.items()}
    assert values["same"] == pytest.approx(0)
    assert 0 < values["near"] < values["far"] < 1
    assert values["silent"] == 1


def test_case_and_arabic_spelling_are_no_style() -> None:
    shouted = style(written(x=[said.upper() for said in TEAM]), TALKS)
    assert shouted["x"][0] == pytest.approx(0)


def test_the_distance_is_the_square_root_of_the_jensen_shannon_divergence() -> None:
    from scipy.spatial.distance import jensenshannon

    from training.judge.metrics.style import _jensen_shannon

    draw = np.random.default_rng(1)
    ours, theirs = draw.integers(0, 9, (2, 5, 40)).astype(float)
    assert _jensen_shannon(ours, theirs) == pytest.approx(jensenshannon(ours, theirs, base=2, axis=1))


def test_tables_hold_each_arm_by_language_and_differences_have_no_width_against_oneself() -> None:
    predictions = written(adapter=TEAM[::-1], base=TEAM[::-1], other=["Xylophones buzz"] * 3)
    table = corpus_table(predictions, TALKS).filter(metric="style")
    assert set(table["language"]) == {"all", "en"}  # one Arabic conversation has no interval
    assert set(table["better"]) == {-1}
    found = corpus_differences(predictions, TALKS, "adapter")
    same, other = (i for _, metric, language, i in found if (metric, language) == ("style", "all"))
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert other.high < 0
