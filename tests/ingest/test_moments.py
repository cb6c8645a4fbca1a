"""Times as exports write them, one by one and as a column."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curation.ingest.moments import moment, read_moments
from curation.ingest.order import by_said, in_order

AT = datetime(2024, 3, 14, 10, 18, tzinfo=UTC)
TIMES = st.datetimes(datetime(1995, 1, 1), datetime(2060, 1, 1)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))
AWAY = st.integers(-12 * 4, 14 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))
LEVANT = "كانون الثاني,شباط,آذار,نيسان,أيار,حزيران,تموز,آب,أيلول,تشرين الأول,تشرين الثاني,كانون الأول".split(",")
GULF = "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر".split()


@pytest.mark.parametrize(
    "said",
    [
        "2024-03-14T10:18:00Z",
        "2024-03-14 10:18:00 UTC",
        "2024-03-14 13:18:00 +0300",
        "2024-03-14 13:18:00+03",
        "2024-03-14 13:18 GMT+3",
        "2024-03-14T13:18:00+03:00[Asia/Riyadh]",
        "2024-03-14T10:18:00.000000000Z",
        "2024-03-14 10:18:00,000",
        "20240314101800",
        "2024/03/14 10:18",
        "2024.03.14 10:18:00",
        "14.03.2024 10:18",
        "14.03.2024 10.18",
        "14/3/24 10:18",
        "3/14/24, 10:18 AM",
        "3/14/2024 10:18:00 a.m.",
        "Mar 14, 2024 10:18 AM",
        "March 14th, 2024 at 10:18 AM",
        "Thursday, March 14, 2024 10:18:00 AM",
        "14-Mar-24 10.18.00 AM",
        "14 Mar. 2024 10:18",
        "Thu, 14 Mar 2024 10:18:00 +0000",
        "Thu, 14 Mar 2024 05:18:00 EST",
        "Thu Mar 14 10:18:00 2024",
        "Thu Mar 14 10:18:00 UTC 2024",
        "Thu Mar 14 10:18:00 +0000 2024",
        "Thu Mar 14 2024 13:18:00 GMT+0300 (Arabian Standard Time)",
        "[14/03/2024, 10:18:00]",
        "10:18 14/03/2024",
        "14/03/2024 10:18 ص",
        "١٤/٠٣/٢٠٢٤ ١٠:١٨ ص",
        "۱۴/۰۳/۲۰۲۴ ۱۰:۱۸",
        "\u200f14\u200f/\u200f3\u200f/\u200f2024، 10:18 ص",
        "14/03/2024م 10:18 صباحًا",
        "14 مارس 2024 10:18 صباحًا",
        "الخميس، ١٤ آذار ٢٠٢٤ الساعة ١٠:١٨",
        "يوم الخميس 14 مارس 2024 في 10:18 ص",
        "ص 10:18 14/03/2024",
        "1710411480",
        "1710411480000",
        "1710411480000000",
        1710411480,
        1710411480.0,
    ],
)
def test_one_moment_however_it_is_written(said: Any):
    assert moment(said) == AT


@pytest.mark.parametrize(
    "said", ["14/03/2024 10:18 م", "14 آذار 2024 10:18 مساءً", "3/14/2024 10:18 PM", "PM 10:18 14/3/2024"]
)
def test_the_evening_is_twelve_hours_later(said: str):
    assert moment(said) == AT + timedelta(hours=12)


@pytest.mark.parametrize(
    "said",
    [
        *("yesterday", "Today", "10:18", "Mar 14 10:18", "order 12/13/2024", "2024-02-30", "31/31/2024", "12/03/2024"),
        *("2024-03-14 25:10", "14/03/2024 10:18 nonsense", "2024-W11-4", "12", "", None, True, "9" * 500, [], {}),
        *("14/03/2024 13:75", "1.2.3", "192.168.2.10", "+966 50 123 4567", "T-2024-03-14-7", "14 Foo 2024"),
    ],
)
def test_what_is_no_moment_or_may_be_two_is_none(said: Any):
    assert moment(said) is None


@pytest.mark.parametrize(
    "said",
    ["1445-09-04", "04/09/1445 10:18", "1445/09/04 هـ", "4 رمضان 1445", "١٤٤٥/٠٩/٠٤", "4 Ramadan 1445", "1403/01/15"],
)
def test_hijri_dates_are_told_apart_and_not_read(said: str):
    assert moment(said) is None
    assert "Hijri" in read_moments([said, said]).problem()


@given(TIMES, AWAY)
def test_every_way_of_writing_says_the_same(time: datetime, away: timedelta):
    there = time + away
    sign, minutes = "-" if away < timedelta() else "+", abs(int(away.total_seconds())) // 60
    offset = f"{sign}{minutes // 60:02}{minutes % 60:02}"
    ways = [
        f"{there:%Y-%m-%dT%H:%M:%S}{offset}",
        f"{there:%Y/%m/%d %H:%M:%S} {offset}",
        f"{there:%d %B %Y %H:%M:%S} GMT{offset}",
        f"{there:%a %b %d %H:%M:%S} {offset} {there.year}",
        format_datetime(time),
        f"{time:%b %d, %Y %I:%M:%S %p}",
        f"{time.day} {LEVANT[time.month - 1]} {time.year} {time:%H:%M:%S}",
        f"{time.day} {GULF[time.month - 1]} {time.year} {time:%I:%M:%S} {'ص' if time.hour < 12 else 'م'}",
        str(int(time.timestamp() * 1000)),
    ]
    assert {way: moment(way) for way in ways} == dict.fromkeys(ways, time)


@given(st.text(max_size=90) | st.from_regex(r"[\d/.: -]{1,40}", fullmatch=True))
def test_no_text_breaks_the_parser(text: str):
    found = moment(text)
    assert found is None or found.tzinfo is not None


# -- columns -----------------------------------------------------------------------------------------------------------


@example([datetime(2024, 2, 1, tzinfo=UTC)], "%d.%m.%y %H:%M:%S")  # in order, were the days years
@given(
    st.lists(TIMES, min_size=1, max_size=40),
    st.sampled_from(["%d/%m/%Y %H:%M:%S", "%m/%d/%y %I:%M:%S %p", "%d.%m.%y %H:%M:%S"]),
)
def test_a_column_is_never_read_as_other_days_without_saying_so(times: list[datetime], shape: str):
    days = [datetime(2024, 1, 13, tzinfo=UTC), datetime(2024, 1, 31, tzinfo=UTC)]  # these can be read but one way
    column = read_moments([time.strftime(shape) for time in [*times, *days]])
    assert (column.times, column.else_times, column.unread) == ([*times, *days], None, 0)


@pytest.mark.parametrize(
    ("said", "first", "order"),
    [
        (["03/04/2024 10:00", "03/31/2024 10:00"], datetime(2024, 3, 4, 10), "mdy"),  # there is no 31st month
        (["03/04/2024 10:00", "31/04/2023", "30/04/2024"], datetime(2024, 4, 3, 10), "dmy"),
        (["1/2/2024", "2/2/2024", "3/2/2024"], datetime(2024, 2, 1), "dmy"),  # three days rather than two months
        (["2/1/2024", "2/2/2024", "2/3/2024"], datetime(2024, 2, 1), "mdy"),
        (["24/03/14", "24/03/15", "24/03/17"], datetime(2024, 3, 14), "ymd"),
        (["45365.4292", "45365.4285", ""], datetime(2024, 3, 14, 10, 18, 2, 880_000), "serial"),
        ([45365, 45366.5], datetime(2024, 3, 14), "serial"),
    ],
)
def test_what_one_value_leaves_open_the_column_tells(said: list[Any], first: datetime, order: str):
    column = read_moments(said)
    assert (column.times[0], column.order, column.else_times) == (first.replace(tzinfo=UTC), order, None)


@pytest.mark.parametrize(
    "said", [["03/04/2024 10:00", "04/05/2024 11:00"], ["05/04/2024"], ["7-8-24 9:00 PM", "8-9-24 9:00 PM"]]
)
def test_a_column_that_may_mean_two_things_gives_both_and_says_so(said: list[str]):
    column = read_moments(said)
    assert column.else_times is not None and column.else_times != column.times
    assert "day/month or month/day" in column.problem()


def test_a_serial_among_other_times_is_no_time():
    column = read_moments(["2024-03-14", "45365.4"])
    assert (column.times[1], column.unread) == (None, 1)
    assert "no way that Qirat reads" in column.problem()


def test_in_a_chat_time_runs_forward():
    said = ["1/2/24, 9:00 AM", "2/2/24, 9:00 AM", "2/3/24, 9:00 AM", "2/11/24, 9:00 AM"]
    assert read_moments(said, forward=True).order in ("dmy", "mdy")
    back = ["10/1/24", "1/2/24", "2/2/24"]
    assert read_moments(back, forward=True).times[0] == datetime(2024, 1, 10, tzinfo=UTC)


# -- order -------------------------------------------------------------------------------------------------------------


@given(st.lists(TIMES, max_size=12))
def test_messages_come_in_the_order_of_their_times(times: list[datetime]):
    ordered = in_order(list(enumerate(times)), times)
    assert [time for _, time in ordered] == sorted(times)
    if times == sorted(times):
        assert [place for place, _ in ordered] == list(range(len(times)))


def test_messages_without_a_time_each_stay_as_they_stand():
    assert in_order("ba", [AT, None]) == "ba"
    assert by_said("ba", ["2024-03-14", "soon"]) == "ba"


def test_messages_of_one_minute_are_turned_round_where_all_stand_newest_first():
    later = AT + timedelta(minutes=1)
    assert "".join(in_order("dcba", [later, later, AT, AT])) == "abcd"
    assert "".join(in_order("abcd", [AT, AT, later, later])) == "abcd"
    assert "".join(in_order("ba", [AT, AT], newest_first=True)) == "ab"
