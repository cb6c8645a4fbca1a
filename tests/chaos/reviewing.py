"""An Argilla server beside the project that is harmed: who answers there, and what it holds."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from curation.review import argilla_client
from tests.review.server.argilla import Api, Person

PEOPLE = ("people answer",)  # a step: they are asked what stands in ANSWERED
ANSWERED = "answered.json"  # conversation_ids
WHO = "sara"


def is_served() -> bool:
    return "QIRAT_ARGILLA_URL" in os.environ


def owner() -> Api:
    return Api(os.environ["QIRAT_ARGILLA_URL"], os.environ["QIRAT_ARGILLA_API_KEY"])


def many_requests() -> None:
    """A few records a request, so that a small project takes many, between which a push may be killed."""
    argilla_client._WRITE, argilla_client._DELETE = 3, 2


def people() -> None:
    """Somebody keeps every conversation that is named in ANSWERED, in the workspace of the project at hand."""
    api, workspace = owner(), workspace_of(Path.cwd().name)
    known = {user["username"]: user for user in api.get("users")["items"]}
    if WHO not in known:
        who = {"first_name": WHO, "username": WHO, "role": "annotator", "password": "a long password"}
        known[WHO] = api.post("users", who)
    api.post(f"workspaces/{workspace}/users", {"user_id": known[WHO]["id"]})
    person = Person(api.url, known[WHO]["api_key"], known[WHO]["id"], WHO, "")
    wanted = json.loads(Path(ANSWERED).read_text("utf-8"))
    for record in records(workspace):
        if record["external_id"].partition(".")[0] in wanted:
            assert person.answer(record["id"], "keep").is_success


def held(workspace: str) -> dict[str, str]:
    """What the server holds of the project in this workspace, record by record; one that is there twice says so."""
    id_ = workspace_of(workspace)
    found = records(id_)
    times = Counter(record["external_id"] for record in found)
    shown: dict[str, Any] = {
        f"Argilla, {record['external_id']}": [
            times[record["external_id"]],
            record["fields"],
            record["metadata"],
            sorted(record["vectors"] or {}),
            [one["value"] for one in record["suggestions"]],
            [[one["values"], one["status"]] for one in record["responses"]],
        ]
        for record in found
    }
    datasets = [one for one in owner().get("me/datasets")["items"] if one["workspace_id"] == id_]
    shown["Argilla"] = [[one["name"], one["status"], one["guidelines"], *_form(one["id"])] for one in datasets]
    return {name: json.dumps(value, sort_keys=True, ensure_ascii=False) for name, value in shown.items()}


def records(workspace: str) -> list[dict[str, Any]]:
    """Those of the workspace's data set, a thousand at most."""
    api = owner()
    (dataset,) = [one for one in api.get("me/datasets")["items"] if one["workspace_id"] == workspace]
    asked = {"limit": 1000, "include": "responses,suggestions,vectors"}
    found: list[dict[str, Any]] = api.get(f"datasets/{dataset['id']}/records", params=asked)["items"]
    return found


def workspace_of(name: str) -> str:
    """Its id."""
    return next(str(one["id"]) for one in owner().get("me/workspaces")["items"] if one["name"] == name)


def _form(dataset: str) -> list[list[str]]:
    kinds = ("fields", "questions", "vectors-settings")
    found = [owner().get(f"datasets/{dataset}/{kind}")["items"] for kind in kinds]
    found.append(owner().get(f"me/datasets/{dataset}/metadata-properties")["items"])
    return [sorted(one["name"] for one in items) for items in found]
