"""What replies state, of what, how often and since when; values that contradict one another over time are found."""

import csv
import io
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.checks import checks
from curation.checks.grounding import house_least
from curation.core.record.codes import FACT
from curation.core.record.conversation import SCHEMA
from curation.curate.fates import CURATED
from curation.curate.knowledge import FACTS, as_csv, knowledge, statements
from curation.curate.masking import masker
from curation.privacy import PATTERNED
from curation.privacy.params import Privacy
from tests.builders import context, record, talk

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
PRIVACY = Privacy(countries=("SA",))


def rows(*said: str | tuple[str, str], language: str = "en", days: Sequence[int] | None = None) -> pl.DataFrame:
    """Curated conversations of one reply each, a day apart unless told; a pair is a question and its reply."""
    talks = [
        talk(*((f"Question {chr(97 + n % 26)}{chr(97 + n // 26)}x?", one) if isinstance(one, str) else one))
        for n, one in enumerate(said)
    ]
    at = [FIRST + timedelta(days=day) for day in (days or range(len(said)))]
    table = record(*talks, language=[language] * len(talks), created_at=at)
    return table.with_columns(origin=pl.lit("accepted"), parent_id=pl.lit(None, pl.String)).select(CURATED.names())


def table(curated: pl.DataFrame, least: float = 10) -> pl.DataFrame:
    return knowledge(statements(curated), least, ("SA",))


def contradictory(found: pl.DataFrame) -> list[list[str]]:
    """Values of each contradictory context, in the order in which they came."""
    those = found.filter("contradictory").sort("first_seen")
    return those.group_by("context_id", maintain_order=True).agg("value")["value"].to_list()


CHANGES = [  # ways to say it, the values one after the other, their language
    (
        ["The delivery fee is {}.", "Hi Sara, delivery costs {}, paid at the door.", "Delivery fee: {}"],
        ["25 SAR", "30 SAR"],
        "en",
    ),
    (["We charge {} for delivery.", "Our delivery fee is now {}."], ["SAR 25", "30 riyals", "35 SAR"], "en"),
    (["Our showroom in Jeddah opens at {}.", "The Jeddah showroom opens at {}!"], ["9:00 am", "10:00 am"], "en"),
    (["We keep {} of the price for restocking."], ["10%", "15 percent"], "en"),
    (["Fees:\n- Delivery: {}\n- Assembly: on request"], ["25 SAR", "30 SAR"], "en"),
    (["رسوم التوصيل {}.", "تكلفة التوصيل لدينا {}", "أهلاً، أصبحت رسوم توصيلنا {}."], ["25 ريال", "٣٠ ريالاً"], "ar"),
    (["يفتح معرضنا في جدة الساعة {}."], ["9:00 صباحا", "10:00 صباحا"], "ar"),
    (["استخدم كود الخصم {} عند الدفع."], ["SALE2024", "SALE2025"], "ar"),
]


@pytest.mark.parametrize(("ways", "values", "language"), CHANGES)
@pytest.mark.parametrize("each", [3, 12])
def test_values_that_follow_one_another_contradict(
    ways: list[str], values: list[str], language: str, each: int
) -> None:
    said = [ways[n % len(ways)].format(value) for value in values for n in range(each)]
    found = table(rows(*said, language=language)).filter("contradictory")
    assert found["course"].unique().to_list() == ["changed"]
    assert found["context_id"].n_unique() == 1
    assert sorted(found["conversations"].to_list()) == [each] * len(values)
    spans = found.sort("first_seen").select("first_seen", "last_seen").rows()
    assert spans == [
        (FIRST + timedelta(days=n * each), FIRST + timedelta(days=(n + 1) * each - 1)) for n in range(len(values))
    ]


def test_an_answer_is_about_what_was_asked() -> None:
    said = [(f"How much is delivery to Riyadh{'?' * n}", "25 SAR" if n < 4 else "30 SAR") for n in range(1, 7)]
    found = table(rows(*said))
    assert contradictory(found) == [["25 SAR", "30 SAR"]]
    assert set(found["context"]) == {"delivery Riyadh"}


