"""The raw set as a map: where rows stand, what they are filtered by, what is shown of them, and to whom."""

import http.client
import json
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.checks.check import FINDINGS
from curation.commands.atlas.facets import FACETS
from curation.commands.atlas.places import laid_out, places
from curation.commands.atlas.server import Server, answer
from curation.commands.explore import atlas
from curation.core.record.ledger import FINDING, SCHEMA
from curation.harness.errors import QiratError
from curation.privacy.shown import Shown
from tests.builders import ROOT, record, save, save_codes, talk
from tests.commands.mapped import project
from tests.e2e.project import environment

SHOWN = Shown(("SA",))
PAYLOAD = "</script><script>window.ran=1</script><img src=x onerror=window.ran=2>"
MAIL, PHONE = "sara.k@example.com", "0501234567"


@pytest.fixture
def road(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def vectors_of(table: pl.DataFrame, drawn: np.ndarray) -> pl.DataFrame:
    vectors = pl.Series("vector", drawn.astype(np.float32), dtype=pl.Array(pl.Float32, drawn.shape[1]))
    return pl.DataFrame({"conversation_id": table["conversation_id"], "vector": vectors})


# ---- where rows stand ----


@settings(max_examples=6, deadline=None)
@given(st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), max_size=10))
def test_every_vector_has_a_place_the_same_each_time_and_equal_ones_have_one(drawn: list[list[int]]) -> None:
    vectors = np.array(drawn, np.float32).reshape(-1, 3)
    found = laid_out(vectors, seed=1)
    assert found.shape == (len(drawn), 2)
    assert np.isfinite(found).all() and (found > -1e-3).all() and (found < 1 + 1e-3).all()
    assert (found == laid_out(vectors, seed=1)).all()
    for one in np.unique(vectors, axis=0):
        assert np.ptp(found[(vectors == one).all(axis=1)], axis=0).max() < 1e-3


def test_alike_rows_stand_together_also_those_that_were_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curation.commands.atlas.places.DRAWN", 60)
    draw = np.random.default_rng(3)
    topic = np.arange(200) % 4
    found = laid_out((np.eye(4)[topic] + draw.normal(scale=0.05, size=(200, 4))).astype(np.float32), seed=0)
    apart = ((found[:, None] - found[None]) ** 2).sum(-1)
    np.fill_diagonal(apart, np.inf)
    assert (topic[apart.argmin(1)] == topic).mean() > 0.98


def test_a_copy_stands_beside_what_stands_for_it_and_what_has_no_vector_below_the_map() -> None:
    rows = record(talk("a", "b"), talk("c", "d"), talk("e", "f"), talk("g", "h"))
    clusters = rows.select(
        "row_id",
        "conversation_id",
        cluster_id=pl.Series(["x", "x", "y", "z"]),
        survivor=pl.Series([True, False, True, True]),
    )
    known = rows[[0, 2]]
    found = places(rows, vectors_of(known, np.eye(2)), clusters)
    (x, y), (copy_x, copy_y), (far_x, far_y), (_, below) = found.iter_rows()
    assert 0 < np.hypot(x - copy_x, y - copy_y) < 0.01 < np.hypot(x - far_x, y - far_y)
    assert below > 1 > max(y, copy_y, far_y)


def test_without_vectors_all_rows_stand_apart_below() -> None:
    rows = record(*(talk(str(n), "b") for n in range(300)))
    clusters = rows.select("row_id", "conversation_id", cluster_id="row_id", survivor=pl.lit(True))
    found = places(rows, vectors_of(rows[:0], np.empty((0, 1))), clusters)
    assert found.n_unique() == 300
    assert found["y"].min() > 1 and found["x"].max() < 1


# ---- what they are filtered by ----


@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_raw_row_is_on_the_map_once_with_all_that_is_known_of_it(road: Path, language: str) -> None:
    project(road, rows=200)
    seen = atlas(SHOWN)
    told = json.loads(json.dumps(seen.map(language)))
    ledger = pl.read_parquet("data/ledger.parquet").filter(pl.col("outcome") != FINDING)
    assert sorted(told["rows"]) == sorted(ledger["row_id"])
    assert len(told["x"]) == len(told["y"]) == len(told["rows"])
    assert [facet["name"] for facet in told["facets"]] == list(FACETS)
    by_name = {facet["name"]: facet for facet in told["facets"]}
    counted = {value["name"]: value["rows"] for value in by_name["outcome"]["values"]}
    assert counted == dict(ledger["outcome"].value_counts().iter_rows())
    for facet in told["facets"]:
        lists = [facet["sets"][place] for place in facet["of"]]
        assert all(value["rows"] == sum(n in found for found in lists) for n, value in enumerate(facet["values"]))
    assert [value["name"] for value in by_name["reviewer"]["values"]] == ["ليلى"]
    assert {value["name"] for value in by_name["split"]["values"]} == {"train", "dev", "test"}
    named = {value["name"]: value["title"] for value in by_name["language"]["values"]}
    assert named["ar"] == {"en": "Arabic", "ar": "العربية"}[language]


