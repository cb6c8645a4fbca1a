"""Repairs of argilla-server 2.8.0, applied at start. Each says what is wrong without it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from argilla_server.api.schemas.v1.questions import QuestionSettings
from argilla_server.contexts import webhooks
from argilla_server.jobs import dataset_jobs, hub_jobs, webhook_jobs
from argilla_server.models import MetadataProperty, Question
from argilla_server.models.metadata_properties import MetadataPropertySettings
from argilla_server.webhooks.v1 import records, responses
from pydantic import TypeAdapter

_running: set[asyncio.Task[None]] = set()  # the event loop itself holds tasks only weakly


def apply() -> None:
    """All of them; before the first request."""
    _parse_settings_with_one_adapter()
    _build_only_events_that_are_heard()
    _run_jobs_in_this_process()


def _parse_settings_with_one_adapter() -> None:
    """Argilla builds a pydantic adapter for each value it checks: most of the time of writing records."""
    question: Any = TypeAdapter(QuestionSettings)
    metadata: Any = TypeAdapter(MetadataPropertySettings)
    Question.parsed_settings = property(lambda self: question.validate_python(self.settings))
    MetadataProperty.parsed_settings = property(lambda self: metadata.validate_python(self.settings))


def _build_only_events_that_are_heard() -> None:
    """Each record and answer costs seven queries for an event, also when no webhook listens."""
    records.build_record_event = _if_heard(records.build_record_event)
    responses.build_response_event = _if_heard(responses.build_response_event)


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
