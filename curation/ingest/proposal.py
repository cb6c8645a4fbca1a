"""A guess at what the columns of a table are that no format knows: an entry for params.yaml: ingest.columns."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from curation.core.record.conversation import ROLES
from curation.ingest.formats import Roles
from curation.ingest.looks import texts_in
from curation.ingest.moments import is_blank, read_moments
from curation.ingest.provenance import spelled

SIDES = range(2, 7)  # different values that tell who wrote
# What columns are called, in the order of preference; Arabic as `spelled` folds it.
TICKET = r"ticket|conv|thread|case|chat|session|dialog|room|issue|request|incident|تذكره|محادثه|شكوي|بلاغ"
TIME = r"time|date|created|sent|^at$|_at$|written|posted|تاريخ|وقت|توقيت"
OURS = (
    r"outgoing|outbound|agent|staff|team|admin|operator|employee|support|reply|موظف|صادر"  # true where the team wrote
)
THEIRS = r"incoming|inbound|customer|client|visitor|user|عميل|زبون|وارد"  # true where a customer wrote
SIDE = r"author|sender|from|role|side|direction|speaker|party|who|by|type|مرسل|كاتب|الطرف|الجهه"
INTERNAL = r"internal|private|note|hidden|داخلي|خاص"
PUBLIC = r"public|visible|extern|عام|ظاهر"
LABEL = r"intent|category|topic|label|tag|reason|تصنيف|فئه|موضوع"
CUSTOMER = r"customer|client|user|visitor|requester|contact|عميل|زبون"
ANSWER = r"answer|reply|response|resolution|solution|agent|support|جواب|اجابه|رد|حل"
_BOOLEAN = frozenset("0 1 true false yes no y n t f نعم لا".split())

Column = Sequence[Any]


def proposed(name: str, values: Sequence[Any], roles: Roles) -> str:
    """The entry, as it may be pasted under `ingest:`; "" for what is no table with texts in it."""
    rows = [value for value in values if isinstance(value, Mapping)]
    texts = texts_in(rows)
    if not texts:
        return ""
    table = {str(key): [row.get(key) for row in rows] for key in dict.fromkeys(key for row in rows for key in row)}
    found = _columns(table, texts, roles)
    if not {"ticket", "side"} <= found.keys() and "answer" not in found:
        return ""
    entry = json.dumps(found, ensure_ascii=False)
    return f"columns: {{{json.dumps(name, ensure_ascii=False)}: {entry}}}"


def _columns(table: Mapping[str, Column], texts: Sequence[str], roles: Roles) -> dict[str, Any]:
    free = {name: column for name, column in table.items() if name not in texts}
    found: dict[str, Any] = {}
    taken: set[str] = set()

    def take(kind: str, names: Sequence[str]) -> None:
        if name := next((name for name in names if name not in taken), None):
            found[kind] = name
            taken.add(name)

    called = [name for name in _called(TIME, free) if _are_times(free[name])]
    take("time", called or [name for name, column in free.items() if _are_dates(column)])
    take("internal", [name for name in _called(f"{INTERNAL}|{PUBLIC}", free) if _is_boolean(free[name])])
    if "internal" in found and re.search(PUBLIC, spelled(found["internal"])):
        found["internal_is"] = False
    take("side", _sides(free, roles, taken))
    if "side" in found and _is_boolean(free[found["side"]]):
        found["team_is"] = bool(re.search(OURS, spelled(found["side"])))
    repeated = {name: column for name, column in free.items() if _is_repeated(column)}
    take("ticket", [*_called(TICKET, repeated), *_called(r"(?:^|_)(?:id|no|nr|num|number|key)$|^رقم", repeated)])
    take("label", [name for name in _called(LABEL, free) if _is_repeated(free[name])])
    take("customer", _called(CUSTOMER, free))
    answers = _called(ANSWER, {name: table[name] for name in texts})
    if len(texts) > 1 and answers and not {"ticket", "side"} <= found.keys():
        for kind in ("side", "team_is", "ticket"):
            found.pop(kind, None)
        asked = next((name for name in texts if name != answers[0]), texts[0])
        return {"text": asked, "answer": answers[0], **found}
    return {"text": texts[0], **found}


def _called(pattern: str, table: Mapping[str, Column]) -> list[str]:
    """The columns with such a name, those first that are called so sooner in the pattern."""
    kinds = pattern.split("|") if "(" not in pattern else [pattern]
    return list(dict.fromkeys(name for kind in kinds for name in table if re.search(kind, spelled(name))))


def _sides(table: Mapping[str, Column], roles: Roles, taken: set[str]) -> list[str]:
    """Columns that may tell who wrote: first those whose values are known, then by yes and no, then by their names."""
    known = {*ROLES, *roles}
    few = {n: c for n, c in table.items() if n not in taken and len(_distinct(c)) in SIDES}
    told = [name for name, column in few.items() if _distinct(column) & known]
    yes_or_no = [n for n in _called(f"{THEIRS}|{OURS}", few) if _is_boolean(few[n])]
    return [*told, *yes_or_no, *(name for name in _called(SIDE, few) if not _is_boolean(few[name]))]


def _distinct(column: Column) -> set[str]:
    return {str(value).strip().lower().removesuffix(".0") for value in column if not is_blank(value)}


def _is_boolean(column: Column) -> bool:
    found = _distinct(column)
    return bool(found) and found <= _BOOLEAN


def _is_repeated(column: Column) -> bool:
    said = [value for value in column if not is_blank(value)]
    return 0 < len(_distinct(column)) < len(said) and not _is_boolean(column)


def _are_dates(column: Column) -> bool:
    """Whether a column holds times that are no mere numbers, which may be anything."""
    return _are_times(column) and any(not str(value).strip().replace(".", "").isdecimal() for value in column if value)


def _are_times(column: Column) -> bool:
    moments = read_moments(column)
    return any(moments.times) and not moments.unread
