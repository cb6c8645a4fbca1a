"""Label Studio as an annotator's browser sees it: a session, the next conversation, an answer."""

import re
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Session:
    """An annotator who has signed in."""

    http: httpx.Client
    project: int

    def next(self) -> dict[str, Any] | None:
        """The task that comes next; None when there is none."""
        found = self.http.post("/api/dm/actions/", params={"id": "next_task", "project": self.project}, json={})
        assert found.status_code in (200, 404), found.text[:300]
        return None if found.status_code == 404 else found.json()

    def answer(self, task: int, skip: bool = False, **values: Any) -> httpx.Response:
        """As the page sends it: a choice as a list, text as what it is."""
        result = [_said(name, value) for name, value in values.items()]
        content = {"result": result, "was_cancelled": skip, "lead_time": 3.0}
        return self.http.post(f"/api/tasks/{task}/annotations/", params={"project": self.project}, json=content)


def signed_in(url: str, name: str, password: str, project: int = 1) -> Session:
    """Signs in on the page for it."""
    http = httpx.Client(base_url=url, trust_env=False, timeout=120, follow_redirects=True)
    page = http.get("/user/login/").text
    [token] = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    form = {"csrfmiddlewaretoken": token, "email": name, "password": password}
    http.post("/user/login/", data=form).raise_for_status()
    assert http.get("/api/current-user/whoami").is_success, "the password is not taken"
    return Session(http, project)


def _said(name: str, value: Any) -> dict[str, Any]:
    if name in ("corrected", "label", "comment"):
        kind, given = "textarea", {"text": [value]}
    else:
        kind, given = "choices", {"choices": list(value) if isinstance(value, tuple) else [value]}
    return {"from_name": name, "to_name": "conversation", "type": kind, "value": given}
