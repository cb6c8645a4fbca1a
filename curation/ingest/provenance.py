"""Where a conversation came from, out of the fields that stand beside its messages."""

import functools
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from curation.core.record.conversation import canonical_json
from curation.core.text.folding import fold
from curation.ingest.json_text import value_in
from curation.ingest.moments import moment


@functools.lru_cache(4096)
def spelled(field: str) -> str:
    """A field's name as it is spelled here: "Ticket ID" is ticket_id, and الاجابه is الإجابة."""
    return re.sub(r"[\s-]+", "_", fold(field))


NAMES = {
    "source_id": ("id", "conversation_id", "dialogue_id", "ticket_id", "thread_id"),
    "label": ("label", "intent", "topic", "category", "التصنيف", "الفئة"),
    "customer": ("customer", "customer_id", "requester_id", "user_id", "العميل", "رقم_العميل"),
    "created_at": ("created_at", "created_date", "created", "timestamp", "date", "sent_at", "submitted_at", "التاريخ"),
    "licence": ("licence", "license"),
}
ALIASES = {column: tuple(map(spelled, names)) for column, names in NAMES.items()}
METADATA = ("metadata", "meta")


def provenance(rows: Sequence[Mapping[str, Any]], used: Collection[str], **known: Any) -> dict[str, Any]:
    """Columns of the record from the rows of one conversation, their metadata, and what the format `known`s itself.

    The first row with a value wins, a row before its metadata; blanks are no values. What fits no column, a time that
    cannot be read among it, is kept as JSON in `metadata`.
    """
    fields: dict[str, Any] = {}
    for row in rows:
        for key, value in _fields(row, used):
            fields.setdefault(key, value)
    found: dict[str, Any] = {}
    single = _single(fields)
    for column, aliases in ALIASES.items():
        keys = [single[alias] for alias in aliases if alias in single]
        told = known.get(column)
        value = fields[keys[0]] if told is None and keys else told
        taken = moment(value) if column == "created_at" else _text(value)
        if taken is not None:
            found[column] = taken
            if told is None:
                del fields[keys[0]]
    if tools := fields.pop("tools", None):
        found["tools"] = tools if isinstance(tools, str) else canonical_json(tools)
    if fields:
        found["metadata"] = canonical_json(fields)
    return found


def with_metadata(found: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Columns of the record, with more in their metadata where there is more to say."""
    said = {key: value for key, value in more.items() if value}
    if not said:
        return dict(found)
    return {**found, "metadata": canonical_json({**json.loads(found.get("metadata", "{}")), **said})}


def _fields(row: Mapping[str, Any], used: Collection[str]) -> Iterator[tuple[str, Any]]:
    """What a row says beside its messages, its metadata last; blanks left out."""
    inner = [object_in(row.get(key)) for key in METADATA]
    for source in (row, *inner):
        for key, value in source.items():
            read_already = key in used or (source is row and key in METADATA and object_in(value))
            blank = value is None or (isinstance(value, str) and not value.strip())
            if not read_already and not blank:
                yield str(key), value


def object_in(value: Any) -> Mapping[str, Any]:
    """A JSON object, or the text of one; otherwise nothing."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = value_in(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _single(fields: dict[str, Any]) -> dict[str, str]:
    """Fields of one value, as they are spelled here. A label that is true or false tells of a liked answer (KTO)."""
    single = {spelled(key): key for key in reversed(fields) if isinstance(fields[key], str | int | float | date)}
    if _is_truth(fields.get(single.get("label", ""))):
        del single["label"]
    return single


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, str) and value.strip().lower() in ("true", "false"))


def _text(value: Any) -> str | None:
    """Text of an id or a label; whole numbers that a table made floats are whole again."""
    if value is None:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip() or None