@pytest.mark.parametrize(
    ("table", "stage"), [("ledger", "curate"), ("embedded/vectors", "embed"), ("scored/findings", "score")]
)
def test_the_map_needs_the_road_up_to_the_ledger_and_says_so(road: Path, table: str, stage: str) -> None:
    project(road)
    Path(f"data/{table}.parquet").unlink()
    with pytest.raises(QiratError, match=rf"data/{table}.parquet is missing; run `dvc repro {stage}` first"):
        atlas(SHOWN)


def test_splits_of_an_earlier_run_are_not_shown_where_this_one_was_stopped_before(road: Path) -> None:
    project(road, rows=200)
    Path("data/validated/passed").unlink()
    facets = {facet["name"]: facet for facet in atlas(SHOWN).map("en")["facets"]}
    assert facets["split"]["values"] == []


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ("ORDER  twelve", ["file:1"]),
        ("file:2", ["file:2"]),
        ("إلي الإدارة", ["file:2"]),
        ("١٢", ["file:2"]),
        ("none", []),
    ],
)
def test_words_are_found_however_they_are_spelt(road: Path, wanted: str, rows: list[str]) -> None:
    told(talk("Where is order twelve?", "Here"), talk("حوّلوني الى الاداره رقم 12", "حاضر"))
    seen = atlas(SHOWN)
    assert [seen.rows["row_id"][n] for n in seen.found(wanted)] == rows


# ---- what is shown of a row ----


def told(*talks: list[dict[str, str]], **columns: list[str]) -> None:
    """A road of these conversations, all held for a price seen in the last message."""
    rows = record(*talks, **columns)
    events = [
        {"row_id": row_id, "conversation_id": words, "stage": stage, "outcome": outcome, "code": "ungrounded_price"}
        for row_id, words in rows.select("row_id", "conversation_id").iter_rows()
        for stage, outcome in (("score", FINDING), ("route", "held"))
    ]
    findings = [
        {
            "conversation_id": words,
            "code": "ungrounded_price",
            "value": 1.0,
            "turn": len(said) - 1,
            "evidence": said[-1]["content"],
        }
        for words, said in rows.select("conversation_id", "messages").iter_rows()
    ]
    here = Path()
    save(here, "ledger", pl.DataFrame(events, schema=SCHEMA))
    save(here, "ingested/conversations", rows)
    save(here, "ingested/quarantine", pl.DataFrame(schema={"row_id": pl.String, "raw": pl.String}))
    save(here, "scored/findings", pl.DataFrame(findings, schema=FINDINGS))
    save(here, "dedup/clusters", rows.select("row_id", "conversation_id", cluster_id="row_id", survivor=pl.lit(True)))
    save(here, "embedded/vectors", vectors_of(rows, np.eye(rows.height, 4)))
    save_codes(here)


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize(
    ("asks", "replies", "secret"),
    [
        (f"My address is {MAIL}", f"We wrote to {MAIL}, it is 40 SAR", MAIL),
        (f"رقمي {PHONE}", f"اتصلنا على {PHONE} والسعر 40 ريال", PHONE),
        ("My name is Fatima Hassan, where is it?", "Dear Fatima Hassan, it is 40 SAR", "Fatima"),
    ],
)
def test_personal_data_is_masked_in_words_evidence_and_label(
    road: Path, asks: str, replies: str, secret: str, language: str
) -> None:
    told(talk(asks, replies), label=[f"my name is {secret} Hassan" if secret == "Fatima" else f"call {secret}"])
    seen = atlas(SHOWN)
    page, drawn = seen.row(0, language), json.dumps(seen.map(language), ensure_ascii=False)
    assert "40" in page
    assert secret not in page + drawn


