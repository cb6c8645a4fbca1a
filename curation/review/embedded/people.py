"""The people on an Argilla server, through its HTTP interface, and what becomes of one who leaves."""

import secrets
from typing import Any

from curation.harness.errors import QiratError
from curation.review.argilla_http import connected, content
from curation.review.backend import Annotator, annotator
from curation.review.embedded.process import Address


class People:
    """Who may review in one workspace.

    Argilla deletes a user's answers with the user. So nobody is deleted: who is removed loses the workspace and the
    password, and the answers stay theirs.
    """

    def __init__(self, address: Address, workspace: str) -> None:
        self._client = connected(address)
        self._url, self._workspace = address.url, workspace

    def all(self) -> list[Annotator]:
        """By name."""
        members = {item["id"] for item in self._items(f"workspaces/{self._workspace_id()}/users")}
        found = [
            Annotator(item["id"], item["username"], item["role"], item["role"] == "owner" or item["id"] in members)
            for item in self._items("users")
        ]
        return sorted(found, key=lambda person: person.name)

    def remove(self, name: str) -> None:
        """Takes the workspace and the password from an annotator. Sessions and keys find nothing any more."""
        person = annotator(self.all(), name)
        if person.member:
            self._request("DELETE", f"workspaces/{self._workspace_id()}/users/{person.id}")
        self._new_password(person)

    def readmit(self, name: str) -> str | None:
        """Lets an annotator who was removed review again; returns the new password, or None where nobody was."""
        person = next((person for person in self.all() if person.name == name), None)
        if person is None or person.member or person.role != "annotator":
            return None
        self._request("POST", f"workspaces/{self._workspace_id()}/users", json={"user_id": person.id})
        return self._new_password(person)

    def reset_password(self, name: str) -> str:
        """A new password, which is nowhere else to be had."""
        return self._new_password(annotator(self.all(), name))

    def _new_password(self, person: Annotator) -> str:
        password = secrets.token_urlsafe(12)
        self._request("PATCH", f"users/{person.id}", json={"password": password})
        return password

    def _workspace_id(self) -> str:
        for item in self._items("me/workspaces"):
            if item["name"] == self._workspace:
                return str(item["id"])
        raise QiratError(f"Argilla has no workspace {self._workspace!r} yet; `qirat review push` makes it")

    def _items(self, place: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._request("GET", place)["items"]
        return found

    def _request(self, method: str, place: str, **details: Any) -> Any:
        return content(self._client, self._url, method, place, **details)
