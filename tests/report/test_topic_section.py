"""What is thin is told: by intent where there is one, else by topics that customers' words name."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from curation.report.blocks import Note, Table
from curation.report.examples import Picking
from curation.report.results import USED, Results
from curation.report.topic_section import A_TOPIC, FEW, thin, topics
from curation.report.words import languages
from tests.report.example import figure, finished

DONE = finished(rows=180)
PICKING = Picking(countries=("SA",))
SAID = {"where is parcel {n}": 0, "refund {n}": 1, "أين طردي {n} الآن": 2}


def unlabelled(named: str = "") -> tuple[Results, pl.DataFrame]:
    """Three kinds of questions with vectors apart, without intents."""
    read = DONE["ingested/conversations"]
    said = [(list(SAID)[n % 3].format(n=n), n % 3) for n in range(read.height)]
    draw = np.random.default_rng(3)
    messages: list[Any] = [[{"role": "user", "content": f"{text} {named if kind else ''}"}] for text, kind in said]
    vectors = pl.DataFrame(
        {
            "conversation_id": read["conversation_id"],
            "vector": [np.eye(8)[kind] + draw.normal(0, 0.05, 8) for _, kind in said],
        },
        schema_overrides={"vector": pl.Array(pl.Float32, 8)},
    )
    bare = read.with_columns(label=pl.lit(None, pl.String), messages=pl.Series(messages))
    tables = {**DONE.tables, "ingested/conversations": bare, "embedded/vectors": vectors}
    return replace(DONE, tables=tables), bare


def test_pairs_of_intent_and_language_with_few_clean_conversations_come_first() -> None:
    rows = DONE.rows()
    for words in languages():
        gist, few, every = thin(DONE, words, PICKING)
        assert isinstance(gist, Note)
        assert isinstance(few, Table)
        assert isinstance(every, Table)
        clean = [figure(row[3]) for row in few.rows]
        assert clean == sorted(clean)
        assert max(clean) < FEW <= max(figure(row[2]) for row in few.rows)
        assert len(clean) == sum(figure(row[3]) < FEW for row in every.rows)
        assert all(figure(row[4]) == FEW - figure(row[3]) for row in few.rows)
        assert sum(figure(row[3]) for row in every.rows) == rows.filter(pl.col("outcome").is_in(USED)).height


def test_without_intents_like_questions_make_a_topic_that_is_named_by_their_words() -> None:
    results, _ = unlabelled()
    _, few, _ = thin(results, languages()[0], PICKING)
    assert isinstance(few, Table)
    names = " ".join(str(row[0]) for row in few.rows)
    assert any(word in names for word in ("parcel", "refund", "طردي"))
    assert str(thin(results, languages()[1], PICKING)[0].text).startswith("معظم")  # type: ignore[union-attr]


def test_topics_are_the_same_twice_and_hold_every_conversation() -> None:
    results, bare = unlabelled()
    found = topics(bare, results["embedded/vectors"], 1, ("SA",))
    assert found.equals(topics(bare.reverse(), results["embedded/vectors"], 1, ("SA",)))
    assert found.height == bare["conversation_id"].n_unique()
    assert 1 < found["topic"].n_unique() <= bare.height // A_TOPIC


def test_the_name_of_a_topic_holds_no_personal_data_and_no_word_of_a_single_customer() -> None:
    results, bare = unlabelled("sara@mail.example")
    lone = bare["messages"].to_list()
    lone[0] = [{"role": "user", "content": "where is parcel, says Zubayda"}]
    found = topics(bare.with_columns(messages=pl.Series(lone)), results["embedded/vectors"], 1, ("SA",))
    assert not found["topic"].str.contains("sara|mail|zubayda").any()


@pytest.mark.parametrize("words", languages(), ids=lambda words: words.code)
def test_without_intents_and_vectors_it_says_so(words: Any) -> None:
    results, _ = unlabelled()
    gone = {name: table for name, table in results.tables.items() if name != "embedded/vectors"}
    none = {**gone, "embedded/vectors": results["embedded/vectors"].clear()}  # as embed.model: none writes it
    for tables in (gone, none):
        [note] = thin(replace(results, tables=tables), words, PICKING)
        assert isinstance(note, Note)
        assert "embed.model" in note.text


def test_a_single_conversation_is_a_topic_too() -> None:
    results, bare = unlabelled()
    assert topics(bare.head(1), results["embedded/vectors"], 1, ("SA",)).height == 1