@pytest.mark.parametrize("language", ["en", "ar"])
def test_nothing_in_a_row_becomes_markup(road: Path, language: str) -> None:
    project(road, poison=PAYLOAD)
    seen = atlas(SHOWN)
    for number in range(seen.rows.height):
        page = seen.row(number, language)
        assert "<script" not in page and "<img" not in page
        assert "&lt;img" in page


def test_a_row_says_what_was_found_where_and_marks_it(road: Path) -> None:
    told(talk("How much?", "It is 40 SAR"))
    page = atlas(SHOWN).row(0, "en")
    assert '<code dir="ltr">ungrounded_price</code>' in page
    assert "(message 2)" in page
    assert "<mark>It is 40 SAR</mark>" in page


def test_a_turn_that_also_calls_a_tool_shows_both(road: Path) -> None:
    call = '[{"function": {"name": "find_order", "arguments": {"mail": "' + MAIL + '"}}}]'
    told([{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "One moment", "tool_calls": call}])
    page = atlas(SHOWN).row(0, "en")
    assert "One moment" in page and "find_order" in page and MAIL not in page


# ---- to whom ----


@pytest.fixture
def served(road: Path) -> Iterator[Server]:
    project(road)
    with Server(atlas(SHOWN)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def asked(server: Server, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request(method, path, headers=headers)
    return connection.getresponse()


def test_only_who_has_the_address_is_answered_and_only_by_its_name(served: Server) -> None:
    page = f"/{served.token}/en/"
    assert served.server_address[0] == "127.0.0.1"
    assert asked(served, page).status == 200
    for path in (
        "/",
        "/en/",
        "/wrong/en/row/0",
        f"/{served.token[:-1]}/en/map.json",
    ):
        assert asked(served, path).status == 403, path
    assert asked(served, page, Host="rows.example.com").status == 403
    assert asked(served, page, "POST").status == 501


def test_what_is_not_there_is_not_found(served: Server) -> None:
    for path in ("xx/", "en", "en/row/9999", "en/row/-1", "en/row/²", "en/../../params.yaml", "en/atlas.html.jinja"):
        assert answer(served.atlas, path.split("/"), {}) is None, path


def test_answers_are_kept_by_nobody_and_run_no_script_but_ours(served: Server) -> None:
    for path in ("en/", "ar/map.json", "ar/row/3", "en/found.json?words=order"):
        headers = asked(served, f"/{served.token}/{path}").headers
        assert "default-src 'none'; script-src 'self';" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(("asks", "language"), [("ar-SA,ar;q=0.9", "ar"), ("de,en;q=0.8", "en"), ("", "en")])
def test_the_address_leads_to_the_language_of_the_browser(served: Server, asks: str, language: str) -> None:
    found = asked(served, f"/{served.token}/", **{"Accept-Language": asks})
    assert (found.status, found.headers["Location"]) == (302, f"/{served.token}/{language}/")


def test_a_port_that_is_taken_is_told_with_the_cure(served: Server) -> None:
    with pytest.raises(QiratError, match=f"port {served.server_port} cannot be used .*--port"):
        Server(served.atlas, served.server_port)


def test_a_browser_that_goes_away_is_not_told_as_an_error(served: Server, capsys: pytest.CaptureFixture[str]) -> None:
    for error, noted in ((BrokenPipeError(), False), (ConnectionResetError(), False), (ValueError(), True)):
        try:
            raise error
        except (OSError, ValueError):
            served.handle_error(None, ("127.0.0.1", 1))
        assert ("Traceback" in capsys.readouterr().err) == noted


def test_the_words_of_the_map_are_in_every_language(served: Server) -> None:
    english, arabic = (served.atlas.map(language)["words"] for language in ("en", "ar"))
    assert english.keys() == arabic.keys()
    assert {key for key in english if english[key] == arabic[key]} == set()


def test_the_command_serves_until_it_is_interrupted_and_writes_nothing(road: Path) -> None:
    project(road)
    shutil.copy(ROOT / "params.yaml", road)
    before = sorted(road.rglob("*"))
    command = [sys.executable, "-u", "-m", "qirat.cli", "explore"]
    with subprocess.Popen(command, cwd=road, env=environment(ROOT), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        address = next(line.strip() for line in running.stdout if "http://" in line)
        with urllib.request.urlopen(f"{address}ar/map.json") as page:
            assert len(json.load(page)["rows"]) == 63
        running.send_signal(signal.SIGINT)
        assert "the address leads nowhere now" in running.stdout.read()
        assert running.wait() == 0
    assert sorted(road.rglob("*")) == before
