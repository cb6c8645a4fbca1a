"""Copies go, each with a named survivor; what means something else stays."""

import itertools
import json
import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup.__main__ import Dedup, deduplicated
from curation.dedup.near import ALL_PAIRS_UP_TO
from curation.dedup.survivors import copies
from tests.builders import params, record, talk

P = Dedup.model_validate(params("dedup"))
WORDS = "the sofa arrived late yesterday and one leg was broken so please send somebody who can repair it soon".split()
ARABIC = "وصلت الأريكة متأخرة أمس وكانت إحدى الأرجل مكسورة فأرجو إرسال شخص يستطيع إصلاحها قريبا جدا من فضلكم".split()


def clusters_of(rows: pl.DataFrame) -> pl.DataFrame:
    return deduplicated(rows, P)[2]


def survivors(*contents: tuple[str, ...]) -> int:
    return int(clusters_of(record(*(talk(*said) for said in contents)))["survivor"].sum())


def said_by(seed: int, vocabulary: list[str] = WORDS, length: int = 60) -> str:
    return " ".join(random.Random(seed).choices(vocabulary, k=length))


def test_an_exact_copy_names_the_row_that_stands_for_it():
    table = clusters_of(record(talk("Hello there", "Hi"), talk("Hello there", "Hi"), source_id=["b", "a"]))
    survivor, copy = table.filter("survivor").row(0, named=True), table.filter(~pl.col("survivor")).row(0, named=True)
    assert survivor["row_id"] == "file:2"
    assert (copy["duplicate_of"], copy["kind"], copy["similarity"]) == ("file:2", "exact", 1.0)


@pytest.mark.parametrize("vocabulary", [WORDS, ARABIC])
def test_a_copy_with_a_changed_word_goes(vocabulary: list[str]):
    text = said_by(1, vocabulary)
    assert survivors((text, said_by(2, vocabulary)), (text + " " + vocabulary[0], said_by(2, vocabulary))) == 1


def test_unlike_conversations_all_stay():
    assert survivors(*((said_by(n), said_by(n + 100)) for n in range(20))) == 20


def weather(city: str, courtesy: str = "", call: str = "call_1") -> list[dict[str, object]]:
    asked, told = talk(
        f"What will the weather be like in {city} {courtesy} and should I take an umbrella with me when I go out",
        f"It stays dry and warm all the day long in {city} so there is no need for an umbrella at all, enjoy it.",
    )
    call_of = [
        {"id": call, "function": {"name": "forecast", "arguments": json.dumps({"city": city, "unit": "celsius"})}}
    ]
    return [asked, {"role": "assistant", "content": "", "tool_calls": call_of}, told]


CITIES = [
    a + b
    for a, b in itertools.product("be mu ro pa lo ka du".split(), "rlin nich me ris ndon iro bai na rat gan".split())
]


def test_templated_tool_calls_that_differ_in_arguments_all_stay():
    assert len(set(CITIES)) > ALL_PAIRS_UP_TO
    assert clusters_of(record(*(weather(city) for city in CITIES)))["survivor"].all()


def test_a_true_copy_does_not_hide_among_many_of_its_template():
    planted = CITIES[::6]
    table = clusters_of(record(*map(weather, CITIES), *(weather(city, "please", "call_2") for city in planted)))
    gone = table.filter(~pl.col("survivor"))
    assert gone.height == len(planted)
    assert set(gone["kind"]) == {"near"}


def test_a_true_copy_does_not_hide_among_rows_that_differ_in_a_number():
    text = said_by(8, length=250)
    numbers = range(1000, 1000 + 2 * ALL_PAIRS_UP_TO)
    rows = [talk(f"{text} order {n}", "Noted.") for n in numbers]
    copied = [talk(f"{text} order {n} please", "Noted.") for n in numbers[::9]]
    gone = clusters_of(record(*rows, *copied)).filter(~pl.col("survivor"))
    assert gone.height == len(copied)


def test_a_crowd_of_copies_leaves_one_whichever_is_preferred():
    text, reply = said_by(8), said_by(9)
    marks = ["".join(some) for some in itertools.product(".!?;", repeat=4)]
    assert len(marks) > ALL_PAIRS_UP_TO
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n * 7 % len(marks)) for n in range(len(marks))]
    rows = record(*(talk(text + some, reply) for some in marks), created_at=days)
    table = clusters_of(rows)
    assert table.filter("survivor")["row_id"].to_list() == rows.sort("created_at")["row_id"].head(1).to_list()
    assert table["cluster_id"].n_unique() == 1


def test_a_copy_whose_standard_reply_was_edited_goes():
    standard = said_by(901, length=40)
    talks = [talk(said_by(n, length=20), standard) for n in range(60)]
    edited = talk(said_by(5, length=20), f"{standard} thanks")
    assert clusters_of(record(*talks, edited))["survivor"].sum() == 60


def test_shared_openings_do_not_make_copies():
    opening = "Welcome to the help desk of the house, how may we be of service to you on this fine day?"
    contents = [(said_by(n, length=12), opening, said_by(n + 500, length=12), opening) for n in range(40)]
    assert survivors(*contents) == 40


