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
from curation.report.blocks import Block, Cell, Note, Table, auto, count
from curation.report.examples import Picking
from curation.report.figures import bar
from curation.report.results import USED, Results
from curation.report.words import Words

FEW = 30  # clean conversations, as in curation/core/statistics: from fewer, nothing can be told of how a model does
COMMON = 0.1  # share of the rows from which a language is one that the set is for
SHOWN = 20  # thin places
SAMPLE = 20_000  # conversations that are clustered
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
    """conversation_id, topic: k-means over the vectors of what customers say, of a sample where there are many."""
    from scipy.cluster.vq import kmeans2

    known = read.join(vectors.select("conversation_id", "vector"), on="conversation_id").unique("conversation_id")
    known = known.sort("conversation_id").head(SAMPLE)  # ids are hashes, so a fair sample
    points: npt.NDArray[np.float64] = known["vector"].to_numpy().astype(np.float64)
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    number = min(MOST, max(1, known.height // A_TOPIC))
    _, place = kmeans2(points, number, minit="++", missing="warn", rng=np.random.default_rng(seed))
    asked = [_said(messages, countries) for messages in known["messages"]]
    names = dict(enumerate(_names([[asked[n] for n in np.flatnonzero(place == topic)] for topic in range(number)])))
    topic = pl.Series("topic", [names[int(one)] for one in place], dtype=pl.String)
    return known.select("conversation_id").with_columns(topic)


def _said(messages: Sequence[Mapping[str, Any]], countries: Sequence[str]) -> set[str]:
    """The customer's words, but for what covers personal data."""
    text = masked(" ".join(m["content"] or "" for m in messages if m["role"] == "user"), countries)
    return set(_WORD.findall(fold(_COVER.sub(" ", text))))


def _names(groups: Sequence[Sequence[set[str]]]) -> list[str]:
    """The words that stand in a group's conversations more than in all, by c-TF-IDF (Grootendorst 2022), each once."""
    counts = [pl.Series([word for said in group for word in said], dtype=pl.String).value_counts() for group in groups]
    frequencies = [dict(table.iter_rows()) for table in counts]
    everywhere: dict[str, int] = {}
    for table in frequencies:
        for word, number in table.items():
            everywhere[word] = everywhere.get(word, 0) + number
    mean = sum(everywhere.values()) / max(len(groups), 1)
    names = []
    for group, table in zip(groups, frequencies, strict=True):
        usual = {word: n for word, n in table.items() if n >= max(2, SPREAD * len(group))}
        telling = sorted(usual, key=lambda word: (-usual[word] * np.log(1 + mean / everywhere[word]), word))
        names.append(", ".join(telling[:WORDS]) or "–")
    return [name if names.count(name) == 1 else f"{name} ({place})" for place, name in enumerate(names, 1)]


def _table(spread: pl.DataFrame, caption: str, kind: str, words: Words, countries: Sequence[str]) -> Table:
    most = spread["raw"].max() or 1
    rows: list[list[Cell]] = [
        [
            auto(masked(row["subject"], countries)),
            words.name_of("languages", row["language"]),
            count(row["raw"]),
            count(row["clean"]),
            count(max(FEW - row["clean"], 0)),
            bar(row["clean"] / most),  # type: ignore[operator]
        ]
        for row in spread.iter_rows(named=True)
    ]
    header = [words(f"thin.{name}") for name in (kind, "language", "raw", "clean", "more", "drawing")]
    folded = caption == "all"
    return Table(words(f"thin.{caption}", few=count(FEW)), header, rows, frozenset({2, 3, 4}), folded=folded)
