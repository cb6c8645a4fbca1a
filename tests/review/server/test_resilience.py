"""Whatever ends the server or keeps it from writing: what it has acknowledged is there."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.harness.errors import QiratError
from curation.review.embedded import process
from tests.review.server.argilla import Api, api_of, served
from tests.review.server.load import answer, kill_once_answered, push, saved, team, together
from tests.review.server.test_security import login


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a server that tests may harm."""
    with served(tmp_path_factory.mktemp("harmed") / "home") as home:
        yield home


def test_answers_survive_a_kill_while_people_answer_and_records_are_written(own: Path) -> None:
    """Twenty kills: `python -m benchmarks.review.server`."""
    made, ids, people = team(own, annotators=3, records=60)
    acknowledged: dict[tuple[str, str], str] = {}
    known = process.credentials(own)
    token = login(made.api, known["username"], known["password"]).json()["access_token"]
    server = process.running(own)
    assert server
    workers = [(answer, own, person, ids, acknowledged) for person in people]
    together(*workers, (push, own, made, 0), (kill_once_answered, server, acknowledged))
    assert process.running(own) is None
    process.serve_in_background(0, own)
    assert acknowledged
    session = {"Authorization": f"Bearer {token}"}
    assert Api(api_of(own).url, "").ask("GET", "me", headers=session).json()["role"] == "owner"
    found = saved(api_of(own), made)
    assert {place: found.get(place) for place in acknowledged} == acknowledged
    progress = api_of(own).get(f"{made.place}/progress")
    assert progress["completed"] == len({record for record, _ in found})


def test_six_people_answer_while_records_are_written_and_nothing_is_lost_or_refused(own: Path) -> None:
    made, ids, people = team(own, annotators=6, records=12)
    acknowledged: dict[tuple[str, str], str] = {}
    refused: list[str] = []
    workers = [(answer, own, person, ids, acknowledged, refused) for person in people]
    together(*workers, (push, own, made, 0, refused))
    assert refused == []
    assert saved(api_of(own), made) == acknowledged
    assert len(acknowledged) == 6 * 12
    assert made.search().total == 12 + 5 * 40


def test_a_full_disk_is_told_and_the_server_goes_on_when_there_is_room(own: Path) -> None:
    made, ids, [sara] = team(own, annotators=1, records=12)
    acknowledged: dict[tuple[str, str], str] = {}
    answer(own, sara, ids[:5], acknowledged)
    server = process.running(own)
    assert server
    hard = resource.prlimit(server, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(server, resource.RLIMIT_FSIZE, (4096, hard))  # no file of the server may grow any more
    refused: list[str] = []
    answer(own, sara, ids[5:8], acknowledged, refused)
    assert len(refused) == 3
    assert all("507" in words and "disk" in words and "Not saved" in words for words in refused)
    assert sara.ask("POST", f"me/{made.place}/records/search", json={}).status_code == 200  # reading goes on
    resource.prlimit(server, resource.RLIMIT_FSIZE, (hard, hard))
    answer(own, sara, ids[8:11], acknowledged)
    assert saved(made.api, made) == acknowledged and len(acknowledged) == 8


def test_a_database_that_may_not_be_written_is_told_until_it_may(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    start = (
        f"import pathlib; from curation.review.embedded import process; process.serve(0, pathlib.Path({str(home)!r}))"
    )
    command = [sys.executable, "-c", start]
    if os.geteuid() == 0:  # root may write everything, unless that right is taken away
        command = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override", *command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout and "answers" in server.stdout.readline()
            made, ids, people = team(home, annotators=4, records=8)
            acknowledged: dict[tuple[str, str], str] = {}
            answer(home, people[0], ids[:2], acknowledged)
            (home / "argilla.db").chmod(0o400)  # connections that are open may go on, new ones may not
            refused: list[str] = []
            together(*((answer, home, person, ids[2:5], acknowledged, refused) for person in people))
            assert refused and all("507" in words and "may not be written" in words for words in refused)
            together(*((made.api.ask, "GET", "me") for _ in people))  # readers leave connections behind, too
            (home / "argilla.db").chmod(0o600)
            now_refused: list[str] = []
            together(*((answer, home, person, ids[5:], acknowledged, now_refused) for person in people))
            assert now_refused == []
            assert saved(made.api, made) == acknowledged
        finally:
            server.terminate()
    assert server.returncode == 0


def test_a_damaged_home_is_told_at_start(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "argilla.db").write_bytes(b"not a database" * 100)
    with pytest.raises(QiratError, match="not a database"):
        process.serve_in_background(0, home)
    assert process.running(home) is None
