"""Rows of the run itself, spoilt: copies that live as long as the checks look at them, and that nothing else reads."""

import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import polars as pl
from pydantic import Field

from curation.core.record.draw import lot
from curation.core.record.repair import repaired_record
from curation.harness.params import Params
from curation.harness.parts import kept
from curation.planting.defects import DEFECTS, Draw, phrases
from curation.planting.rows import Row

PER_KIND = 200  # rows of a language for each one that gets a defect
# Rows of a defect and language: the fewest tell blind from half blind, the most leave 15 points either way.
FEWEST, MOST = 8, 40
POOL = 2_000  # rows of a language to draw from
TRIED = 10  # rows that are looked at for each one to be spoilt: some sets have none that a defect fits
RAREST = 0.05  # share of the rows from which a language is tried
AT_ALL = 400  # spoilt rows that the smallest set gets; to look at as many costs less than what a check loads
SHADOW = "-shadow"  # behind the id of a spoilt row, which so has the length of no real one

# Of conversations, which are told by their row_id: the records as checks see them, in parts.
Read = Callable[[pl.DataFrame], Iterable[pl.DataFrame]]


class Audit(Params):
    """params.yaml: audit"""

    share: float = Field(ge=0, le=1)  # spoilt rows, at the most, to a row; 0: off
    seed: int


def spoilt(
    conversations: pl.DataFrame, read: Read, serious: pl.Series, languages: Collection[str], params: Audit
) -> list[Row]:
    """Rows of all defects and of these languages, one defect in each, made of conversations in which both sides speak.

    `conversations` have ids and languages. Those whose ids are `serious` have a fault already that the checks see;
    they are drawn last. `id` is that of the conversation that was spoilt. There are no more than AT_ALL or
    `params.share` to a row, whichever is more; rare languages get none.
    """
    counts = conversations["language"].value_counts()
    pools = as_rows(pool(read(conversations), counts, serious, languages, params.seed, POOL))
    sizes = dict(counts.iter_rows())
    places = int(max(AT_ALL, params.share * conversations.height)) // max(len(pools) * len(DEFECTS), 1)
    faulty = set(serious)
    found: list[Row] = []
    for name, rows in pools.items():
        found += _spoilt(rows, min(number_of(sizes[name]), max(places, 1)), faulty, params.seed)
    return found


def number_of(rows: int) -> int:
    """How many rows get a defect, of a language that so many are in."""
    return min(max(rows // PER_KIND, FEWEST), MOST)


def pool(
    parts: Iterable[pl.DataFrame],
    sizes: pl.DataFrame,
    serious: pl.Series,
    languages: Collection[str],
    seed: int,
    most: int,
) -> pl.DataFrame:
    """Up to `most` rows of each of the languages and of mixed ones, in an order that is drawn; of no rare language.

    The conversations come in parts; `sizes` are (language, count) of all.
    """
    common = sizes.filter(pl.col("count") >= RAREST * int(sizes["count"].sum()))
    tried = common.filter(pl.col("language").is_in([*languages, "mixed"]))
    first: list[pl.DataFrame] = []
    for part in parts:
        drawn = _drawn(part.join(tried, on="language", how="semi"), serious, seed)
        first = [kept(_first_drawn([*first, drawn], most))]
    return first[0]


def _drawn(conversations: pl.DataFrame, serious: pl.Series, seed: int) -> pl.DataFrame:
    """Those in which both sides speak, with their lots."""
    roles = pl.col("messages").list.eval(
        pl.element().struct.field("role").filter(pl.element().struct.field("content").str.contains(r"\S"))
    )
    both = roles.list.contains("user") & roles.list.contains("assistant")
    drawn = pl.Series([lot(f"audit {seed} {key}") for key in conversations["conversation_id"]], dtype=pl.String)
    here = serious.to_frame("conversation_id").join(conversations, on="conversation_id", how="semi")  # hashes the part
    known = pl.col("conversation_id").is_in(here["conversation_id"].implode())
    columns = ("conversation_id", "language", "label", "messages")
    return conversations.select(*columns, both=both, serious=known, lot=drawn).filter("both")


def _first_drawn(parts: Sequence[pl.DataFrame], most: int) -> pl.DataFrame:
    rows = pl.concat(parts)
    ordered = rows.sort("serious", "lot").group_by("language", maintain_order=True).head(most)
    return ordered.select(rows.columns).sort("language", maintain_order=True)


def as_rows(ordered: pl.DataFrame) -> dict[str, list[Row]]:
    """The rows of a `pool` by language."""
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


def _spoilt(rows: Sequence[Row], most: int, faulty: Collection[str], seed: int) -> Iterator[Row]:
    """The rows of one language with every defect in as many as that, if it fits so many.

    Each draws anew, so that the last does not get what fitted none before. A row gets a second defect, in another copy,
    when all have had one.
    """
    used, said = Counter[str](), phrases()
    lots = {row.id: _number(row.id) for row in rows}
    for name, spoil in DEFECTS.items():
        of_kind = _number(f"{seed} {name}")
        drawn = {row.id: (row.id in faulty, used[row.id], lots[row.id] ^ of_kind) for row in rows}
        tried = sorted(rows, key=lambda row: drawn[row.id])[: TRIED * most]
        draws = (Draw(random.Random(f"{seed} {name} {row.id}"), rows, said) for row in tried)
        fit = (found for row, draw in zip(tried, draws, strict=True) if (found := spoil(row, draw)))
        for found in islice(fit, most):
            yield replace(found, defect=name)
            used[found.id] += 1


def _number(text: str) -> int:
    return int(lot(text), 16)


def as_record(rows: Sequence[Row], originals: pl.DataFrame) -> pl.DataFrame:
    """Spoilt rows in the form of the originals they were made of, with ids that no real row can have.

    Beside them `made_of`, the original's conversation_id, and `replies_of`, that of the conversation whose replies
    they have.
    """
    told = [repaired_record([dict(m) for m in row.messages], merge=False) for row in rows]
    keys = [shadow_id(row) for row in rows]
    made = {
        "conversation_id": keys,
        "row_id": [f"{key}:1" for key in keys],
        "source_id": [None] * len(rows),
        "label": [row.label for row in rows],
        "language": [each["language"] for each in told],
        "messages": [each["messages"] for each in told],
    }
    schema = {name: originals.schema[name] for name in made}
    spoilt_rows = pl.DataFrame(made, schema).with_columns(
        made_of=pl.Series([row.id for row in rows], dtype=pl.String),
        replies_of=pl.Series([row.replies_of or row.id for row in rows], dtype=pl.String),
    )
    kept = originals.select("conversation_id", *(name for name in originals.columns if name not in made))
    joined = spoilt_rows.join(kept, left_on="made_of", right_on="conversation_id", how="left", maintain_order="left")
    return joined.select(*originals.columns, "made_of", "replies_of")


def shadow_id(row: Row) -> str:
    """A hash as ids are, so that it sorts among them, and what no id ends with."""
    return f"{lot(f'{row.defect} {row.id}')[:32]}{SHADOW}"


def replacing(conversations: pl.DataFrame, spoilt_rows: pl.DataFrame) -> pl.DataFrame:
    """The conversations with spoilt ones in the places of those that they were made of."""
    left = conversations.join(spoilt_rows, left_on="conversation_id", right_on="made_of", how="anti")
    return pl.concat([left, spoilt_rows.select(conversations.columns)]).sort("conversation_id")