def test_one_question_with_two_different_standard_replies_stays_twice():
    standard = [said_by(n, length=40) for n in (901, 902)]
    others = [(said_by(n, length=12), standard[n % 2]) for n in range(60)]
    question = said_by(5, length=30)
    assert survivors(*others, (question, standard[0]), (question, standard[1])) == 62


def test_conversations_that_share_only_the_question_stay():
    question = said_by(5, length=30)
    assert survivors((question, said_by(6, length=60)), (question, said_by(7, length=60))) == 2


@pytest.mark.parametrize(
    "flaw",
    [
        " \ufffd",
        " it\u00e2\u20ac\u2122s",
        " \u00d8\u00a7\u00d9\u201e\u00d8\u00b7\u00d9\u201e\u00d8\u00a8",
        " <br>",
        " &nbsp;",
        " and then the",
    ],
)
def test_the_cleanest_copy_survives_before_the_longest(flaw: str):
    text, reply = said_by(8), said_by(9)
    rows = record(talk(text, reply + "."), talk(text + " thanks", reply + flaw))
    assert clusters_of(rows).filter("survivor")["row_id"].to_list() == ["file:1"]


def test_of_copies_as_clean_the_longest_survives_then_the_oldest():
    text, reply = said_by(8), said_by(9) + "."
    longest = record(talk(text, reply), talk(text + " thanks", reply))
    assert clusters_of(longest).filter("survivor")["row_id"].to_list() == ["file:2"]
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (2, 1)]
    oldest = record(talk(text + "?", reply), talk(text + "!", reply), created_at=days)
    assert clusters_of(oldest).filter("survivor")["row_id"].to_list() == ["file:2"]


def test_copies_do_not_chain():
    pairs = pl.DataFrame({"left": [0, 1], "right": [1, 2], "similarity": [0.8, 0.8], "relation": ["copy", "copy"]})
    assert copies(pairs, {0: 0, 1: 1, 2: 2}) == {1: (0, 0.8)}  # 2 is like 1, not like 0: it stays


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_result_is_the_same_in_any_order(shuffle: random.Random):
    base = [said_by(n, length=40) for n in range(6)]
    talks = [talk(text, "Noted.") for text in [*base, *(f"{text} please" for text in base[:3]), base[0]]]
    talks += [weather(city) for city in CITIES[:70]]
    rows = record(*talks)
    order = list(range(rows.height))
    shuffle.shuffle(order)
    ours, theirs = deduplicated(rows, P), deduplicated(rows[order], P)
    assert theirs[0].equals(ours[0])
    assert theirs[2].equals(ours[2])


def test_the_same_conversations_survive_whatever_files_they_stand_in():
    talks = [talk(said_by(n % 7, length=40) + " please" * (n % 3), "Noted.") for n in range(30)]
    rows = record(*talks)
    moved = rows.with_columns(row_id=pl.format("part-{}:{}", pl.col("source_row") % 4, 100 - pl.col("source_row")))
    ours, theirs = deduplicated(rows, P), deduplicated(moved, P)
    assert theirs[0].equals(ours[0])
    kept = [result[2].filter("survivor").select("conversation_id").sort("conversation_id") for result in (ours, theirs)]
    assert kept[0].equals(kept[1])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_every_removal_is_proved_by_its_true_jaccard(seed: int, changes: int):
    rng = random.Random(seed)
    text = said_by(seed).split()
    other = [said for w in text for said in ([w] if rng.random() > changes / 60 else [w, "really"])]
    table = clusters_of(record(talk(" ".join(text), "ok"), talk(" ".join(other), "ok")))
    runs = [{tuple(side[i : i + 5]) for i in range(len(side) - 4)} for side in ([*text, "ok"], [*other, "ok"])]
    true = len(runs[0] & runs[1]) / len(runs[0] | runs[1])
    gone = table.filter(~pl.col("survivor"))
    if gone.height and gone["kind"][0] == "near":
        assert gone["similarity"][0] == pytest.approx(true)
        assert true >= P.threshold
    elif not gone.height:
        assert true < P.threshold


def test_conversations_without_a_word_are_no_copies_of_each_other():
    assert survivors(("?!", "..."), ("!!", "--")) == 2


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (
            "hello there, could you please tell me whether you still have the {} in stock and what it costs to send it",
            "kettle toaster printer camera freezer blender monitor heater vacuum keyboard",
        ),
        (
            "مرحبا، هل يمكنكم إخباري إن كان {} ما زال متوفرا لديكم في المتجر وكم تكلفة إرساله إلى المنزل من فضلكم",
            "الهاتف الحاسوب الغسالة الثلاجة المكنسة الفرن القميص المعطف الحذاء الكرسي",
        ),
    ],
)
def test_ten_rows_about_ten_products_stay_ten(text: str, kinds: str):
    assert survivors(*((text.format(kind), said_by(9)) for kind in kinds.split())) == 10


def test_a_slip_goes_where_the_set_knows_the_word():
    text = "hello there, could you please tell me whether you still have the {} in stock and what it costs to send it"
    rows = [
        (text.format(kind), said_by(9)) for kind in ("kettle", "toaster", "printer", "kettel", "toastr", "prinnter")
    ]
    known = [
        (f"the {kind} broke on day one", said_by(n)) for n, kind in enumerate(("kettle", "toaster", "printer") * 2)
    ]
    assert survivors(*rows, *known) == 3 + len(known)
