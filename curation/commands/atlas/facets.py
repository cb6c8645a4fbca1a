"""What the rows of the map are coloured and filtered by."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from curation.core.record.ledger import FINDING
from curation.decisions.answers import Answer
from curation.privacy.shown import Shown
from curation.report.results import Results
from curation.report.words import Words

SPLITS = ("train", "dev", "test")
FACETS = ("outcome", "code", "source", "format", "language", "label", "month", "split", "reviewer")
# The part of the catalogue that names the values of a facet; others are shown as they are.
NAMED = {"outcome": "outcome", "code": "titles", "language": "languages", "split": "split"}

_SEPARATOR = "\0"  # ingest leaves none in a text


def rows_of(results: Results, answers: Sequence[Answer], shown: Shown) -> pl.DataFrame:
    """row_id, conversation_id and a list of strings for each of FACETS, a row each that the ledger closed, by row_id.

    `code`: what decided first, then all that the ledger holds against the row. Labels are masked.
    """
    rows = results.rows().sort("row_id")
    against = results["ledger"].filter(outcome=FINDING).group_by("row_id").agg(seen=pl.col("code").unique().sort())
    split = pl.concat(
        [
            pl.DataFrame(schema={"row_id": pl.String, "split": pl.String}),
            *(
                results[f"splits/{name}"].select("row_id", split=pl.lit(name))
                for name in SPLITS
                if not results.missing(f"splits/{name}")
            ),
        ]
    ).unique("row_id", keep="first")
    said = pl.DataFrame(
        [(answer.conversation_id, answer.annotator) for answer in answers],
        schema={"conversation_id": pl.String, "reviewer": pl.String},
        orient="row",
    )
    reviewers = said.group_by("conversation_id").agg(pl.col("reviewer").unique().sort())
    labels = {label: _masked(label, shown) for label in rows["label"].drop_nulls().unique()}
    against_first = pl.concat_list(pl.concat_list("code"), pl.col("contributing", "seen").fill_null([]))
    return (
        rows.join(against, on="row_id", how="left", maintain_order="left")
        .join(split, on="row_id", how="left", maintain_order="left")
        .join(reviewers, on="conversation_id", how="left", maintain_order="left")
        .select(
            "row_id",
            "conversation_id",
            pl.concat_list("outcome"),
            code=against_first.list.drop_nulls().list.unique(maintain_order=True),
            source=pl.concat_list(pl.col("source_file").fill_null(_file())),
            format=pl.concat_list("source"),
            language=pl.concat_list("language"),
            label=pl.concat_list(pl.col("label").replace_strict(labels, default=None, return_dtype=pl.String)),
            month=pl.concat_list(pl.col("created_at").dt.strftime("%Y-%m")),
            split=pl.concat_list("split"),
            reviewer=pl.col("reviewer").fill_null([]),
        )
        .with_columns(pl.col(name).list.drop_nulls() for name in FACETS)
    )


def _masked(label: str, shown: Shown) -> str:
    """With names, which only a message is searched for."""
    return str(shown.messages([{"role": "user", "content": label}])[0]["content"])


def _file() -> pl.Expr:
    """The file in a row_id, for rows that could not be read."""
    return pl.col("row_id").str.replace(r":[^:]*$", "")


def facet(rows: pl.DataFrame, name: str, words: Words) -> dict[str, Any]:
    """The facet as the page reads it.

    `values`: {name, title, rows}, the most frequent first, months in their order; `sets`: the lists of values that
    rows have, as places in `values`; `of`: the place of each row's list in `sets`.
    """
    counted = _counted(rows, name)
    place = {value: number for number, value in enumerate(counted)}
    lists = (
        pl.when(pl.col(name).list.len() > 0).then(_SEPARATOR + pl.col(name).list.join(_SEPARATOR)).otherwise(pl.lit(""))
    )
    keys = rows.select(lists).to_series()
    sets = keys.unique().sort()
    return {
        "name": name,
        "title": words(f"facet.{name}"),
        "values": [{"name": v, "title": _title(name, v, words), "rows": n} for v, n in counted.items()],
        "sets": [[place[value] for value in key.split(_SEPARATOR)[1:]] for key in sets],
        "of": keys.replace_strict(sets, pl.int_range(len(sets), eager=True)).to_list(),
    }


def _counted(rows: pl.DataFrame, name: str) -> Mapping[str, int]:
    """Rows by value; "" stands for those without any."""
    values = rows.select(value=pl.col(name)).explode("value", empty_as_null=True)["value"].drop_nulls()
    counted = pl.DataFrame({"value": values}).group_by("value").len()
    order = counted.sort("value") if name == "month" else counted.sort("len", "value", descending=[True, False])
    return dict(order.iter_rows())


def _title(name: str, value: str, words: Words) -> str:
    return words.name_of(NAMED[name], value) if name in NAMED else value
