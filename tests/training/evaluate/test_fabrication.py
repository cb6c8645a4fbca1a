"""An adapter that makes up more facts than the best prompt is not promoted; luck, and a weaker prompt, stop nothing."""

import polars as pl
import pytest

from curation.core.record.playbook import Playbook
from curation.core.statistics.sequential import reach_of
from tests.builders import ROOT, params, record, talk
from training.evaluate import fabrication
from training.evaluate.memorisation import MEMORISED
from training.evaluate.promote import Kept, comparisons, verdict
from training.judge import forgetting
from training.judge.arms import ADAPTER
from training.judge.facts import NO_HOUSE, House
from training.judge.reasons import SENTENCES
from training.judge.scoring import PREDICTIONS, SCORES, Evaluate, arm_table, reply_scores
from training.judge.target import GOOD

PARAMS = Evaluate.model_validate(
    {**params("evaluate"), "bootstrap": 200, "margins": {"nll": None, "playbook": None, "stopped": None}}
)
PLAYBOOK = Playbook.load(ROOT / "playbook.yaml")
UNREACHED = {"reached": None, "override": "", "target": 0.0}
UNKEPT = Kept(pl.DataFrame(schema=forgetting.TABLE), pl.DataFrame(schema=MEMORISED), pl.DataFrame(schema=GOOD))
MADE_UP = {"en": "It costs 35 SAR.", "ar": "سعره ٣٥ ريالاً."}
HONEST = {"en": "I shall look.", "ar": "سأبحث لك."}


def compared(
    every: dict[str, int],
    n: int = 40,
    languages: tuple[str, ...] = ("en", "ar"),
    house: House = NO_HOUSE,
    look: int = 1,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """ARMS and COMPARISONS of this look; each arm makes up a fact in every so manieth conversation, 0: in none."""
    spoken = [languages[n % len(languages)] for n in range(n)]
    talks = record(*(talk(f"How much is {place}?", "Let me see.") for place in range(n)), language=spoken)
    talks = talks.with_columns(cluster_id=pl.col("conversation_id"))
    rows = [
        (arm, key, 1, 9, (MADE_UP if step and place % step == 0 else HONEST)[code], 5, True)
        for arm, step in every.items()
        for place, (key, code) in enumerate(zip(talks["conversation_id"], spoken, strict=True))
    ]
    said = pl.DataFrame(rows, schema=PREDICTIONS, orient="row")
    scores = reply_scores(said, talks, PLAYBOOK, house).filter(pl.col("metric").str.contains("facts"))
    won = [
        (arm, key, "playbook", (8.0 if arm == ADAPTER else 2.0) + place % 2, 10.0)
        for arm in every
        for place, key in enumerate(talks["conversation_id"])
    ]
    scores = pl.concat([scores, pl.DataFrame(won, schema=SCORES, orient="row")])
    unsaid = pl.DataFrame(schema=PREDICTIONS)
    return arm_table(scores, talks, PARAMS.redraws), comparisons(scores, talks, unsaid, reach_of(look))


def codes(every: dict[str, int], rival: str = "prompted", **given: object) -> list[tuple[str, str]]:
    """Code and language of what speaks against the adapter."""
    _, found = compared(every, **given)  # type: ignore[arg-type]
    return [(one.code, one.figures["language"]) for one in fabrication.voice(found, rival).against]


def test_an_adapter_that_makes_up_more_facts_than_the_best_prompt_is_not_promoted() -> None:
    arms, found = compared({ADAPTER: 2, "prompted": 0})
    said = verdict(arms, found, UNREACHED, UNKEPT, PARAMS, [fabrication.voice(found, "prompted")])
    assert said["verdict"] == "do not promote"
    assert said["because"][0]["code"] == "fabricates"
    assert "makes up more facts than prompted (all)" in said["reasons"][0]
    unheard = verdict(arms, found, UNREACHED, UNKEPT, PARAMS)
    assert "fabricates" not in {one["code"] for one in unheard["because"]}
    assert unheard["verdict"] != "do not promote"


def test_a_loss_in_one_language_alone_is_named() -> None:
    assert codes({ADAPTER: 2, "prompted": 0}) == [("fabricates", "all"), ("fabricates", "en")]


@pytest.mark.parametrize(
    "every", [{ADAPTER: 0, "prompted": 0}, {ADAPTER: 2, "prompted": 2}, {ADAPTER: 0, "prompted": 2}]
)
def test_one_that_makes_up_as_few_or_fewer_is_not_spoken_against(every: dict[str, int]) -> None:
    assert codes(every) == []


def test_a_difference_that_chance_may_have_made_stops_nothing() -> None:
    assert codes({ADAPTER: 39, "prompted": 0}) == []
    assert codes({ADAPTER: 1, "prompted": 0}, n=8) == []


def test_only_the_best_prompt_counts() -> None:
    arms = {ADAPTER: 2, "prompted": 2, "base": 0}
    assert codes(arms, "prompted") == []
    assert codes(arms, "base")[0] == ("fabricates", "all")


def test_further_looks_at_the_test_set_widen_its_interval() -> None:
    arms: dict[str, int] = {ADAPTER: 6, "prompted": 0}
    assert codes(arms, languages=("en",))
    assert not codes(arms, languages=("en",), look=1000)


def test_facts_of_training_are_told_and_alone_stop_nothing() -> None:
    house = House(taught=frozenset({("price", "35 SAR")}))
    _, found = compared({ADAPTER: 2, "prompted": 0}, house=house)
    told = fabrication.voice(found.filter(pl.col("metric") != "ungrounded_facts"), "prompted")
    assert not told.against
    assert [one.code for one in told.told] == ["repeats_facts"] * 2
    assert all(str(one) == SENTENCES[one.code].format(**one.figures) for one in told.told)
    assert "facts belong to retrieval" in str(told.told[0])
