import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation.harness.errors import QiratError
from tests.builders import save
from tests.training import adapters
from tests.training.tiny import tokenized, vectors
from training.commands import attribute as asked
from training.commands.witness import PULLS
from training.model.adapter import TRAINED_ON


@pytest.fixture(scope="module")
def found() -> pl.DataFrame:
    """Three of forty conversations hurt."""
    ids = [f"t{number:02}" for number in range(40)]
    pull = [-2.0, -1.9, -1.8, *(0.1 + number / 100 for number in range(37))]
    return pl.DataFrame({"conversation_id": ids, "pull": pull, "accused": [True] * 3 + [False] * 37}, schema=PULLS)


def findings(rows: Sequence[tuple[str, str, str]]) -> pl.DataFrame:
    """What checks saw: conversation_id, code, severity."""
    return pl.DataFrame(rows, schema=["conversation_id", "code", "severity"], orient="row")


def test_a_bad_cluster_is_last_and_says_who_let_it_in(found: pl.DataFrame, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    bad = ["t00", "t01", "t02"]
    rows = found.with_columns(cluster=pl.col("conversation_id").is_in(bad).cast(pl.Int64))
    ids = found["conversation_id"]
    save(
        tmp_path,
        "curated/conversations",
        pl.DataFrame(
            {"conversation_id": ids, "parent_id": None, "label": "order", "origin": "kept"},
            schema_overrides={"parent_id": pl.String},
        ),
    )
    twice = [(key, "rude", "doubt") for key in bad * 2]  # in two of its turns
    told = [(key, "reply_words", "info") for key in ids]  # counted everywhere, and let nothing in
    save(tmp_path, "scored/findings", findings(twice + told))
    save(tmp_path, "ledger", pl.DataFrame({"conversation_id": bad, "evidence": ["decided by sara, ali"] * 3}))
    best, worst = asked.ranked(rows, 1)
    assert (best["conversations"], worst["conversations"]) == (37, 3)
    assert worst["high"] < best["low"]
    assert (worst["codes"], worst["annotators"]) == ({"rude": 3}, {"ali": 3, "sara": 3})
    assert (best["codes"], best["annotators"]) == ({}, {})
    answer = {
        "conversations": 40,
        "conversations_held_against": 8,
        "accused": bad,
        "accused_came_by": asked.ways_in(bad),
        "accused_unseen": [],
        "clusters": [best, worst],
        "worst": found.head(1).to_dicts(),
        "worst_came_by": asked.ways_in(bad),
    }
    told = asked.as_text(json.loads(json.dumps(answer)))
    assert "order 3; rude 3; ali 3, sara 3; t0" in told
    assert "3 of them answer otherwise than dev does, beyond what chance explains (marked *): order 3; rude 3" in told
    assert "-2.00* t00" in told
    assert "Nothing stands out" in asked.as_text({**answer, "accused": []})
    assert "more of data/splits/train" not in told
    assert "2 more of data/splits/train" in asked.as_text({**answer, "accused_unseen": ["t03", "t04"]})


def test_what_the_adapter_was_trained_on_is_told_worst_first_with_who_let_it_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tokenized(tmp_path))
    settings = Path("params.yaml").read_bytes()
    folder = adapters.trained(tmp_path)
    Path("params.yaml").write_bytes(settings)
    read = pl.read_parquet("data/splits/train.parquet")
    learnt = read.head(12)["conversation_id"]
    trained_on = pl.DataFrame({"conversation_id": learnt})
    trained_on.write_parquet(folder / TRAINED_ON)
    save(tmp_path, "curated/conversations", read)
    save(tmp_path, "scored/findings", findings([(key, "rude", "doubt") for key in learnt]))
    save(tmp_path, "ledger", pl.DataFrame({"conversation_id": learnt, "evidence": "decided by sara"}))
    first = asked.attribute()
    assert first == asked.attribute()
    assert first["conversations"] == 12
    assert {row["conversation_id"] for row in first["worst"]} < set(learnt)
    assert first["worst_came_by"]["annotators"] == {"sara": len(first["worst"])}
    everybody = pl.DataFrame({"conversation_id": read["conversation_id"], "pull": -1.0, "accused": True}, schema=PULLS)
    monkeypatch.setattr(asked, "pulls", lambda *_: everybody)
    assert asked.attribute()["accused"] == learnt.to_list()
    assert asked.attribute()["accused_unseen"] == read["conversation_id"].to_list()[12:]
    trained_on.with_columns(conversation_id=pl.lit("of another run")).write_parquet(folder / TRAINED_ON)
    with pytest.raises(QiratError, match="other conversations than data/splits/train"):
        asked.attribute()


def test_alike_conversations_share_a_cluster_edited_ones_their_parents_and_without_vectors_all_do(
    found: pl.DataFrame,
) -> None:
    table = vectors(found)
    near = table.with_columns(
        vector=pl.when(pl.col("conversation_id") < "t10").then(pl.lit([9.0] * 8)).otherwise(pl.lit([0.0] * 8))
    )
    edited = pl.col("conversation_id") == "t39"
    rows = found.with_columns(parent_id=pl.when(edited).then(pl.lit("t00"))).with_columns(
        conversation_id=pl.when(edited).then(pl.lit("edited")).otherwise("conversation_id")
    )
    first = (pl.col("conversation_id") < "t10") | (pl.col("conversation_id") == "edited")
    groups = asked.clustered(rows, near).group_by(first).agg(pl.col("cluster").unique())
    assert sorted(groups["cluster"].list.len()) == [1, 1]
    assert asked.clustered(rows, table.head(5))["cluster"].n_unique() == 1


def test_what_has_no_usual_label_is_compared_with_alike_questions() -> None:
    labels = [*["return"] * 30, *["once"] * 4, *[None] * 6]
    ids = [f"c{n:02}" for n in range(40)]
    table = pl.DataFrame(
        {"conversation_id": ids, "parent_id": None, "label": labels}, schema_overrides={"parent_id": pl.String}
    )
    near = pl.DataFrame({"conversation_id": ids, "vector": [[float(n % 2)] * 8 for n in range(40)]})
    train, dev = asked.with_intents(table.head(36), table.tail(4), near)
    assert (train["conversation_id"].to_list(), dev["conversation_id"].to_list()) == (ids[:36], ids[36:])
    named = pl.concat([train, dev])
    assert set(named.head(30)["label"]) == {"return"}
    alike = named.tail(10).group_by(pl.int_range(10) % 2).agg(pl.col("label").unique())["label"].to_list()
    assert sorted(map(len, alike)) == [1, 1]
    assert alike[0] != alike[1]