NATURAL = [
    ("Your order total is {} SAR.", "en", range(100, 900)),
    ("The total comes to {} SAR.", "en", range(100, 600, 25)),
    ("The courier comes on {} March.", "en", range(1, 29)),
    ("The technician visits at {}:00 pm.", "en", range(1, 9)),
    ("Your tracking number is {}.", "en", range(1_000_000, 2_000_000)),
    ("إجمالي طلبك {} ريال.", "ar", range(100, 900)),
    ("المبلغ المسترد {} ريال.", "ar", range(100, 600, 25)),
    ("يصل الطلب يوم {} مارس.", "ar", range(1, 29)),
]


@pytest.mark.parametrize(("way", "language", "values"), NATURAL)
@pytest.mark.parametrize("conversations", [4, 20, 60])
def test_what_each_customer_has_of_his_own_does_not_contradict(
    way: str, language: str, values: range, conversations: int
) -> None:
    draw = random.Random(conversations)
    found = table(rows(*(way.format(draw.choice(values)) for _ in range(conversations)), language=language))
    assert contradictory(found) == []
    assert set(found["course"]) == {"variable"}


def test_a_value_that_two_customers_share_by_chance_makes_no_contradiction() -> None:
    found = table(rows(*(f"The total comes to {n} SAR." for n in (410, 410, 385, 902, 77, 610))))
    assert set(found["course"]) == {"variable"}


@pytest.mark.parametrize(
    ("less", "more", "language"),
    [
        ("The delivery fee is 25.", "The delivery fee is 25 SAR.", "en"),
        ("رسوم التوصيل ٢٥", "رسوم التوصيل ٢٥ ريالاً", "ar"),
        ("Our showroom opens at 9:30.", "Our showroom opens at 9:30 am.", "en"),
        ("يفتح معرضنا الساعة ٩:٣٠", "يفتح معرضنا الساعة ٩:٣٠ صباحاً", "ar"),
        ("The winter sale ends on 12 March.", "The winter sale ends on 12 March 2025.", "en"),
    ],
)
def test_a_value_told_less_fully_is_the_same_value(less: str, more: str, language: str) -> None:
    found = table(rows(*[less] * 6, *[more] * 6, language=language))
    assert found["course"].to_list() == ["steady"]
    assert found["conversations"].to_list() == [12]


def test_what_is_told_less_fully_still_contradicts_another_value() -> None:
    said = ["The delivery fee is 25.", "The delivery fee is 25 SAR."] * 4 + ["The delivery fee is 30."] * 8
    assert contradictory(table(rows(*said))) == [["25 SAR", "30"]]


def test_two_things_with_a_value_each_do_not_contradict() -> None:
    said = ["Delivery to Riyadh costs 25 SAR.", "Delivery to Jeddah costs 30 SAR."]
    both = ["Delivery costs 25 SAR in Riyadh and 40 SAR in Jeddah.", "It costs between 25 SAR and 40 SAR to deliver."]
    assert contradictory(table(rows(*[said[0]] * 6, *[said[1]] * 6))) == []
    assert contradictory(table(rows(*both * 6))) == []
    assert (
        contradictory(
            table(rows(*["التوصيل داخل الرياض 25 ريال."] * 5, *["التوصيل خارج الرياض 40 ريال."] * 5, language="ar"))
        )
        == []
    )


def test_values_told_side_by_side_again_and_again_are_in_dispute() -> None:
    found = table(rows(*["The delivery fee is 25 SAR.", "The delivery fee is 30 SAR."] * 6))
    assert set(found["course"]) == {"disputed"}
    unknown = rows(*["The delivery fee is 25 SAR.", "The delivery fee is 30 SAR."] * 6)
    undated = unknown.with_columns(created_at=pl.lit(None, SCHEMA["created_at"]))
    assert set(table(undated)["course"]) == {"disputed"}


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 8), st.integers(3, 8), st.integers(0, 10_000), st.integers(0, 30))
def test_a_change_is_found_among_whatever_else_is_said(before: int, after: int, seed: int, noise: int) -> None:
    draw = random.Random(seed)
    planted = [("Return shipping is 15 SAR.", n) for n in range(before)]
    planted += [("Return shipping is 20 SAR.", 100 + n) for n in range(after)]
    planted += [(f"Your order total is {draw.randint(100, 999)} SAR.", draw.randrange(200)) for _ in range(noise)]
    draw.shuffle(planted)
    said, days = zip(*planted, strict=True)
    assert contradictory(table(rows(*said, days=days))) == [["15 SAR", "20 SAR"]]


