"""Repairs of argilla-server 2.8.0, applied at start. Each says what is wrong without it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from argilla_server.api.handlers.v1.datasets import records as search_handlers
from argilla_server.api.policies.v1 import RecordPolicy
from argilla_server.api.schemas.v1.questions import QuestionSettings
from argilla_server.bulk import records_bulk
from argilla_server.contexts import records as deleted_records
from argilla_server.contexts import webhooks
from argilla_server.errors.future import UnprocessableEntityError
from argilla_server.jobs import dataset_jobs, hub_jobs, webhook_jobs
from argilla_server.models import MetadataProperty, Question, Record, Vector
from argilla_server.models.metadata_properties import MetadataPropertySettings
from argilla_server.static_rewrite import RewriteStaticFiles
from argilla_server.webhooks.v1 import records, responses
from brotli_asgi import BrotliMiddleware
from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import selectinload
from sqlalchemy.orm.attributes import set_committed_value

_running: set[asyncio.Task[None]] = set()  # the event loop itself holds tasks only weakly


def apply(app: Any) -> None:
    """All of them; before the first request."""
    _parse_settings_with_one_adapter()
    _build_only_events_that_are_heard()
    _run_jobs_in_this_process()
    _write_vectors_without_reading_them_back()
    _answer_uncompressed(app)
    _search_by_visible_metadata_only()
    _show_annotators_their_part_of_a_record()
    _find_nothing_under_names_that_no_file_has()


def _parse_settings_with_one_adapter() -> None:
    """Argilla builds a pydantic adapter for each value it checks: most of the time of writing records."""
    question: Any = TypeAdapter(QuestionSettings)
    metadata: Any = TypeAdapter(MetadataPropertySettings)
    Question.parsed_settings = property(lambda self: question.validate_python(self.settings))
    MetadataProperty.parsed_settings = property(lambda self: metadata.validate_python(self.settings))


def _build_only_events_that_are_heard() -> None:
    """Each record and answer costs seven queries for an event, also when no webhook listens."""
    deleted_records.build_record_event_v1 = records.build_record_event = _if_heard(records.build_record_event)
    responses.build_response_event = _if_heard(responses.build_response_event)
    notify = records_bulk.UpsertRecordsBulk._notify_upsert_record_events

    async def notified(self: Any, upserted: list[Any]) -> None:
        if await webhooks.list_enabled_webhooks(self._db):  # once a request instead of once a record
            await notify(self, upserted)

    records_bulk.UpsertRecordsBulk._notify_upsert_record_events = notified


def _if_heard(build: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def built(db: Any, event: Any, subject: Any) -> Any:
        if any(event in webhook.events for webhook in await webhooks.list_enabled_webhooks(db)):
            return await build(db, event, subject)
        return SimpleNamespace(notify=_notify_nobody)

    return built


async def _notify_nobody(db: Any) -> list[Any]:
    return []


def _run_jobs_in_this_process() -> None:
    """Argilla hands jobs to a worker through Redis; here they run beside the requests. A restart forgets them."""
    for job in (
        dataset_jobs.update_dataset_records_status_job,
        hub_jobs.import_dataset_from_hub_job,
        hub_jobs.export_dataset_to_hub_job,
        webhook_jobs.notify_event_job,
    ):
        job.delay = _started(job)


def _started(job: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Any]:
    def delay(*args: Any, **kwargs: Any) -> Any:
        task = asyncio.get_running_loop().create_task(job(*args, **kwargs))
        _running.add(task)
        task.add_done_callback(_ended)
        return SimpleNamespace(id=uuid4().hex, get_status=lambda refresh=True: "started")

    return delay


def _ended(task: asyncio.Task[None]) -> None:
    _running.discard(task)
    if not task.cancelled() and task.exception():
        logging.getLogger("argilla").error("a background job failed", exc_info=task.exception())


def _write_vectors_without_reading_them_back() -> None:
    """Argilla reads every vector back twice, for an index that is not here and to return it to who has just sent it:
    half of the time of writing records with vectors.
    """

    async def write(self: Any, records_and_vectors: list[Any]) -> None:
        rows = [
            {"value": value, "record_id": record.id, "vector_settings_id": settings.id}
            for record, vectors in records_and_vectors
            for name, value in (vectors or {}).items()
            if (settings := record.dataset.vector_settings_by_name(name))
        ]
        if rows:
            written = insert(Vector)
            changed = {"value": written.excluded.value, "updated_at": written.excluded.updated_at}
            place = [Vector.record_id, Vector.vector_settings_id]
            await self._db.execute(written.on_conflict_do_update(index_elements=place, set_=changed), rows)

    load_for_index_and_events = records_bulk._preload_records_relationships_before_index

    async def load_what_is_returned(db: Any, written: list[Any]) -> None:
        if await webhooks.list_enabled_webhooks(db):
            await load_for_index_and_events(db, written)
            return
        returned = (selectinload(Record.responses), selectinload(Record.suggestions))
        await db.execute(select(Record).filter(Record.id.in_([record.id for record in written])).options(*returned))

    records_bulk.CreateRecordsBulk._upsert_records_vectors = write
    records_bulk._preload_records_relationships_before_index = load_what_is_returned


def _answer_uncompressed(app: Any) -> None:
    """Argilla compresses what never leaves this machine: a fifth of the time of writing records."""
    app.user_middleware = [kept for kept in app.user_middleware if kept.cls is not BrotliMiddleware]


def _search_by_visible_metadata_only() -> None:
    """Argilla hides metadata from annotators but lets them filter and sort by it, which shows it as well."""
    search = search_handlers._get_search_responses

    async def searched(*, dataset: Any, search_records_query: Any = None, user: Any = None, **others: Any) -> Any:
        if user is not None and user.is_annotator and search_records_query is not None:
            hidden = {item.name for item in dataset.metadata_properties if not item.visible_for_annotators}
            filters, orders = search_records_query.filters, search_records_query.sort
            for asked in (*((filters.and_ or ()) if filters else ()), *(orders or ())):
                if (name := getattr(asked.scope, "metadata_property", None)) in hidden:
                    raise UnprocessableEntityError(f"MetadataProperty not found filtering by name={name}")
        return await search(dataset=dataset, search_records_query=search_records_query, user=user, **others)

    search_handlers._get_search_responses = searched


def _show_annotators_their_part_of_a_record() -> None:
    """A record asked for by its id comes with all metadata and everybody's answers, to annotators too."""
    allowed = RecordPolicy.get

    def get(record: Any) -> Callable[[Any], Awaitable[bool]]:
        async def is_allowed(actor: Any) -> bool:
            if not await allowed(record)(actor):
                return False
            if actor.is_annotator:
                properties = await record.dataset.awaitable_attrs.metadata_properties
                visible = {item.name for item in properties if item.visible_for_annotators}
                shown = {name: value for name, value in (record.metadata_ or {}).items() if name in visible}
                set_committed_value(record, "metadata_", shown)
                set_committed_value(record, "responses", [own for own in record.responses if own.user_id == actor.id])
                set_committed_value(record, "vectors", [])  # their names are not loaded: Argilla would answer 500
            return True

        return is_allowed

    RecordPolicy.get = get


def _find_nothing_under_names_that_no_file_has() -> None:
    """An address with a zero byte, or longer than a file's name may be, is an error of Argilla's, 500 in its log."""
    look_up = RewriteStaticFiles.lookup_path

    def looked_up(self: Any, path: str) -> Any:
        try:
            return look_up(self, path)
        except (OSError, ValueError):
            return "", None

    RewriteStaticFiles.lookup_path = looked_up
