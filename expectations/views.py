"""Flat views, one row a thing to judge and one column a question, since Great Expectations reads no nested tables.

No column is null: Great Expectations leaves nulls out of its counts, and so would pass what is missing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from curation.core.record.conversation import ROLES, ids_match
from curation.core.record.ledger import PARTS, closings, outcomes

USED = ("accepted", "kept", "edited")
NONE = "(none)"

_MESSAGES = pl.col("messages").list
_CONTENT = pl.element().struct.field("content")
_ROLE = pl.element().struct.field("role")
_IS_REPLY = _ROLE == "assistant"
_SAYS_NOTHING = (_CONTENT.str.strip_chars() == "") & pl.element().struct.field("tool_calls").is_null()
_SAID = pl.struct(pl.element().struct.field(name) for name in ("role", "content", "reasoning"))  # where facts stand
# Signs that are repaired as they stand, whatever stands beside them, but for two vowel signs in a row, whose order may
# be wrong. A text that holds others is normalised, at six times the cost.
_PLAIN = r"\t\n -~\x80-\x{2ff}\x{60c}\x{61b}-\x{652}\x{660}-\x{66f}\x{2010}-\x{2027}\x{20a0}-\x{20bf}"
_OTHER = rf"[^{_PLAIN}]|[\x{{64b}}-\x{{652}}]{{2}}"
_UNREPAIRED = (_CONTENT.str.normalize("NFC") != _CONTENT) | _CONTENT.str.contains(r"[\x00-\x08\x0b-\x1f\x7f]")


def ingested(conversations: pl.DataFrame, quarantine: pl.DataFrame) -> pl.DataFrame:
    """One row a conversation that was read."""
    return _judged(conversations).with_columns(also_quarantined=pl.col("row_id").is_in(quarantine["row_id"].implode()))


def curated(conversations: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """One row a curated conversation, with what the ledger says of it."""
    return closed_as(curated_rows(conversations), ledger)


def curated_rows(conversations: pl.DataFrame) -> pl.DataFrame:
    """What each curated conversation tells by itself, for `closed_as`."""
    states = (conversations["facts"].list.len() > 0).fill_null(False)
    stating = conversations.filter(states).select(_MESSAGES.eval(_SAID), "facts")
    misplaced = pl.Series([_misplaced(*row) for row in stating.iter_rows()], dtype=pl.Int64)
    counted = pl.zeros(conversations.height, pl.Int64, eager=True).scatter(states.arg_true(), misplaced)
    return _judged(conversations, "origin", "parent_id").with_columns(misplaced_facts=counted)


def closed_as(rows: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """`curated` of `curated_rows`; of the ledger row_id, conversation_id and outcome are read."""
    closing = (
        outcomes(ledger.select("row_id", "outcome", read_as="conversation_id"))
        .join(rows, on="row_id", how="semi", maintain_order="left")
        .unique("row_id", keep="first", maintain_order=True)
    )
    told = rows.select("row_id").join(closing, on="row_id", how="left", maintain_order="left").drop("row_id")
    read = pl.coalesce("parent_id", "conversation_id")
    return (
        pl.concat([rows, told], how="horizontal")
        .with_columns(
            pl.col("outcome").fill_null(NONE),
            parent_named=(read == pl.col("read_as")).fill_null(False)
            & ((pl.col("origin") != "edited") | pl.col("parent_id").is_not_null()),
        )
        .drop("parent_id", "read_as")
    )


def raw_rows(read: pl.Series, ledger: pl.DataFrame, curated: pl.DataFrame) -> pl.DataFrame:
    """One row a raw row, read or only claimed to be: how often and how it was closed, and where it is now."""
    closed = (
        closings(ledger)
        .group_by("row_id")
        .agg(pl.len().cast(pl.Int64).alias("closings"), pl.col("outcome", "code", "evidence").first())
    )
    rows = pl.concat([read.rename("row_id"), closed["row_id"]]).unique().sort().to_frame()
    said = pl.col("code").is_not_null()
    is_part = pl.col("outcome").is_in(PARTS)
    named = ~(is_part | (pl.col("outcome") == "duplicate")) | pl.col("evidence").is_not_null()
    return (
        rows.join(closed, on="row_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("closings").fill_null(0),
            pl.col("outcome").fill_null(NONE),
            was_read=pl.col("row_id").is_in(read.implode()),
            in_curated=pl.col("row_id").is_in(curated["row_id"].implode()),
        )
        .with_columns(used=pl.col("outcome").is_in(USED))
        .with_columns(explained=pl.col("used") | ((said | (pl.col("outcome") == "part")) & named))
        .drop("code", "evidence")
    )


def _misplaced(messages: Sequence[Mapping[str, Any]], facts: Sequence[Mapping[str, Any]]) -> int:
    """Facts that stand outside a reply's words or thoughts, or begin before the one before them ends."""
    end, where, wrong = 0, (-1, ""), 0
    for fact in facts:
        place = fact["turn"], fact["field"]
        begins = end if place == where else 0
        holds = 0 <= fact["turn"] < len(messages) and messages[fact["turn"]]["role"] == "assistant"
        words = (messages[fact["turn"]][fact["field"]] or "") if holds else ""
        wrong += not (begins <= fact["start"] < fact["end"] <= len(words))
        where, end = place, fact["end"]
    return wrong


def _judged(conversations: pl.DataFrame, *more: str) -> pl.DataFrame:
    role = _MESSAGES.eval(_ROLE)
    other = _MESSAGES.eval(_CONTENT.str.contains(_OTHER).fill_null(True)).list.any().fill_null(True)
    others = conversations.select(other).to_series().arg_true()
    unrepaired = conversations[others].select(_count(_UNREPAIRED)).to_series()
    return conversations.select(
        "row_id",
        "conversation_id",
        *more,
        *(pl.col(name).fill_null(NONE) for name in ("language", "label", "source_file")),
        id_matches=ids_match(conversations),
        turns=_MESSAGES.len().cast(pl.Int64),
        unknown_roles=_count(~_ROLE.is_in(ROLES)),
        unrepaired=pl.zeros(conversations.height, pl.Int64, eager=True).scatter(others, unrepaired),
        first_role=role.list.eval(pl.element().filter(pl.element() != "system")).list.first().fill_null(NONE),
        both_sides=role.list.contains("user") & role.list.contains("assistant"),
        last_role=role.list.last().fill_null(NONE),
        empty_replies=_count(_IS_REPLY & _SAYS_NOTHING),
    )


def _count(condition: pl.Expr) -> pl.Expr:
    return _MESSAGES.eval(condition.fill_null(True)).list.sum().cast(pl.Int64)
