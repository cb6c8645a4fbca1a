"""Exports of WhatsApp, of both systems and in both languages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.formats.rows import (
    ANDROID,
    ANDROID_ARABIC,
    HELLO,
    IOS,
    IOS_ARABIC,
    MARHABA,
    READING,
    lines,
    metadata,
    only,
    outcomes,
    said,
)


@pytest.mark.parametrize(
    ("export", "expected"),
    [
        (ANDROID, [("user", "Where is\nmy order?"), HELLO[1]]),
        (ANDROID_ARABIC, MARHABA),
        (IOS, HELLO),
        (IOS_ARABIC, MARHABA),
    ],
)
def test_whatsapp_exports_of_both_systems_and_languages(export: str, expected: list[tuple[str, str]]):
    outcome = only(*lines(export))
    assert said(outcome) == expected
    assert outcome.provenance["created_at"].replace(second=0) == datetime(2024, 12, 31, 21, 15, tzinfo=UTC)
    assert "roles_assumed" in metadata(outcome)
    assert outcome.provenance["customer"] in ("Ali", "علي")


def test_people_of_a_chat_are_who_params_say_they_are():
    export = [f"[31/12/2024, 21:15] {name}: Hi" for name in ("Zaafaran Home", "Ali", "Mona")]
    assert "3 people speak in this chat (first in rows 1, 2 and 3)" in str(only(*export).reason)
    mapped = READING.model_copy(update={"roles": {**READING.roles, "zaafaran home": "assistant"}})
    outcome = only(*export, reading=mapped)
    assert [role for role, _ in said(outcome)] == ["assistant", "user", "user"]
    assert "roles_assumed" not in metadata(outcome)


def test_a_long_silence_starts_a_new_conversation():
    start = datetime(2025, 1, 31, 23)
    times = [start, start + timedelta(hours=11), start + timedelta(hours=24), start + timedelta(hours=25)]
    export = [f"{moment:%d/%m/%Y, %H:%M} - {name}: hello" for moment, name in zip(times, "ABAB", strict=True)]
    first, second = outcomes(*export)
    assert ([row.number for row in first.rows], [row.number for row in second.rows]) == ([1, 2], [3, 4])
    assert len(outcomes(*export, reading=READING.model_copy(update={"silence_hours": 24}))) == 1


def test_which_number_is_the_month_is_told_by_the_whole_chat():
    def days(*dates: str) -> list[Any]:
        export = [f"{date}, 10:00 - {name}: hello" for date, name in zip(dates, "ABAB", strict=False)]
        return [outcome.provenance["created_at"].date().isoformat() for outcome in outcomes(*export)]

    assert days("1/2/25", "1/13/25") == ["2025-01-02", "2025-01-13"]
    assert days("1/2/25", "13/2/25") == ["2025-02-01", "2025-02-13"]
    assert days("2025-02-01", "2025-02-13") == ["2025-02-01", "2025-02-13"]
    assert days("30.01.25", "02.02.25") == ["2025-01-30", "2025-02-02"]


def test_a_chat_of_media_and_notices_only_is_refused():
    outcome = only("12/31/24, 9:15 PM - Ali: <Media omitted>", "12/31/24, 9:15 PM - Ali left")
    assert "nobody says anything" in str(outcome.reason)


def test_null_names_lost_media_only_as_whatsapp_writes_it():
    lines = ("12/31/24, 9:15 PM - Ali: NULL", "12/31/24, 9:16 PM - Ali: null", "12/31/24, 9:17 PM - Sara: Null?")
    assert [m["content"] for m in only(*lines).messages or ()] == ["NULL", "Null?"]


NAMES = st.sampled_from(["Ali", "خدمة العملاء", "+966 55 000 0000"])
SAYINGS = st.text(st.characters(categories=["L", "Nd", "P", "Zs"]), min_size=1, max_size=30).filter(
    lambda text: bool(text.strip()) and "\u200e" not in text and text.strip() != "null"  # so it names lost media
)


@given(st.lists(st.tuples(NAMES, SAYINGS), min_size=1, max_size=8))
def test_what_whatsapp_writes_is_what_is_read(sent: list[tuple[str, str]]):
    export = [f"[31/12/2024, 21:15:{n:02}] {name}: {text}" for n, (name, text) in enumerate(sent)]
    assert [text for _, text in said(only(*export))] == [text.strip() for _, text in sent]
