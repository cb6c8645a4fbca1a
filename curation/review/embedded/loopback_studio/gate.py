"""What an annotator may ask for. Label Studio's community edition lets everybody do everything.

Whatever is not named here is refused: other people's answers, settings, imports, storages, webhooks, accounts, keys.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from jwt_auth.auth import TokenAuthenticationPhaseout
from rest_framework.exceptions import AuthenticationFailed

_READ = re.compile(
    r"/api/(?:projects/?|projects/counts/?|projects/\d+/?|projects/\d+/(?:next|label-stream-history)/?"
    r"|dm/(?:project|columns|views|actions)/?|tasks/\d+/?|current-user/(?:whoami|hotkeys/?|product-tour)"
    r"|version/?|users/\d+/?|annotations/\d+/?|drafts/\d+/?)|/projects/|/projects/\d+/data/?|/logout/?|/user/login/?|/version/?"
    r"|/static/.*|/react-app/.*|/label-studio-frontend/.*|/dm/.*|/sw\.js|/favicon\.ico|/feature-flags/?|/heidi-tips/?"
)
_WRITTEN = {
    "POST": re.compile(
        r"/api/(?:dm/actions/?|tasks/\d+/annotations/?|tasks/\d+/drafts/?|tasks/\d+/annotations/\d+/drafts/?"
        r"|annotations/\d+/convert-to-draft/?)|/user/login/?|/logout/?"
    ),
    "PATCH": re.compile(r"/api/(?:annotations|drafts)/\d+/?|/api/current-user/product-tour/?"),
    "DELETE": re.compile(r"/api/drafts/\d+/?"),
}
# What the pages ask for beside the task in hand, and may have as if there were none.
_EMPTY: dict[str, Any] = {
    "/api/tasks": {"tasks": [], "total": 0, "total_annotations": 0, "total_predictions": 0},
    "/api/users": [],
    "/api/ml": [],
    "/api/label_links": {"count": 0, "next": None, "previous": None, "results": []},
}
_OWNED = re.compile(r"/api/(annotations|drafts)/(\d+)|/api/tasks/\d+/annotations/(\d+)/drafts")
_TASK = re.compile(r"/api/tasks/\d+/?|/api/projects/\d+/next/?|/api/dm/actions/?")
_LABELLING = re.compile(r"/projects/(\d+)/data/?")
_SCRIPT = re.compile(rb"<script(?![^>]*\bnonce=)")


class OwnersToken(TokenAuthenticationPhaseout):  # type: ignore[misc]
    """A key of the interface opens it for the owner alone."""

    def authenticate(self, request: Any) -> Any:
        found = super().authenticate(request)
        if found is not None and not found[0].is_superuser:
            raise AuthenticationFailed("annotators sign in with their password")
        return found


class Gate:
    """Lets annotators annotate, and gives scripts of the pages their number."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response

    def __call__(self, request: Any) -> Any:
        user = request.user
        if not user.is_authenticated or user.is_superuser:
            return _numbered(request, self._get_response(request))
        if request.path == "/":
            return HttpResponseRedirect("/projects/")
        if (page := _LABELLING.fullmatch(request.path)) and request.GET.get("labeling") != "1":
            return HttpResponseRedirect(f"/projects/{page[1]}/data/?labeling=1")
        if request.method == "GET" and (empty := _EMPTY.get(request.path.rstrip("/"))) is not None:
            return JsonResponse(empty, safe=False)
        if not (_is_allowed(request) and _is_own(request, user)):
            return JsonResponse({"detail": "annotators may not do this"}, status=403)
        answer = self._get_response(request)
        if _TASK.fullmatch(request.path) and answer.status_code == 200:
            _without_others(answer, user)
        return _numbered(request, answer)


def _is_allowed(request: Any) -> bool:
    if request.method in ("GET", "HEAD"):
        return bool(_READ.fullmatch(request.path))
    allowed = _WRITTEN.get(request.method)
    if not (allowed and allowed.fullmatch(request.path)):
        return False
    return not request.path.startswith("/api/dm/actions") or _is_next(request)


def _is_next(request: Any) -> bool:
    """Whether the next task is asked for, and none by what others said of it."""
    try:
        asked = json.loads(request.body or b"{}")
        chosen = asked.get("filters", {}).get("items") or asked.get("ordering") or asked["selectedItems"]["included"]
    except (ValueError, AttributeError, TypeError):
        return False
    except KeyError:
        chosen = None
    return request.GET.getlist("id") == ["next_task"] and not chosen


def _is_own(request: Any, user: Any) -> bool:
    """Whether the answer or draft that is asked for is the person's own."""
    from tasks.models import Annotation, AnnotationDraft

    found = _OWNED.match(request.path)
    if not found:
        return True
    if found[1] == "drafts":
        return bool(AnnotationDraft.objects.filter(id=found[2], user=user).exists())
    return bool(Annotation.objects.filter(id=found[2] or found[3], completed_by=user).exists())


def _without_others(answer: HttpResponse, user: Any) -> None:
    """Takes what others said out of a task."""
    task = json.loads(answer.content)
    if not isinstance(task, dict):
        return
    task["annotations"] = [one for one in task.get("annotations") or () if _who(one.get("completed_by")) == user.id]
    task["drafts"] = [one for one in task.get("drafts") or () if _who(one.get("user")) in (user.id, user.email)]
    for name in (
        "annotators",
        "comment_authors",
        "updated_by",
        "agreement",
        "annotations_results",
        "completed_by",
        "meta",
    ):
        task.pop(name, None)
    answer.content = json.dumps(task).encode()
    answer["Content-Length"] = str(len(answer.content))


def _who(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else value


def _numbered(request: Any, answer: Any) -> Any:
    if answer.get("Content-Type", "").startswith("text/html") and not answer.streaming:
        number = str(request.csp_nonce).encode()
        answer.content = _SCRIPT.sub(b'<script nonce="%s"' % number, answer.content)
    return answer