# -- counted -----------------------------------------------------------------------------------------------------------


STATEMENTS = (
    "The fee is 25 SAR.",
    "Use code SAVE10NOW.",
    "Order 7788991 left on 3 March.",
    "We open at 9:00 am.",
    "Hello!",
)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=3), min_size=1, max_size=25))
def test_the_table_adds_up_with_the_findings_of_the_check(replies: list[list[str]]) -> None:
    read = record(
        *(
            talk(*(part for n, one in enumerate(said) for part in (f"And {n}, {k}? 25", one)))
            for k, said in enumerate(replies)
        )
    )
    curated, _ = masker(PATTERNED, PRIVACY)(
        read.with_columns(origin=pl.lit("accepted"), parent_id=pl.lit(None, pl.String))
    )
    findings = checks()["grounding"](read, context())
    found = table(curated, house_least(read.height))
    counted = findings.filter(pl.col("code").str.starts_with(FACT))["value"].sum()
    assert found.filter(~pl.col("house"))["ungrounded"].sum() == counted
    of_the_house = findings.filter(code="house_fact")["conversation_id"].n_unique()
    assert (of_the_house > 0) == (found.filter("house")["ungrounded"].sum() > 0)


def test_a_row_tells_of_what_how_often_since_when_and_by_whom() -> None:
    said = rows(
        "The delivery fee is 25 SAR.",
        "Delivery costs SAR 25.",
        ("Is delivery 25 riyals?", "Yes, delivery is 25.00 SAR."),
    )
    (row,) = table(said, least=2).to_dicts()
    assert (row["kind"], row["value"], row["context"], row["sentence"]) == (
        "price",
        "25 SAR",
        "delivery",
        "Delivery costs ___.",
    )
    assert (row["conversations"], row["replies"], row["ungrounded"], row["house"]) == (3, 3, 2, True)
    assert (row["first_seen"], row["last_seen"], row["sources"]) == (FIRST, FIRST + timedelta(days=2), ["file"])
    assert not table(said, least=3)["house"].any()


def test_a_contact_is_told_of_the_house_alone() -> None:
    said = [*["Call us at 0501234567."] * 4, "I called you at 0507654321.", "I wrote to sara@mail.example."]
    found = table(rows(*said), least=4).filter(kind="contact")
    assert found.filter("house")["words"].to_list() == ["0501234567"]
    told = found.write_json() + as_csv(found)
    assert "7654321" not in told and "sara@" not in told
    assert found["ungrounded"].sum() == 6


def test_a_spreadsheet_computes_nothing_and_reads_back() -> None:
    found = table(rows("=HYPERLINK(1) costs 25 SAR.", "@SUM fee is 40%", "رسوم التوصيل 25 ريال."))
    header, *lines = list(csv.reader(io.StringIO(as_csv(found).removeprefix("\ufeff"))))
    assert header == FACTS.names()
    assert len(lines) == found.height
    assert not any(cell.startswith(("=", "@", "+", "-")) for line in lines for cell in line)


def test_nothing_stated_is_an_empty_table() -> None:
    found = table(rows("Good morning!", "Happy to help."))
    assert found.schema == FACTS
    assert found.is_empty()


def test_the_table_does_not_depend_on_the_order_or_the_parts_of_the_rows() -> None:
    said = rows(*(way.format(value) for ways, values, _ in CHANGES[:4] for value in values for way in ways))
    whole: Any = table(said)
    parts = pl.concat([statements(said[5:].reverse()), statements(said[:5])])
    assert knowledge(parts, 10, ("SA",)).equals(whole)
