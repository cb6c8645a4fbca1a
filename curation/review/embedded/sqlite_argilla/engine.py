"""The search engine of the embedded server: Argilla asks here instead of Elasticsearch.

Whatever a filter or a sort can name already lies in Argilla's own tables, so nothing is copied and nothing can drift.
Only text search has an index, see full_text.py, and vectors are kept in memory, see similarity.py.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from argilla_server.database import AsyncSessionLocal
from argilla_server.enums import MetadataPropertyType, SimilarityOrder
from argilla_server.errors.future import UnprocessableEntityError
from argilla_server.search_engine.base import (
    FloatMetadataMetrics,
    IntegerMetadataMetrics,
    SearchEngine,
    SearchResponseItem,
    SearchResponses,
    TermsMetrics,
)
from hosting.languages import languages_of
from sqlalchemy import text

from . import full_text, similarity
from .conditions import Conditions
from .folding import fold
from .text_query import text_match

NAME = "embedded"

# An annotator's queue keeps the order of rank, worst first, in blocks of this many records; inside a block each
# annotator has an order of their own, so that people who work at the same time seldom open the same record.
_BLOCK = 20
_LANGUAGE = "json_extract(r.metadata, '$.language')"


@SearchEngine.register(engine_name=NAME)
class EmbeddedSearchEngine(SearchEngine):  # type: ignore[misc]
    """Made anew for each request; sessions come from Argilla's pool."""

    @classmethod
    async def new_instance(cls) -> "EmbeddedSearchEngine":
        return cls()

    async def close(self) -> None: ...

    async def ping(self) -> bool:
        return bool(await _rows("SELECT 1"))

    async def info(self) -> dict[str, str]:
        return {"engine": NAME}

    # -- the text index ------------------------------------------------------------------------------------------

    async def create_index(self, dataset: Any) -> None:
        async with AsyncSessionLocal() as db:
            await full_text.create(db, dataset)

    async def delete_index(self, dataset: Any) -> None:
        similarity.changed(dataset)
        async with AsyncSessionLocal() as db:
            await full_text.drop(db, dataset)

    # Triggers keep the text; the rest is in Argilla's tables already.

    async def index_records(self, dataset: Any, records: Iterable[Any]) -> None:
        similarity.changed(dataset)

    async def delete_records(self, dataset: Any, records: Iterable[Any]) -> None:
        similarity.changed(dataset)

    async def partial_record_update(self, record: Any, **update: Any) -> None: ...
    async def configure_metadata_property(self, dataset: Any, metadata_property: Any) -> None: ...
    async def configure_index_vectors(self, vector_settings: Any) -> None: ...
    async def update_record_response(self, response: Any) -> None: ...
    async def delete_record_response(self, response: Any) -> None: ...
    async def update_record_suggestion(self, suggestion: Any) -> None: ...
    async def delete_record_suggestion(self, suggestion: Any) -> None: ...

    # -- counts --------------------------------------------------------------------------------------------------

    async def get_dataset_progress(self, dataset: Any) -> dict[str, int]:
        """Records by status."""
        counted = "SELECT status, count(*) FROM records WHERE dataset_id = :dataset GROUP BY status"
        return _with_total(await _rows(counted, dataset=dataset.id.hex))

    async def get_dataset_user_progress(self, dataset: Any, user: Any) -> dict[str, int]:
        """The user's answers by status."""
        counted = (
            "SELECT p.status, count(*) FROM responses p JOIN records r ON r.id = p.record_id "
            "WHERE r.dataset_id = :dataset AND p.user_id = :user GROUP BY p.status"
        )
        return _with_total(await _rows(counted, dataset=dataset.id.hex, user=user.id.hex))

    async def compute_metrics_for(self, metadata_property: Any) -> Any:
        """What the filter panel offers: the terms with their counts, or the range of numbers."""
        values = "FROM records r, json_each(r.metadata, :path) j WHERE r.dataset_id = :dataset"
        bound = {"path": f'$."{metadata_property.name}"', "dataset": metadata_property.dataset_id.hex}
        if metadata_property.type == MetadataPropertyType.terms:
            counted = f"SELECT CAST(j.value AS TEXT), count(*) {values} GROUP BY 1 ORDER BY 2 DESC, 1"
            terms = [TermsMetrics.TermCount(term=term, count=count) for term, count in await _rows(counted, **bound)]
            return TermsMetrics(total=sum(term.count for term in terms), values=terms)
        [(low, high)] = await _rows(f"SELECT min(j.value), max(j.value) {values}", **bound)
        is_integer = metadata_property.type == MetadataPropertyType.integer
        return (IntegerMetadataMetrics if is_integer else FloatMetadataMetrics)(min=low, max=high)

    # -- search --------------------------------------------------------------------------------------------------

    async def search(  # noqa: PLR0913 - Argilla's signature
        self,
        dataset: Any,
        query: Any = None,
        filter: Any = None,
        sort: list[Any] | None = None,
        offset: int = 0,
        limit: int = 100,
        user_id: UUID | None = None,
    ) -> Any:
        where = Conditions(dataset.id.hex)
        where.add(filter)
        source = _text_source(where, dataset, query)
        score = "-t.rank" if " t ON " in source else "1.0"
        read = languages_of(Path(), str(user_id))  # the server runs in its home
        if read:
            where.require(f"{_LANGUAGE} IN ({', '.join(map(where.bind, read))})")
        order = [where.order(key) for key in sort or []] or [
            *_languages_first(where, read),
            _default_order(score, user_id),
        ]
        total = await _rows(f"SELECT count(*) FROM {source} WHERE {where.sql}", **where.values)
        found = await _rows(
            f"SELECT r.id, {score} FROM {source} WHERE {where.sql} ORDER BY {', '.join(order)}, r.id "
            "LIMIT :limit OFFSET :offset",
            **where.values,
            limit=limit,
            offset=offset,
        )
        items = [SearchResponseItem(record_id=UUID(record), score=points) for record, points in found]
        return SearchResponses(items=items, total=total[0][0])

    async def similarity_search(  # noqa: PLR0913 - Argilla's signature
        self,
        dataset: Any,
        vector_settings: Any,
        value: list[float] | None = None,
        record: Any = None,
        query: Any = None,
        filter: Any = None,
        max_results: int = 100,
        order: Any = SimilarityOrder.most_similar,
        threshold: float | None = None,
    ) -> Any:
        """The nearest or farthest to a vector, or to a record, itself left out.

        As with Elasticsearch, the total is the number of items, and the farthest are the nearest to the opposite.
        """
        target = value or record.vector_value_by_vector_settings(vector_settings)
        if len(target) != vector_settings.dimensions:
            raise UnprocessableEntityError(f"the vector must have {vector_settings.dimensions} elements")
        where = Conditions(dataset.id.hex)
        where.add(filter)
        if record is not None:
            where.require(f"r.id <> {where.bind(record.id.hex)}")
        source = _text_source(where, dataset, query)
        among = [key for (key,) in await _rows(f"SELECT r.id FROM {source} WHERE {where.sql}", **where.values)]
        known = await similarity.vectors(vector_settings)
        direction = [-part for part in target] if order == SimilarityOrder.least_similar else target
        found = known.nearest(direction, among, max_results)
        items = [
            SearchResponseItem(record_id=UUID(key), score=score)
            for key, score in found
            if threshold is None or score >= threshold
        ]
        return SearchResponses(items=items, total=len(items))


