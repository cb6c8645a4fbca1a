"""JSON as exports really hold it: keys given twice, NaN, numbers of any length, half characters, absurd nesting."""

import json
import math
from typing import Any

import orjson

from curation.core.record.repair import LONE_SURROGATES

DEEPEST = 100  # levels of nesting; no conversation needs ten
TOO_DEEP = f"nested deeper than {DEEPEST} levels; export the row again"
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19  # digits from which orjson would lose some


class Contradiction(dict[str, Any]):
    """An object that gave one key two different values."""

    key: str


def json_value(text: bytes) -> tuple[Any, str | None]:
    """The value of a JSON text, and what makes it unusable nevertheless; ValueError where there is none.

    NaN and infinities say that a number is missing: null. Half characters become U+FFFD.
    """
    try:
        value = orjson.loads(text)
        if _is_exact(text, value):
            return value, None
    except ValueError:
        pass  # the slower reader reads more, and refuses in better words
    try:
        value = json.loads(
            text.decode("utf-8"), object_pairs_hook=_object, parse_constant=lambda _: None, parse_float=_finite
        )
    except RecursionError:
        return None, TOO_DEEP
    fault = fault_in(value)
    return value if fault or b"\\ud" not in text.lower() else _whole_characters(value), fault


def value_in(text: str) -> Any:
    """The value of JSON that stands as a text in another row; ValueError where there is none that can be used."""
    value, fault = json_value(text.encode("utf-8"))
    if fault:
        raise ValueError(fault)
    return value


def _is_exact(text: bytes, value: Any) -> bool:
    """Whether orjson lost nothing, and nothing is nested deeply.

    It shortens numbers of 19 digits and more, and drops all but the last of a key's values, with the key's quotes;
    nothing else changes the number of quotes but the escape of one.
    """
    return (
        text.count(b"{") + text.count(b"[") <= DEEPEST
        and _LONG_NUMBER not in text.translate(_ZEROS)
        and b"\\u0022" not in text
        and text.count(b'"') == orjson.dumps(value).count(b'"')
    )


def fault_in(value: Any) -> str | None:
    """Why a value that could be parsed cannot be used: too deep, or an object that contradicts itself."""
    level = [value]
    for _ in range(DEEPEST + 1):
        for item in level:
            if isinstance(item, Contradiction):
                return f"{item.key!r} stands twice in one object, with different values; export the row again"
        objects = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        if not objects:
            return None
        level = [inner for items in objects for inner in items]
    return TOO_DEEP


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if found[key] != value:
                found = Contradiction(found)
                found.key = key
                break
    return found


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _whole_characters(value: Any) -> Any:
    if isinstance(value, str):
        return LONE_SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_whole_characters(key): _whole_characters(item) for key, item in value.items()}
    return value


def parsed(value: Any) -> Any:
    """A value, or what its text says where that is JSON."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return value_in(value)
        except ValueError:
            return value
    return value
