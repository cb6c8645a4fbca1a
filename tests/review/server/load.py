"""People and a push at work on an Argilla server at the same time, for tests and benchmarks."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from tests.review.server.argilla import Api, Dataset, Person, api_of, dataset, record

_BATCH = 200


def team(home: Path, annotators: int, records: int) -> tuple[Dataset, list[str], list[Person]]:
    """A data set with records, their ids, and who may answer them."""
    made = dataset(api_of(home))
    items = [record(f"r{n}", f"text {n}") for n in range(records)]
    ids = [item["id"] for start in range(0, records, _BATCH) for item in made.write(*items[start : start + _BATCH])]
    return made, ids, [made.api.annotator(made.workspace) for _ in range(annotators)]


def answer(
    home: Path,
    person: Person,
    ids: list[str],
    acknowledged: dict[tuple[str, str], str],
    refused: list[str] | None = None,
) -> None:
    """One after the other until the server is gone; what was acknowledged is noted."""
    here = Person((home / "url").read_text(), person.key, person.id, person.name, person.password)
    for number, key in enumerate(ids):
        decision = ("keep", "edit", "drop")[number % 3]
        try:
            said = here.answer(key, decision)
        except httpx.TransportError:
            return
        if said.is_success:
            acknowledged[key, person.id] = decision
        elif refused is not None:
            refused.append(f"{said.status_code} {said.text}")


def together(*work: Any) -> None:
    """Runs (function, argument, …) at the same time and waits for all."""
    threads = [threading.Thread(target=function, args=arguments) for function, *arguments in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def kill_soon(server: int, seconds: float = 0.7) -> None:
    time.sleep(seconds)
    os.kill(server, signal.SIGKILL)


def kill_once_answered(server: int, acknowledged: dict[tuple[str, str], str]) -> None:
    deadline = time.monotonic() + 60
    while not acknowledged and time.monotonic() < deadline:
        time.sleep(0.05)
    kill_soon(server, 0.3)


def push(home: Path, made: Dataset, turn: int, refused: list[str] | None = None, batches: int = 5) -> None:
    """Writes 40 new records a batch until the server is gone."""
    api = api_of(home)
    for batch in range(batches):
        items = [record(f"new-{turn}-{batch}-{n}", "text " * 50, vectors={"words": [1, n, 0]}) for n in range(40)]
        try:
            said = api.ask("PUT", f"{made.place}/records/bulk", json={"items": items})
        except httpx.TransportError:
            return
        if refused is not None and said.is_error:
            refused.append(said.text)


def saved(api: Api, made: Dataset) -> dict[tuple[str, str], str]:
    """(record, person) -> decision, of all answers there are; none is there twice."""
    found: list[tuple[tuple[str, str], str]] = []
    total = api.get(f"{made.place}/progress")["total"]
    for offset in range(0, total, 1000):
        page = {"include": "responses", "offset": offset, "limit": 1000}
        for item in api.get(f"{made.place}/records", params=page)["items"]:
            for response in item["responses"]:
                found.append(((item["id"], response["user_id"]), response["values"]["decision"]["value"]))
    assert len(found) == len(dict(found))
    return dict(found)
