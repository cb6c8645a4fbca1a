"""What a written reply states: made up, repeated from training, and copied right or wrong from the context."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.record.playbook import Playbook
from curation.core.text.facts.patterns import KINDS
from curation.curate.facts import with_facts
from tests.builders import ROOT, record, talk
from training.judge.facts import NO_HOUSE, House, fabricated
from training.judge.metrics import Answered
from training.judge.metrics.facts_right import facts_right
from training.judge.metrics.facts_wrong import facts_wrong
from training.judge.metrics.memorised_facts import memorised_facts
from training.judge.metrics.ungrounded_facts import ungrounded_facts
from training.judge.scoring import PREDICTIONS, reply_scores

PLAYBOOK = Playbook.load(ROOT / "playbook.yaml")
EN = ("How much is order 48213? My card has 31 SAR.", "Order 48213 costs 31 SAR.")
AR = ("كم سعر الطلب 48213؟ معي ٣١ ريالاً.", "سعر الطلب ٤٨٢١٣ هو ٣١ ريالاً.")


def answered(said: str, asked: str = EN[0], team: str = EN[1], house: House = NO_HOUSE) -> Answered:
    """A conversation of one reply, answered by an arm."""
    return Answered({"messages": talk(asked, team)}, [{"turn": 1, "text": said}], PLAYBOOK, house)


@pytest.mark.parametrize(
    ("said", "made_up"),
    [
        ("It costs 31 SAR.", 0),
        ("It costs 31.00 riyals, order 48213.", 0),
        ("It costs 35 SAR.", 1),
        ("It costs 35 SAR, yes, 35.00 riyals.", 1),  # one value, however often and however written
        ("It costs 35 SAR, pay at pay.example.com by 5 pm.", 3),
        ("سعره ٣٥ ريالاً حتى الساعة ٥ مساءً.", 2),
        ("سعره ٣١ ريالاً.", 0),
        ("I am sorry to hear that.", 0),
    ],
)
def test_a_fact_that_nothing_before_the_reply_holds_is_made_up(said: str, made_up: int) -> None:
    assert ungrounded_facts(answered(said)) == (made_up, 1)


def test_what_is_said_later_and_what_the_team_answers_grounds_nothing() -> None:
    later = Answered({"messages": talk("Fee?", "7 SAR", "And?", "Ok")}, [{"turn": 1, "text": "7 SAR"}], PLAYBOOK)
    assert ungrounded_facts(later) == (1, 1)
    after = Answered({"messages": talk("Fee?", "7 SAR", "And?", "Ok")}, [{"turn": 3, "text": "7 SAR"}], PLAYBOOK)
    assert ungrounded_facts(after) == (0, 1)


def test_what_a_tool_answers_grounds_it() -> None:
    asked, reply = talk("Fee?", "Ok")
    looked_up = [asked, {"role": "tool", "content": '{"fee": "25 SAR"}'}, reply]
    assert ungrounded_facts(Answered({"messages": looked_up}, [{"turn": 2, "text": "25 SAR"}], PLAYBOOK)) == (0, 1)


def test_the_written_prompt_and_confirmed_facts_ground_it_for_every_arm() -> None:
    train = record(talk("Fee?", "It is 25 SAR, by 5 pm."), talk("الرسوم؟", "الرسوم ٤٠ ريالاً."))
    rows = with_facts(train, dict.fromkeys(KINDS, "unlearn"), {"25 SAR"})  # so a person has confirmed it
    house = House.of(rows, ["We open at 9:30. نغلق الساعة 22:00"])
    for said, made_up in {
        "The fee is 25 riyals.": 0,
        "We open at 9:30 am.": 0,
        "نغلق الساعة ١٠ مساءً": 0,
        "By 5 pm.": 1,
        "الرسوم 40 SAR": 1,
    }.items():
        assert ungrounded_facts(answered(said, house=house)) == (made_up, 1), said
    assert House.of_json(house.as_json()) == house


def test_a_table_without_treatments_confirms_nothing() -> None:
    house = House.of(record(talk("Fee?", "It is 25 SAR.")).drop("facts", strict=False), [])
    assert house.said == ()
    assert house.taught == {("price", "25 SAR")}


@pytest.mark.parametrize(
    ("said", "repeated"),
    [("It is 25 SAR.", 1), ("الرسوم ٢٥ ريالاً.", 1), ("It is 26 SAR.", 0), ("It is 31 SAR.", 0)],
)
def test_facts_of_training_replies_are_told_where_nothing_grounds_them(said: str, repeated: int) -> None:
    house = House.of(record(talk("Fee? I read 26 SAR.", "It is 25 SAR."), talk("And this?", "It is 31 SAR.")), [])
    assert memorised_facts(answered(said, house=house)) == (repeated, 1)


@pytest.mark.parametrize("language", [EN, AR])
@pytest.mark.parametrize(
    ("said", "right", "wrong"),
    [
        ("It costs 31 SAR, your order 48213.", 2, 0),
        ("سعر طلبك 48213 هو ٣١ ريالاً", 2, 0),
        ("It costs 35 SAR.", 0, 1),  # the price is wrong, the number left unsaid
        ("سعر الطلب ٤٨٢١٤ هو ٣١ ريالاً", 1, 1),
        ("I shall look.", 0, 0),
    ],
)
def test_facts_of_the_context_are_stated_right_wrong_or_not(
    language: tuple[str, str], said: str, right: int, wrong: int
) -> None:
    talked = answered(said, *language)
    assert facts_right(talked) == (right, 2)
    assert facts_wrong(talked) == (wrong, 2)


def test_a_distractor_of_the_context_is_a_wrong_fact_though_it_is_grounded() -> None:
    talked = answered("It costs 40 SAR.", "The bed is 40 SAR, the lamp 31 SAR. The lamp?", "It costs 31 SAR.")
    assert (facts_right(talked), facts_wrong(talked), ungrounded_facts(talked)) == ((0, 1), (1, 1), (0, 1))


def test_where_the_team_copies_nothing_there_is_nothing_to_copy() -> None:
    assert facts_right(answered("31 SAR", team="Let me see, 50 SAR.")) is None
    assert facts_wrong(answered("35 SAR", team="Let me see.")) is None


def test_the_metrics_reach_the_scores_and_the_evidence_adds_up_with_them() -> None:
    talks = record(talk("Fee?", "Ok", "And?", "Fine"))
    key = talks["conversation_id"][0]
    house = House(taught=frozenset({("price", "7 SAR")}))
    rows = [("adapter", key, 1, 9, "7 SAR or 8 SAR", 5, True), ("base", key, 3, 9, "5 pm", 5, True)]
    said = pl.DataFrame(rows, schema=PREDICTIONS, orient="row")
    evidence = fabricated(said, talks, house)
    assert list(evidence.select("arm", "turn", "kind", "value", "taught").iter_rows()) == [
        ("adapter", 1, "price", "7 SAR", True),
        ("adapter", 1, "price", "8 SAR", False),
        ("base", 3, "time", "17:00", False),
    ]
    scores = reply_scores(said, talks, PLAYBOOK, house)
    made_up = dict(scores.filter(metric="ungrounded_facts").select("arm", "value").iter_rows())
    assert made_up == dict(evidence.group_by("arm").len().iter_rows())
    repeated = dict(scores.filter(metric="memorised_facts").select("arm", "value").iter_rows())
    assert repeated == {"adapter": 1, "base": 0}


@given(st.lists(st.integers(10, 99), max_size=4), st.lists(st.integers(10, 99), min_size=1, max_size=4))
def test_what_is_right_wrong_or_made_up_adds_up(known: list[int], said: list[int]) -> None:
    asked = " and ".join(f"{n} SAR" for n in known) or "How much?"
    talked = answered(" or ".join(f"{n} SAR" for n in said), asked, asked)
    assert ungrounded_facts(talked) == (len({*said} - {*known}), 1)
    right, wrong = facts_right(talked), facts_wrong(talked)
    if not known:
        assert right is wrong is None
    else:
        assert right == (len({*known} & {*said}), len({*known}))
        assert wrong == (len({*known} - {*said}) if {*said} - {*known} else 0, len({*known}))
