"""Personal data out of a table of conversations."""

import weakref
from collections.abc import Callable, Collection, Sequence
from typing import Any

import polars as pl

from curation.core.record.conversation import WORDS, conversation_id
from curation.core.record.draw import lot
from curation.core.text.identity import identity
from curation.privacy.addresses import ADDRESS
from curation.privacy.finds import (
    BIRTH,
    CANDIDATE,
    CLOSER,
    CONVERSATION_CANDIDATES,
    DATED,
    DOCUMENT,
    IDENTITY,
    masked,
)
from curation.privacy.names import NameFinder, likely_names
from curation.privacy.plain import with_plain
from curation.privacy.pseudonyms import evidence_cover, pseudonymised_row

_SAYS_WHERE = r"^\w+ at characters \d+-\d+"  # evidence of the checks for personal data: a place and no words
COLUMNS = ("source_id", "label", "metadata", "tools")  # text beside the messages; may repeat what stands in them
MASKED = pl.Schema({"row_id": pl.String, "conversation_id": pl.String, "value": pl.Int64, "evidence": pl.String})


def without_personal_data(
    rows: pl.DataFrame, kinds: Collection[str], countries: Sequence[str], find_names: NameFinder = likely_names
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows with tags for these kinds, and MASKED: what was replaced in which. Each row tells for itself.

    A row whose words change gets the id of its new words; its parent_id keeps the id under which it was read.
    """
    likely = rows.with_columns(may=pl.lit(True) if "name" in kinds else _may_hold())["may"]
    changed, done = [], []
    for row in rows.filter(likely).iter_rows(named=True):
        after, counts = _row(row, kinds, countries, find_names)
        changed.append(after)
        if counts:
            done.append({"row_id": row["row_id"], "conversation_id": row["parent_id"] or row["conversation_id"]})
            told = ", ".join(f"{number} {kind}" for kind, number in counts.items())
            done[-1] |= {"value": sum(counts.values()), "evidence": told}
    table = pl.concat([rows.filter(~likely), pl.DataFrame(changed, schema=rows.schema)])
    return table, pl.DataFrame(done, schema=MASKED)


def with_evidence_masked(found: pl.DataFrame, rows: pl.DataFrame | None, countries: Sequence[str]) -> pl.DataFrame:
    """Findings whose evidence repeats nothing personal, also where only the conversation tells that it is.

    `rows`: the conversations; None where these hold nothing personal but what a quote by itself may look like.
    """
    evidence = found["evidence"]
    quoted = ~evidence.str.contains(_SAYS_WHERE).fill_null(True)
    likely = evidence.str.contains(CANDIDATE).fill_null(False) & quoted
    covers = {} if rows is None else _covers(found.filter(quoted), rows, countries)
    covered = [
        covers[key](text) if quotes and key in covers else masked(text, countries) if here else text
        for text, key, quotes, here in zip(evidence, found["conversation_id"], quoted, likely, strict=True)
    ]
    return found.with_columns(evidence=pl.Series(covered, dtype=pl.String))


def _covers(quoting: pl.DataFrame, rows: pl.DataFrame, countries: Sequence[str]) -> dict[str, Callable[[str], str]]:
    """What covers the personal data of each conversation that is quoted from and may hold any, by its id."""
    looked_at = _LOOKED_AT.get(id(rows))
    words = (rows if looked_at is None else looked_at).join(quoting, on="conversation_id", how="semi")
    words = words.filter(messages_may_hold()) if looked_at is None else words
    told = words.select("conversation_id", "messages").iter_rows()
    return {key: evidence_cover(messages, countries) for key, messages in told}


def opaque(customers: pl.Series) -> pl.Series:
    """customer_1, customer_2 ...: enough to keep one customer's conversations together, and nothing to work back from.

    A hash of a phone number is undone by hashing all phone numbers; a rank among the customers at hand is not. The
    order is that of the hashes, so that it does not follow the alphabet either. All spellings of one have one rank.
    """
    whom = {name: identity(name) for name in customers.drop_nulls().unique()}
    ranks = {one: rank for rank, one in enumerate(sorted(set(whom.values()), key=lot), 1)}
    names = {name: f"customer_{ranks[one]}" for name, one in whom.items()}
    return customers.replace_strict(names, return_dtype=pl.String) if names else customers


_LOOKED_AT: dict[int, pl.DataFrame] = {}  # by id() of the table


def those_that_may_hold(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows whose messages can hold anything personal but names: a quick look that lets most rows pass.

    What is quoted from the same table is asked about right behind: the rows are looked at once, and forgotten when the
    table is.
    """
    if id(rows) not in _LOOKED_AT:
        _LOOKED_AT[id(rows)] = rows.filter(messages_may_hold())
        weakref.finalize(rows, _LOOKED_AT.pop, id(rows), None)
    return _LOOKED_AT[id(rows)]


def messages_may_hold() -> pl.Expr:
    """Whether a row's messages can hold anything personal but names."""
    return _messages_text().map_batches(_may_hold_one, return_dtype=pl.Boolean)


def _may_hold_one(texts: pl.Series) -> pl.Series:
    table = pl.DataFrame({"text": with_plain(texts)}).with_row_index("place")
    likely = table.join(_holding_none(table, CONVERSATION_CANDIDATES), on="place", how="anti")
    closer = _holding_none(likely, CLOSER)
    unseen = closer.join(_holding_both(closer, BIRTH, DATED), on="place", how="anti")
    told = pl.concat([likely.join(unseen, on="place", how="anti"), _holding_both(table, DOCUMENT, IDENTITY)])
    none = _holding_none(table.join(told, on="place", how="anti"), ADDRESS)
    return ~table["place"].is_in(none["place"].implode())


def _holding_none(table: pl.DataFrame, patterns: Collection[str]) -> pl.DataFrame:
    """The rows whose `text` holds none of these; each pattern looks where none before it stands."""
    for pattern in patterns:
        table = table.filter(pl.col("text").str.contains(pattern).fill_null(False).not_())
    return table


def _holding_both(table: pl.DataFrame, *patterns: str) -> pl.DataFrame:
    for pattern in patterns:
        table = table.filter(pl.col("text").str.contains(pattern))
    return table


def _messages_text() -> pl.Expr:
    """All that a row's messages say, NUL between them."""
    message = pl.element().struct
    texts = (message.field(name).fill_null("") for name in WORDS)
    return pl.col("messages").list.eval(pl.concat_str(*texts, separator="\n")).list.join("\0")


def _may_hold() -> pl.Expr:
    """The same of a whole row; what stands beside its messages is looked at less closely, since most rows have none."""
    said = (pl.col(name).fill_null("").map_batches(with_plain, return_dtype=pl.String) for name in COLUMNS)
    beside = (text.str.contains(words) for text in said for words in _CANDIDATES)
    return pl.any_horizontal(messages_may_hold(), *beside)


_CANDIDATES = (*CONVERSATION_CANDIDATES, DOCUMENT, *ADDRESS)


def _row(
    row: dict[str, Any], kinds: Collection[str], countries: Sequence[str], find_names: NameFinder
) -> tuple[dict[str, Any], dict[str, int]]:
    columns = {name: row[name] for name in COLUMNS}
    messages, columns, counts = pseudonymised_row(row["messages"], columns, kinds, countries, find_names)
    if messages == row["messages"]:
        return row | columns, counts
    now = {"messages": messages, "conversation_id": conversation_id(messages)}
    return row | columns | now | {"parent_id": row["parent_id"] or row["conversation_id"]}, counts
