"""What people prefer, as a judge of the verdict."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from benchmarks.review.pairs import PREDICTIONS, Truth, measured, review
from curation.core.record.pairs import Choice, Judgement, reply_hash
from tests.builders import params
from training.evaluate.memorisation import MEMORISED
from training.evaluate.preference import Heard, as_json, heard, voice
from training.evaluate.promote import Kept, comparisons, verdict
from training.judge import forgetting
from training.judge.reasons import Reason, Voice
from training.judge.scoring import PREDICTIONS as WRITTEN
from training.judge.scoring import SCORES, Evaluate, arm_table
from training.judge.target import GOOD

PARAMS = Evaluate.model_validate({**params("evaluate"), "primary": "playbook", "bootstrap": 300})
UNREACHED = {"reached": None, "override": "", "target": 0.9}
SKILLED = 0.0
TALKS = pl.DataFrame({"conversation_id": [f"{n:032x}" for n in range(200)]}).with_columns(cluster_id="conversation_id")


def code(said: Heard) -> tuple[str, str]:
    """Where in the voice the one reason stands, and its code."""
    found = voice(said)
    [(place, reason)] = [(p, r) for p in ("against", "unsure", "told") for r in getattr(found, p)]
    return place, reason.code


@pytest.mark.parametrize(
    ("truth", "errors", "conversations", "expected"),
    [
        (Truth(0.1, 0.8), [SKILLED], 12, ("against", "preference_lost")),  # few are enough where it is plain
        (Truth(0.8, 0.1), [SKILLED], 60, ("told", "preference_won")),
        (Truth(0.3, 0.3), [SKILLED], 12, ("unsure", "preference_beyond")),  # no more have replies that differ
        (Truth(0.3, 0.3), [SKILLED], 60, ("told", "preference_even")),
        (Truth(0.0, 0.0), [SKILLED], 60, ("told", "preference_even")),  # both bad, everywhere
    ],
)
def test_the_voice_is_what_people_showed(
    truth: Truth, errors: Sequence[float], conversations: int, expected: tuple[str, str]
) -> None:
    said = review(truth, errors, conversations, 10, seed=1)
    assert code(said) == expected
    assert said.stale == 0
    assert str(said.against) in str([*voice(said).against, *voice(said).unsure, *voice(said).told][0])


def test_where_more_could_be_compared_people_are_asked_for_more() -> None:
    few = replace(review(Truth(0.3, 0.3), [SKILLED], 12, 10, seed=1), there=30)
    assert code(few) == ("unsure", "preference_few")
    assert "qirat review pairs" in str(voice(few).unsure[0])
    none = replace(few, there=29)
    assert "only 29 have replies that differ: raise evaluate.generated" in str(voice(none).unsure[0])


def test_nobody_asked_is_told_and_stops_nothing() -> None:
    nobody = heard([], pl.DataFrame(schema=PREDICTIONS), "prompted", TALKS)
    assert code(nobody) == ("told", "preference_none")
    assert as_json(nobody)["judges"] == []


def answer(choice: Choice, annotator: str = "sara", key: int = 0, right: Any = None, texts: Any = None) -> Judgement:
    a, b = texts or ("new reply", "prompt's reply")
    return Judgement(
        conversation_id=f"{key:032x}",
        turn=1,
        replies=(reply_hash(a), reply_hash(b)),
        annotator=annotator,
        choice=choice,
        at="2026-01-05T10:00:00+00:00",
        right=right,
    )


def predictions(count: int, ours: str = "new reply", theirs: str = "prompt's reply") -> pl.DataFrame:
    rows = [
        (arm, f"{n:032x}", 1, text) for n in range(count) for arm, text in (("adapter", ours), ("prompted", theirs))
    ]
    return pl.DataFrame(rows, schema=PREDICTIONS, orient="row")


@pytest.mark.parametrize("ours", ["other reply", "new reply ", "ردّ جديد"])
def test_a_judgement_never_sticks_to_other_words(ours: str) -> None:
    said = heard([answer("b", key=n) for n in range(40)], predictions(40, ours), "prompted", TALKS)
    assert (said.asked, said.stale) == (0, 40)
    assert code(said) == ("told", "preference_stale")


def test_a_judgement_against_another_prompt_is_none_against_this_one() -> None:
    said = heard([answer("b", key=n) for n in range(40)], predictions(40, theirs="few shot's"), "prompted", TALKS)
    assert said.asked == 0


def test_what_one_customer_wrote_is_one_voice_however_many_conversations_it_is() -> None:
    customers = TALKS.with_columns(cluster_id=(pl.int_range(pl.len()) // 20).cast(pl.String))
    judgements = [answer("a", key=n) for n in range(100)]
    said = heard(judgements, predictions(100), "prompted", customers)
    assert said.found and (said.found.net.n, said.found.wins) == (5, 5)
    assert code(said) == ("unsure", "preference_beyond")
    assert code(heard(judgements, predictions(100), "prompted", TALKS)) == ("told", "preference_won")
    model = [answer("a", "model m", n).model_copy(update={"by": "model"}) for n in range(200)]
    assert heard([*judgements, *model], predictions(200), "prompted", customers).model is None


def test_it_is_the_words_that_win_on_whichever_side_they_stood() -> None:
    turned = ("prompt's reply", "new reply")
    judgements = [answer("a" if n % 2 else "b", key=n, texts=None if n % 2 else turned) for n in range(40)]
    said = heard(judgements, predictions(40), "prompted", TALKS)
    assert said.found and (said.found.wins, said.found.losses) == (40, 0)


def test_who_fails_on_gold_is_not_heard_and_it_is_told_who_judged_how_many() -> None:
    gold = {"texts": ("the team's", "broken")}
    careless = [answer("b", "omar", 100 + n, "a", **gold) for n in range(20)]
    careful = [answer("a", "sara", 100 + n, "a", **gold) for n in range(20)]
    against = [answer("b", "omar", n) for n in range(40)]
    only_careless = heard([*careless, *against], predictions(80), "prompted", TALKS)
    assert code(only_careless) == ("unsure", "preference_judges")
    pro = [answer("a", "sara", 40 + n) for n in range(40)]
    said = heard([*careless, *careful, *against, *pro], predictions(80), "prompted", TALKS)
    assert code(said) == ("told", "preference_won")
    assert said.found and said.found.net.n == 40
    omar, sara = said.judges
    assert (omar["annotator"], omar["answers"], omar["gold_right"], omar["weight"]) == ("omar", 40, 0, 0.0)
    assert (sara["answers"], sara["gold_right"], sara["gold_asked"]) == (40, 20, 20)


def test_reasons_are_counted_where_the_adapter_was_preferred() -> None:
    liked = [answer("a", key=n).model_copy(update={"reasons": ("tone",)}) for n in range(3)]
    disliked = [answer("b", key=n).model_copy(update={"reasons": ("length",)}) for n in range(3, 5)]
    assert heard([*liked, *disliked], predictions(5), "prompted", TALKS).reasons == {"tone": 3}


def test_intervals_hold_for_judges_who_err_and_lost_is_seldom_called_where_nothing_is() -> None:
    even = measured(Truth(0.3, 0.3), (0.0, 0.3), 30, 12, simulations=60)
    assert even["covered"] >= 0.93 and even["lost"] <= 0.06 and even["won"] <= 0.06
    worse = measured(Truth(0.15, 0.6), (0.3, 0.3), 60, 20, simulations=40)
    assert worse["corrected_covered"] >= 0.9, "without the judges' slips"
    assert worse["covered"] < worse["corrected_covered"], "slips pull towards zero"
    assert worse["lost"] > 0.6 and worse["won"] == 0


def decided(kept_rules: float, said: Voice) -> dict[str, Any]:
    """The verdict where the adapter keeps so many rules of twelve, the prompt six, and people say this."""
    talks = pl.DataFrame({"conversation_id": [f"{n:02}" for n in range(160)], "language": "en"}).with_columns(
        cluster_id=pl.col("conversation_id")
    )
    rows = [
        (arm, key, metric, value, weight)
        for arm, rules in (("prompted", 6.0), ("adapter", kept_rules))
        for n, key in enumerate(talks["conversation_id"])
        for metric, value, weight in (("playbook", rules + n % 3, 12.0), ("nll", 10.0, 10.0), ("stopped", 1.0, 1.0))
    ]
    scores = pl.DataFrame(rows, schema=SCORES, orient="row")
    compared = comparisons(scores, talks.with_columns(messages=None), pl.DataFrame(schema=WRITTEN))
    good = pl.DataFrame([("adapter", "all", 160, 160, 160.0)], schema=GOOD, orient="row")
    kept = Kept(pl.DataFrame(schema=forgetting.TABLE), pl.DataFrame(schema=MEMORISED), good)
    return verdict(arm_table(scores, talks, PARAMS.redraws), compared, UNREACHED, kept, PARAMS, [said])


def test_what_people_prefer_and_metrics_do_not_is_not_promoted_and_neither_is_the_reverse() -> None:
    """The adapter must lose neither: docs/training.md."""
    liked, disliked, few, unasked = (
        voice(review(truth, [SKILLED], n, 10, seed=1))
        for truth, n in ((Truth(0.8, 0.1), 60), (Truth(0.1, 0.8), 60), (Truth(0.3, 0.3), 12), (Truth(0, 0), 0))
    )
    for said in (liked, unasked):
        assert decided(8, said)["verdict"] == "promote"
        assert said.told[0] == Reason(**decided(8, said)["because"][-1])
    for said in (disliked, few):
        assert decided(8, said)["verdict"] != "promote"
        assert "preference" in decided(8, said)["because"][0]["code"]
    metrics_lose = decided(5, liked)
    assert metrics_lose["verdict"] != "promote"
    assert "preference_won" in {because["code"] for because in metrics_lose["because"]}


def test_a_models_word_is_told_beside_peoples_and_never_alone() -> None:
    people = [answer("a" if n % 2 else "b", key=n) for n in range(40)]
    model = [answer("a", "model m", n).model_copy(update={"by": "model"}) for n in range(120)]
    alone = heard(model, predictions(120), "prompted", TALKS)
    assert code(alone) == ("told", "preference_none") and alone.model is None
    few = heard([*people[:20], *model], predictions(120), "prompted", TALKS)
    assert few.model is None and code(few) == ("unsure", "preference_few")
    said = heard([*people, *model], predictions(120), "prompted", TALKS)
    assert said.model and said.model["agree"] == 0.5 and said.model["beside"] == 40
    assert abs(said.model["value"]) < 0.05, "it prefers the adapter everywhere, and people tell nothing of that"
    assert [reason.code for reason in voice(said).told] == ["preference_even", "preference_model"]
    assert [judge["annotator"] for judge in said.judges] == ["sara"]
