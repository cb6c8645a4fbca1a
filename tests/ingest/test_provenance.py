"""What stands beside the messages finds its column, or is kept as metadata."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from curation.ingest.moments import moment
from curation.ingest.provenance import provenance


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-03-01T10:00:00+03:00", datetime(2025, 3, 1, 7, tzinfo=UTC)),
        ("2025-03-01 10:00", datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ("20250301", datetime(2025, 3, 1, tzinfo=UTC)),
        (date(2025, 3, 1), datetime(2025, 3, 1, tzinfo=UTC)),
        (1740823200, datetime(2025, 3, 1, 10, tzinfo=UTC)),
        (1740823200.0, datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ("1740823200000", datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ("0001-01-01T00:00:00+05:00", None),
        ("12/03/2025 10:00", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_times_are_read_in_utc_or_not_at_all(value: Any, expected: datetime | None):
    assert moment(value) == expected


def test_a_time_that_cannot_be_read_is_kept_as_metadata():
    found = provenance([{"created_at": "12/03/2025"}], set())
    assert json.loads(found["metadata"]) == {"created_at": "12/03/2025"}
    assert "created_at" not in found


def test_metadata_may_be_an_object_or_its_text():
    for metadata in ({"intent": "refund", "shift": 2}, '{"intent": "refund", "shift": 2}'):
        found = provenance([{"metadata": metadata}], set())
        assert (found["label"], json.loads(found["metadata"])) == ("refund", {"shift": 2})


def test_a_blank_beside_the_messages_does_not_hide_a_value_in_the_metadata():
    found = provenance([{"label": None, "customer": "", "metadata": {"label": "refund", "customer": "C1"}}], set())
    assert (found["label"], found["customer"]) == ("refund", "C1")


def test_blanks_are_no_customer_and_no_label():
    assert provenance([{"customer": " ", "label": ""}], set()) == {}


def test_numbers_that_a_table_made_floats_are_whole_again():
    assert provenance([{"customer_id": 40489.0}], set())["customer"] == "40489"


def test_the_first_row_of_a_ticket_with_a_value_tells_it():
    found = provenance(
        [{"customer_id": None, "intent": "a"}, {"customer_id": "C1", "intent": "b"}], set(), source_id="T1"
    )
    assert found == {"customer": "C1", "label": "a", "source_id": "T1"}
