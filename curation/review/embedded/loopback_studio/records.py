"""Records as Qirat writes and reads them: many at once, whole or not at all, and deleted only where nobody answered.

A record is a task. Its `data` is shown; its `meta` holds the record's name and what annotators must not know.
"""

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone
from rest_framework.permissions import IsAdminUser
from rest_framework.response import Response
from rest_framework.views import APIView


class Records(APIView):  # type: ignore[misc]
    """GET reads all, PUT makes or replaces, DELETE deletes those of these ids that nobody answered, or one answer.

    For the owner.
    """

    permission_classes = (IsAdminUser,)

    def get(self, request: Any, project: int) -> Response:
        with transaction.atomic():
            return Response(list(_all(project)))

    def put(self, request: Any, project: int) -> Response:
        from projects.models import Project

        with transaction.atomic():
            held = Project.objects.get(id=project)
            _write(held, {item["meta"]["external_id"]: item for item in request.data["items"]})
        return Response(status=204)

    def delete(self, request: Any, project: int) -> Response:
        from data_manager.actions.basic import delete_tasks
        from projects.models import Project
        from tasks.models import Task

        if "answer" in request.data:
            return Response({"ids": _take_back(project, request.data["answer"], request.data["updated_at"])})
        with transaction.atomic():
            asked = Task.objects.filter(project=project, id__in=request.data["ids"])
            unanswered = asked.filter(annotations=None, drafts=None)
            ids = list(unanswered.values_list("id", flat=True))
            if ids:
                delete_tasks(Project.objects.get(id=project), unanswered)
        return Response({"ids": ids})


def _all(project: int) -> Iterator[dict[str, Any]]:
    """Each record with its answers, in the order in which they were made."""
    from tasks.models import Annotation, AnnotationDraft, Task

    given: dict[int, list[dict[str, Any]]] = {}
    who = ("id", "task_id", "result", "updated_at", "lead_time")
    for one in Annotation.objects.filter(project=project).values(*who, "was_cancelled", "completed_by__email"):
        status = "discarded" if one["was_cancelled"] else "submitted"
        given.setdefault(one["task_id"], []).append({**one, "status": status, "user": one["completed_by__email"]})
    for one in AnnotationDraft.objects.filter(task__project=project).values(*who, "user__email"):
        given.setdefault(one["task_id"], []).append({**one, "status": "draft", "user": one["user__email"]})
    shown = ("id", "meta", "data__corrected", "is_labeled", "updated_at")
    for task in Task.objects.filter(project=project).order_by("id").values(*shown):
        yield {**task, "responses": given.get(task["id"], [])}


def _take_back(project: int, answer: int, updated_at: str) -> list[int]:
    """Deletes an answer that is as it was then; its task is open again for who gave it."""
    from tasks.models import Annotation

    with transaction.atomic():
        found = Annotation.objects.filter(project=project, id=answer, updated_at=updated_at).first()
        if found is None:
            return []
        task = found.task
        found.delete()
        task.update_is_labeled()
        task.save(update_fields=["is_labeled"])
        return [answer]


def _write(project: Any, items: dict[str, Any]) -> None:
    from data_import.serializers import ImportApiSerializer
    from tasks.models import Task

    there = {task.meta["external_id"]: task for task in Task.objects.filter(project=project) if task.meta}
    known = [there[name] for name in items if name in there]
    for task in known:
        item = items[task.meta["external_id"]]
        task.data, task.meta, task.updated_at = {**task.data, **item["data"]}, item["meta"], timezone.now()
    Task.objects.bulk_update(known, ["data", "meta", "updated_at"], batch_size=200)
    new = [{"data": item["data"], "meta": item["meta"]} for name, item in items.items() if name not in there]
    if new:
        serializer = ImportApiSerializer(data=new, many=True, context={"project": project})
        serializer.is_valid(raise_exception=True)
        _count(project, serializer.save(project_id=project.id), new)


def _count(project: Any, tasks: Any, new: list[dict[str, Any]]) -> None:
    """What Label Studio keeps of a project beside its tasks."""
    project.update_tasks_counters_and_task_states(
        tasks_queryset=tasks,
        maximum_annotations_changed=False,
        overlap_cohort_percentage_changed=False,
        tasks_number_changed=True,
        recalculate_stats_counts={"task_count": len(tasks), "annotation_count": 0, "prediction_count": 0},
    )
    project.summary.update_data_columns([item["data"] for item in new])
