"""Moments as exports write them."""

from datetime import UTC, date, datetime
from typing import Any

SECONDS = range(10**8, 4 * 10**9)  # Unix times from 1973 to 2096
MILLISECONDS = range(10**11, 4 * 10**12)


def moment(value: Any) -> datetime | None:
    """A time in UTC from a date, ISO 8601, or Unix seconds or milliseconds; None when it is none of these."""
    try:
        if isinstance(value, datetime):
            read = value
        elif isinstance(value, date):
            read = datetime(value.year, value.month, value.day)
        else:
            read = _unix(value) or datetime.fromisoformat(str(value).strip())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _unix(value: Any) -> datetime | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    if int(number) in MILLISECONDS:
        number /= 1000
    return datetime.fromtimestamp(number, UTC) if int(number) in SECONDS else None
