"""Argilla's filters and sorts as SQL over Argilla's own tables, `r` being the record."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from argilla_server.search_engine.base import (
    AndFilter,
    MetadataFilterScope,
    RangeFilter,
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
    TermsFilter,
)

_TIMES = ("inserted_at", "updated_at")
_RECORD_COLUMNS = ("id", "external_id", "status", *_TIMES)


class Conditions:
    """Collects conditions, all of which must hold, and the values bound to them."""

    def __init__(self, dataset_id: str) -> None:
        self.values: dict[str, Any] = {}
        self._conditions = [f"r.dataset_id = {self.bind(dataset_id)}"]

    @property
    def sql(self) -> str:
        return " AND ".join(self._conditions)

    def require(self, condition: str) -> None:
        self._conditions.append(condition)

    def bind(self, value: Any) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def add(self, filter: Any) -> None:
        if isinstance(filter, AndFilter):
            for part in filter.filters:
                self.add(part)
        elif filter is not None:
            self.require(self._filter(filter))

    def order(self, order: Any) -> str:
        """Missing values come last in either direction, as in Elasticsearch."""
        direction = "DESC" if str(order.order) == "desc" else "ASC"
        return f"{self._sort_key(order.scope)} {direction} NULLS LAST"

    def _filter(self, filter: Any) -> str:
        scope = filter.scope
        if isinstance(scope, RecordFilterScope):
            return self._record(str(scope.property), filter)
        if isinstance(scope, MetadataFilterScope):
            values = f"json_each(r.metadata, {self.bind(_path(scope.metadata_property))}) j"
            return f"EXISTS (SELECT 1 FROM {values} WHERE {self._test('j.value', filter)})"
        if isinstance(scope, SuggestionFilterScope):
            column, values = _suggested(scope)
            return f"EXISTS ({self._suggestions('1', scope, values)} AND {self._test(column, filter)})"
        if isinstance(scope, ResponseFilterScope):
            return self._response(scope, filter)
        raise ValueError(f"no such filter: {filter}")

    def _record(self, column: str, filter: Any) -> str:
        if column not in _RECORD_COLUMNS:
            raise ValueError(f"records have no {column!r} to filter by")
        if column == "id":
            filter = TermsFilter(filter.scope, [str(value).replace("-", "") for value in filter.values])
        if column in _TIMES:
            filter = RangeFilter(filter.scope, _time(filter.ge), _time(filter.le))
        return self._test(f"r.{column}", filter)

    def _response(self, scope: Any, filter: Any) -> str:
        if scope.question:
            values = f'json_each(p."values", {self.bind(_path(scope.question, "value"))}) j'
            return f"EXISTS ({self._responses('1', scope, values)} AND {self._test('j.value', filter)})"
        answered = [value for value in filter.values if value != "pending"]
        either = [f"EXISTS ({self._responses('1', scope)} AND {self._among('p.status', answered)})"] if answered else []
        if "pending" in filter.values:  # no answer yet, of this user or, where none is named, of anyone
            either.append(f"NOT EXISTS ({self._responses('1', scope)})")
        return f"({' OR '.join(either)})"

    def _sort_key(self, scope: Any) -> str:
        if isinstance(scope, RecordFilterScope) and str(scope.property) in _RECORD_COLUMNS:
            return f"r.{scope.property}"
        if isinstance(scope, MetadataFilterScope):
            return f"json_extract(r.metadata, {self.bind(_path(scope.metadata_property))})"
        if isinstance(scope, SuggestionFilterScope):
            column, values = _suggested(scope)
            return f"({self._suggestions(f'min({column})', scope, values)})"
        if isinstance(scope, ResponseFilterScope) and scope.question:
            value = f'json_extract(p."values", {self.bind(_path(scope.question, "value"))})'
            return f"({self._responses(f'min({value})', scope)})"
        raise ValueError(f"no such sort: {scope}")

    def _responses(self, select: str, scope: Any, *sources: str) -> str:
        mine = f" AND p.user_id = {self.bind(scope.user.id.hex)}" if scope.user else ""
        return f"SELECT {select} FROM {', '.join(('responses p', *sources))} WHERE p.record_id = r.id{mine}"

    def _suggestions(self, select: str, scope: Any, source: str) -> str:
        return (
            f"SELECT {select} FROM suggestions s JOIN questions q ON q.id = s.question_id{source} "
            f"WHERE s.record_id = r.id AND q.name = {self.bind(scope.question)}"
        )

    def _test(self, expression: str, filter: Any) -> str:
        if isinstance(filter, TermsFilter):
            return self._among(f"CAST({expression} AS TEXT)", filter.values)
        limits = [(">=", filter.ge), ("<=", filter.le)]
        return " AND ".join(f"{expression} {sign} {self.bind(value)}" for sign, value in limits if value is not None)

    def _among(self, expression: str, values: Iterable[Any]) -> str:
        listed = self.bind(json.dumps([str(value) for value in values]))  # one value bound, however many there are
        return f"{expression} IN (SELECT value FROM json_each({listed}))"


def _path(*keys: str) -> str:
    return "$" + "".join(f".{json.dumps(key)}" for key in keys)


def _suggested(scope: Any) -> tuple[str, str]:
    """The column to look at, and the table that spreads it where it is a JSON value."""
    name = scope.property or "value"
    return ("j.value", f", json_each(s.{name}) j") if name in ("value", "score") else (f"s.{name}", "")


def _time(value: Any) -> str | None:
    """As SQLite holds times: UTC without a zone. A bare number is in milliseconds, as in Elasticsearch."""
    if value is None:
        return None
    try:
        moment = datetime.fromtimestamp(float(value) / 1000, UTC)
    except ValueError:
        moment = datetime.fromisoformat(str(value))
    if moment.tzinfo:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(sep=" ", timespec="microseconds")
