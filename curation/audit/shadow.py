"""Rows of the run itself, spoilt: a copy that lives as long as the audit and that nothing else reads."""

import random
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import polars as pl

from curation.audit.defects import DEFECTS, Draw, phrases
from curation.audit.rows import Row
from curation.record.draw import lot
from curation.record.repair import repaired_record
from curation.similarity.sentences import embedded, encoder, hashed, placed, words

PER_KIND = 150  # rows of a language for each one that gets a defect: all defects that are left to the set spoil few
# Rows of a defect and language: the fewest tell blind from half blind, the most leave 15 points either way.
FEWEST, MOST = 8, 40
POOL = 2_000  # rows of a language to draw from
TRIED = 10  # rows that are looked at for each one to be spoilt: some sets have none that a defect fits
SHADOW = "-shadow"  # behind the id of a spoilt row, which so has the length of no real one


def spoilt(conversations: pl.DataFrame, serious: pl.Series, languages: Collection[str], seed: int) -> list[Row]:
    """Rows of all defects and of these languages, one defect in each, made of conversations in which both sides speak.

    Those whose ids are `serious` have a fault already that the checks see; they are drawn last. `id` is that of the
    conversation that was spoilt.
    """
    meant = conversations.filter(pl.col("language").is_in([*languages, "mixed"]))
    pools = clean_rows(meant, serious, seed)
    faulty = set(serious)
    return [row for name in sorted(pools) for row in _spoilt(pools[name], faulty, seed)]


def clean_rows(conversations: pl.DataFrame, serious: pl.Series, seed: int) -> dict[str, list[Row]]:
    """Up to POOL rows of each language, in an order that is drawn."""
    roles = pl.col("messages").list.eval(
        pl.element().struct.field("role").filter(pl.element().struct.field("content").str.contains(r"\S"))
    )
    both = roles.list.contains("user") & roles.list.contains("assistant")
    drawn = pl.Series([lot(f"audit {seed} {key}") for key in conversations["conversation_id"]], dtype=pl.String)
    ordered = (
        conversations.select("conversation_id", "language", "label", "messages", both=both, lot=drawn)
        .filter("both")
        .sort(pl.col("conversation_id").is_in(serious.implode()), "lot")
        .group_by("language", maintain_order=True)
        .head(POOL)
    )
    topics = topics_of(ordered["label"].drop_nulls().unique())
    found: dict[str, list[Row]] = {}
    for row in ordered.iter_rows(named=True):
        key, language, label = row["conversation_id"], row["language"], row["label"]
        about = topics.get(label, frozenset())
        found.setdefault(language, []).append(Row(key, language, label, about, tuple(row["messages"])))
    return found


def topics_of(labels: Collection[str]) -> dict[str, frozenset[str]]:
    """What each label is about: its words, less those that most labels have; the label itself where none is left.

    So hotel+taxi and taxi, or card_arrival and card_lost, are about the same: a reply to one may well fit the other.
    """
    words = {label: set(re.findall(r"[^\W_]+", label.lower())) for label in labels}
    number = Counter(word for said in words.values() for word in said)
    told = {label: {word for word in said if 2 * number[word] <= len(words)} for label, said in words.items()}
    return {label: frozenset(said or {label}) for label, said in told.items()}


def _spoilt(rows: Sequence[Row], faulty: Collection[str], seed: int) -> Iterator[Row]:
    """The rows of one language with every defect in as many as the set bears.

    Each draws anew, so that the last does not get what fitted none before. A row gets a second defect, in another copy,
    when all have had one.
    """
    most = min(max(len(rows) // PER_KIND, FEWEST), MOST)
    used, said = Counter[str](), phrases()
    for name, spoil in DEFECTS.items():
        drawn = {row.id: (row.id in faulty, used[row.id], lot(f"{seed} {name} {row.id}")) for row in rows}
        tried = sorted(rows, key=lambda row: drawn[row.id])[: TRIED * most]
        draws = (Draw(random.Random(f"{seed} {name} {row.id}"), rows, said) for row in tried)
        fit = (found for row, draw in zip(tried, draws, strict=True) if (found := spoil(row, draw)))
        for found in islice(fit, most):
            yield replace(found, defect=name)
            used[found.id] += 1


def as_record(rows: Sequence[Row], originals: pl.DataFrame) -> pl.DataFrame:
    """Spoilt rows in the form of the originals they were made of, with ids that no real row can have."""
    known = originals.filter(pl.col("conversation_id").is_in([row.id for row in rows]))
    by_id = {row["conversation_id"]: row for row in known.iter_rows(named=True)}
    return pl.DataFrame([_recorded(row, by_id[row.id]) for row in rows], schema=originals.schema)


def shadow_id(row: Row) -> str:
    """A hash as ids are, so that it sorts among them, and what no id ends with."""
    return f"{lot(f'{row.defect} {row.id}')[:32]}{SHADOW}"


def _recorded(row: Row, original: dict[str, Any]) -> dict[str, Any]:
    key = shadow_id(row)
    told = repaired_record([dict(m) for m in row.messages], merge=False)
    return {**original, **told, "label": row.label, "conversation_id": key, "row_id": f"{key}:1", "source_id": None}


def replacing(conversations: pl.DataFrame, rows: Sequence[Row], spoilt_rows: pl.DataFrame) -> pl.DataFrame:
    """The conversations with spoilt ones in the places of those that they were made of."""
    gone = pl.col("conversation_id").is_in([row.id for row in rows])
    return pl.concat([conversations.filter(~gone), spoilt_rows]).sort("conversation_id")


def vectors_beside(
    vectors: pl.DataFrame, conversations: pl.DataFrame, rows: pl.DataFrame, model: str, characters: int
) -> pl.DataFrame:
    """The vectors, and those of the spoilt rows; only words that none of the conversations says are embedded."""
    said = words(conversations, characters).join(vectors, on="conversation_id")
    sides = (said.select(words=side, vector=vector) for side, vector in (("said", "vector"), ("replied", "reply")))
    spoken = words(rows, characters)
    wanted = pl.concat([spoken["said"], spoken["replied"]]).unique().sort().to_frame("words")
    known = pl.concat(list(sides)).unique("words").join(wanted, on="words", how="semi").sort("words")
    fresh = wanted.join(known, on="words", how="anti")["words"]
    if fresh.len():
        made = pl.Series(embedded(fresh.to_list(), encoder(model)), dtype=vectors.schema["vector"])
        known = pl.concat([known, pl.DataFrame({"words": fresh, "vector": made})])
    texts = known.select(text=hashed(known["words"]), vector="vector")
    return pl.concat([vectors, placed(spoken, texts).select(vectors.columns)])