def _text_source(where: Conditions, dataset: Any, query: Any) -> str:
    """The tables to search, with the text index joined in where words were asked for."""
    if query is None:
        return "records r"
    asked, field = (query, None) if isinstance(query, str) else (query.q, query.field)
    names = [f.name for f in full_text.fields(dataset)]
    match = text_match(fold(asked) or "", f"f{names.index(field)}" if field else None)
    index = full_text.table(dataset)
    if match.unwanted:
        where.require(f"r.rowid NOT IN (SELECT rowid FROM {index} WHERE {index} MATCH {where.bind(match.unwanted)})")
    if match.wanted:
        matching = f"SELECT rowid, rank FROM {index} WHERE {index} MATCH {where.bind(match.wanted)}"
        return f"records r JOIN ({matching}) t ON t.rowid = r.rowid"
    if not match.unwanted:
        where.require("0")  # nothing but punctuation finds nothing
    return "records r"


def _languages_first(where: Conditions, read: list[str]) -> list[str]:
    cases = " ".join(f"WHEN {where.bind(language)} THEN {place}" for place, language in enumerate(read))
    return [f"CASE {_LANGUAGE} {cases} END"] if read else []


def _default_order(score: str, user_id: UUID | None) -> str:
    if score != "1.0":
        return "t.rank"
    if user_id is None:
        return "r.inserted_at"
    # Record ids are random, so their hex digits turned by some places, which differ by annotator, are a shuffle.
    places = UUID(str(user_id)).int % 31 + 1
    block = f"json_extract(r.metadata, '$.rank') / {_BLOCK}"
    return f"{block} NULLS LAST, substr(r.id, {places + 1}) || substr(r.id, 1, {places})"


async def _rows(statement: str, **values: Any) -> list[Any]:
    async with AsyncSessionLocal() as db:
        return list((await db.execute(text(statement), values)).all())


def _with_total(counts: list[Any]) -> dict[str, int]:
    return {"total": sum(count for _, count in counts), **dict(counts)}
