"""The section on what is thin: subjects and languages of which more should be collected.

A subject is the intent; where most conversations carry none, a cluster of what customers ask, named by its words.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.core.text.folding import fold
from curation.privacy import masked
from curation.report.blocks import Block, Cell, Note, Table, auto, count, rows_of
from curation.report.examples import Picking
from curation.report.figures import bar
from curation.report.results import USED, Results
from curation.report.words import Words

FEW = 30  # clean conversations, as in curation/core/statistics: from fewer, nothing can be told of how a model does
COMMON = 0.1  # share of the rows from which a language is one that the set is for
SHOWN = 20  # thin places
SAMPLE = 20_000  # conversations whose clusters all others join
READ = 200  # conversations of a topic whose words name it
A_TOPIC = 60  # conversations to a topic, and so many topics at the most:
MOST = 24
WORDS = 3  # in the name of a topic
SPREAD = 0.1  # share of a topic's conversations that a word of its name stands in, so that no customer's name does
_COVER = re.compile(r"\[\w+\]")  # such as [email]
_WORD = re.compile(r"[^\W\d_]{3,}")


def thin(results: Results, words: Words, picking: Picking) -> list[Block]:
    """How the clean conversations spread over subjects and languages, those with few first."""
    read = results["ingested/conversations"].select("row_id", "conversation_id", "label", "language", "messages")
    by_label = read["label"].null_count() <= read.height / 2
    if not by_label and (results.missing("embedded/vectors") or results["embedded/vectors"].is_empty()):
        return [Note(words("thin.no_vectors"), "warning")]
    if by_label:
        subjects = read.drop_nulls("label").select("row_id", "language", subject="label")
    else:
        named = topics(read, results["embedded/vectors"], picking.seed, picking.countries)
        subjects = read.join(named, on="conversation_id").select("row_id", "language", subject="topic")
    spread = spread_of(subjects, results.rows())
    few = spread.filter(pl.col("clean") < FEW)
    kind = "label" if by_label else "topic"
    gist = Note(words(f"thin.few_{kind}", number=count(few.height), all=count(spread.height), few=count(FEW)))
    tables = [_table(few.head(SHOWN), "collect", kind, words, picking.countries)] if few.height else []
    return [gist, *tables, _table(spread.sort("raw", descending=True), "all", kind, words, picking.countries)]


def spread_of(subjects: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """subject, language, raw, clean of (row_id, subject, language), the fewest clean first; also pairs without any."""
    shares = subjects["language"].value_counts(normalize=True)
    languages = shares.filter(pl.col("proportion") >= COMMON).select("language")
    closed = subjects.join(rows.select("row_id", "outcome"), on="row_id")
    counts = closed.group_by("subject", "language").agg(raw=pl.len(), clean=pl.col("outcome").is_in(USED).sum())
    every = subjects.select("subject").unique().join(languages, how="cross")
    found = every.join(counts, on=["subject", "language"], how="left").with_columns(pl.col("raw", "clean").fill_null(0))
    return found.sort("clean", "subject", "language")


def topics(read: pl.DataFrame, vectors: pl.DataFrame, seed: int, countries: Sequence[str]) -> pl.DataFrame:
    """conversation_id, topic: k-means over the vectors of what customers say, its centres those of a sample."""
    from scipy.cluster.vq import kmeans2, vq

    known = read.join(vectors.select("conversation_id", "vector"), on="conversation_id").unique("conversation_id")
    known = known.sort("conversation_id")  # ids are hashes, so the first are a fair sample
    points: npt.NDArray[np.float32] = known["vector"].to_numpy()
    number = min(MOST, max(1, min(known.height, SAMPLE) // A_TOPIC))
    generator = np.random.default_rng(seed)
    centres, _ = kmeans2(points[:SAMPLE].astype(np.float64), number, minit="++", missing="warn", rng=generator)
    placed = known.with_columns(place=vq(points.astype(np.float64), centres)[0])
    read_of = placed.filter(pl.int_range(pl.len()).over("place") < READ).select("place", "language", "messages")
    said = read_of.select("place", "language", words=pl.Series([_asked(ms, countries) for ms in read_of["messages"]]))
    names = {place: ", ".join(_telling(said, place)) or "–" for place in placed["place"].unique().sort()}
    twice = {name for name in names.values() if list(names.values()).count(name) > 1}
    told = {place: f"{name} ({place + 1})" if name in twice else name for place, name in names.items()}
    return placed.select("conversation_id", topic=pl.col("place").replace_strict(told, return_dtype=pl.String))


def _asked(messages: Sequence[Mapping[str, Any]], countries: Sequence[str]) -> list[str]:
    """The words of the customer's first turn, each once, but for what covers personal data."""
    first = next((m["content"] or "" for m in messages if m["role"] == "user"), "")
    return sorted(set(_WORD.findall(fold(_COVER.sub(" ", masked(first, countries))))))


def _telling(said: pl.DataFrame, place: int) -> list[str]:
    """The words by which a topic differs most from the other conversations in its language.

    Each by what it adds to the divergence of Kullback and Leibler, share * log(share / share elsewhere).
    """
    language = said.filter(place=place)["language"].mode().sort()[0]
    known = said.filter(pl.col("language").eq_missing(language))
    inside, outside = known.filter(place=place), known.filter(pl.col("place") != place)
    here, there = (part["words"].explode().drop_nulls().value_counts(name="n") for part in (inside, outside))
    share, elsewhere = pl.col("n") / inside.height, (pl.col("n_there").fill_null(0) + 1) / (outside.height + 2)
    usual = here.filter(pl.col("n") >= max(2, SPREAD * inside.height))
    scored = usual.join(there, on="words", how="left", suffix="_there").with_columns(
        score=share * (share / elsewhere).log()
    )
    telling = scored.filter(pl.col("score") > 0).sort("score", "words", descending=[True, False])
    return telling["words"].head(WORDS).to_list()


def _table(spread: pl.DataFrame, caption: str, kind: str, words: Words, countries: Sequence[str]) -> Table:
    most = spread["raw"].max() or 1
    rows: list[list[Cell]] = [
        [
            auto(masked(row["subject"], countries)),
            words.name_of("languages", row["language"]),
            *_counted(row, kind, countries),
            count(max(FEW - row["clean"], 0)),
            bar(row["clean"] / most),  # type: ignore[operator]
        ]
        for row in spread.iter_rows(named=True)
    ]
    header = [words(f"thin.{name}") for name in (kind, "language", "raw", "clean", "more", "drawing")]
    folded = caption == "all"
    return Table(words(f"thin.{caption}", few=count(FEW)), header, rows, frozenset({2, 3, 4}), folded=folded)


def _counted(row: Mapping[str, Any], kind: str, countries: Sequence[str]) -> tuple[Cell, Cell]:
    """Raw and clean, with the lines that list the rows of an intent; no rows are asked for by topic."""
    raw, clean = count(row["raw"]), count(row["clean"])
    if kind != "label" or masked(row["subject"], countries) != row["subject"]:
        return raw, clean
    of = ("--label", row["subject"], "--language", row["language"])
    return rows_of(raw, "why", *of), rows_of(clean, "why", "--used", *of)
