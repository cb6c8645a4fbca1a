"""Pages of one ticket that stand in several files, such as page1.json and page2.json, joined to one conversation.

Two conversations are pages of one where all of this holds, for two customers' tickets must never be blended:

- they were read by one format, under one id of the source, from files of one folder;
- the files' names differ in nothing but a last number or date;
- nothing that belongs to a ticket differs: customer, label, subject, requester;
- something says that they are of one ticket: the same customer, time of the ticket, subject or requester; or the format
  has a row a message, under the id of its ticket, and the number in the name is a page's ("part 2", "tickets-2", a
  date) and not a shop's ("shop2");
- no longer message stands in both, but where the second repeats the end of the first: those are copies.

Pages follow one another by their times, else by the number in the name.
"""

import itertools
import json
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from curation.core.record.conversation import SCHEMA, canonical_json
from curation.core.record.repair import repaired_record
from curation.core.text.folding import fold
from curation.core.text.identity import identity
from curation.decisions.forget import ForgetRules, forgotten
from curation.ingest.documents import time_of
from curation.ingest.provenance import spelled
from curation.ingest.reading import forgotten_places

OWN_COLUMNS = ("customer", "label")  # of a ticket, not of one of its messages
OWN_FIELDS = ("subject", "title", "requester", "requester_id", "requester_email", "email", "phone", "الموضوع", "الهاتف")
REPEATED = 20  # characters from which a message is nobody's second "thank you"
NARROW = ("row_id", "source", "source_file", "source_id")
KEY = ("export", "source", "source_id")
GONE = pl.Schema({"row_id": pl.String, "part_of": pl.String})
_ENDINGS = re.compile(r"(.*?)((?:\.[^\W\d]\w*)*)", re.DOTALL)  # of a file: .csv, .csv.gz
_NUMBER = re.compile(r"(?P<word>[^\W\d_]*) ?(?P<number>\d+(?: \d+)*(?: ?of ?\d+)?)$")  # "page2", "tickets 2024 01"
PAGES = frozenset(map(fold, "page pages part pt pg p chunk batch split shard صفحة جزء قسم دفعة".split()))
EXPORTS = frozenset(
    fold(word)
    for word in (
        "export exports exported ticket tickets chat chats conversation conversations message messages comment "
        "comments thread threads dialogue dialogues case cases data dump backup archive file files record records rows "
        "support helpdesk zendesk intercom freshdesk تذاكر محادثات رسائل تصدير بيانات الدعم"
    ).split()
)
# Pages -> when what each of them holds began, by row_id, where that is told.
Times = Callable[[Sequence[Mapping[str, Any]]], Mapping[str, datetime]]


@dataclass(frozen=True)
class Export:
    """What a file's name says of the export that it is of."""

    name: tuple[str, ...]  # the same for all pages of one
    numbers: tuple[int, ...]  # which page it is
    paged: bool  # the number is a page's beyond doubt


@dataclass(frozen=True)
class Pages:
    """What came of joining."""

    joined: pl.DataFrame  # SCHEMA: the conversations as a whole, under the row_id of their first page
    gone: pl.DataFrame  # GONE: the other pages, and what they are part of now
    apart: int  # ids of a source that stand in several such files and were not taken for one ticket
    forgotten: pl.DataFrame  # SCHEMA: those of them that a rule names as a whole

    def told(self) -> str:
        """What the person at the terminal should know; "" where there is nothing."""
        whole = self.joined.height + self.forgotten.height
        joined = f"{whole:,} tickets that stand in several files were joined" if whole else ""
        apart = f"{self.apart:,} ids that stand in several files were taken for different tickets (docs/formats.md)"
        return "; ".join(filter(None, (joined, apart if self.apart else "")))

    def of_file(self, name: str, table: str, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """A table of a file as it is when pages are joined."""
        rows = pl.concat([self.gone["row_id"], self.joined["row_id"], self.forgotten["row_id"]])
        if not any(row.rpartition(":")[0] == name for row in rows):
            yield from frames
            return
        found, here = pl.concat(frames), pl.col("source_file") == name
        if table == "conversations":
            others = found.filter(~pl.col("row_id").is_in(rows.implode()))
            yield pl.concat([others, self.joined.filter(here)]).sort("source_row")
        elif table == "quarantine":
            yield pl.concat([found, forgotten_places(self.forgotten.filter(here))]).sort("source_row")
        else:
            now = found.join(self.gone.rename({"row_id": "part_of", "part_of": "now"}), on="part_of", how="left")
            moved = now.with_columns(part_of=pl.coalesce("now", "part_of")).select(found.columns)
            own = self.gone.filter(pl.col("row_id").str.replace(r":\d+$", "") == name)
            yield pl.concat([moved, own.with_columns(left_out=pl.lit(None, pl.String))])

    def counted(self, files: pl.DataFrame) -> pl.DataFrame:
        """FILES as it is when pages are joined."""
        of_page = pl.col("row_id").str.replace(r":\d+$", "").alias("source_file")
        pages = self.gone.group_by(of_page).agg(pages=pl.len().cast(pl.Int64))
        gone = self.forgotten.group_by("source_file").agg(gone=pl.len().cast(pl.Int64))
        both = files.join(pages, on="source_file", how="left", maintain_order="left")
        both = both.join(gone, on="source_file", how="left", maintain_order="left").with_columns(
            pl.col("pages", "gone").fill_null(0)
        )
        return both.with_columns(
            pl.col("rows") - pl.col("pages"),
            pl.col("parts") + pl.col("pages"),
            pl.col("conversations") - pl.col("pages") - pl.col("gone"),
            pl.col("quarantined") + pl.col("gone"),
            pl.col("forgotten") + pl.col("gone"),
        ).select(files.columns)


def export_of(name: str) -> Export:
    """What a file is called but for its number or date and its endings: export_page2.json is of `export`."""
    path = PurePosixPath(name)
    stem, endings = _ENDINGS.fullmatch(path.name.lower()).groups()  # type: ignore[union-attr]  # matches any name
    stem = _spaced(fold(stem))
    found = _NUMBER.search(stem)
    if found is None:
        return Export((str(path.parent), stem, endings), (), True)
    numbers = tuple(int(digits) for digits in re.findall(r"\d+", found["number"]))
    before = stem[: found.start()].strip()
    if found["word"] in PAGES or not found["word"]:
        return Export((str(path.parent), before, endings), numbers, True)
    paged = found["word"] in EXPORTS or len(found["number"]) >= len("2024")
    return Export((str(path.parent), f"{before} {found['word']}".strip(), endings), numbers, paged)


def _spaced(stem: str) -> str:
    """tickets_2024-01 (2) and "tickets 2024 01 2" are one name."""
    return " ".join(re.sub(r"[._()\[\]-]+", " ", stem).split())


def in_pages(names: Iterable[str]) -> list[str]:
    """The files that may be pages of one export, by their names."""
    ordered = sorted(names, key=lambda name: export_of(name).name)
    groups = (list(group) for _, group in itertools.groupby(ordered, lambda name: export_of(name).name))
    return [name for group in groups if len(group) > 1 for name in group]


def join_pages(
    conversations: pl.DataFrame, by_message: Container[str], times: Times, merge: bool, rules: ForgetRules
) -> Pages:
    """The conversations of such files, those that are pages of one joined. `by_message`: formats with a row a message.

    Rules to forget were kept to page by page; here they are once more, for what only the whole is.
    """
    exports = {name: export_of(name) for name in conversations["source_file"].unique()}
    groups = [group.to_dicts() for group in _by_id(conversations).partition_by(KEY, maintain_order=True)]
    whole = [rows for rows in groups if _is_one(rows, exports, rows[0]["source"] in by_message)]
    began = times([page for rows in whole if rows[0]["source"] not in by_message for page in rows])
    joined, gone = [], []
    for rows in whole:
        first, *others = pages = _in_order(rows, exports, began)
        joined.append({**_filled(pages), **repaired_record(_said(pages), merge)})
        gone += [{"row_id": page["row_id"], "part_of": first["row_id"]} for page in others]
    table = pl.DataFrame(joined, SCHEMA)
    named = forgotten(table, rules)
    return Pages(table.filter(~named), pl.DataFrame(gone, GONE), len(groups) - len(whole), table.filter(named))


def spread(conversations: pl.DataFrame) -> pl.DataFrame:
    """The row_ids of conversations under whose id one stands in another file too; `NARROW` is enough of each."""
    return _by_id(conversations).select("row_id")


def _by_id(conversations: pl.DataFrame) -> pl.DataFrame:
    """Those conversations, with the columns of KEY."""
    names = {name: "\0".join(export_of(name).name) for name in conversations["source_file"].unique()}
    export = pl.col("source_file").replace_strict(names, return_dtype=pl.String)
    told = conversations.drop_nulls("source_id").with_columns(export=export)
    return told.filter(pl.col("source_file").n_unique().over(KEY) > 1).sort("source_file", "row_id")


# -- whether they are one ----------------------------------------------------------------------------------------------


def _is_one(rows: Sequence[Mapping[str, Any]], exports: Mapping[str, Export], by_message: bool) -> bool:
    """Whether rows of several files are pages of one ticket."""
    if len({row["source_file"] for row in rows}) < len(rows):
        return False  # an id that is given twice in one file names no ticket
    facts = [_facts(row) for row in rows]
    shared = [name for name in facts[0] if all(name in other for other in facts)]
    known = {name: {other[name] for other in facts if name in other} for fact in facts for name in fact}
    if any(len(values) > 1 for name, values in known.items() if name != "created_at"):
        return False
    paged = by_message and all(exports[row["source_file"]].paged for row in rows)
    evidence = paged or any(len(known[name]) == 1 for name in shared)
    return evidence and all(_disjoint(one, other) for one, other in itertools.combinations(rows, 2))


def _facts(row: Mapping[str, Any]) -> dict[str, str]:
    """What a page says of its ticket."""
    more = json.loads(row["metadata"] or "{}")
    told = {name: row[name] for name in (*OWN_COLUMNS, "created_at")}
    told |= {spelled(name): value for name, value in more.items() if spelled(name) in map(spelled, OWN_FIELDS)}
    told |= {"customer": identity(row["customer"])} if row["customer"] else {}
    return {name: re.sub(r"^(?:re|fw|fwd|رد)\s*:\s*", "", fold(str(value))) for name, value in told.items() if value}


def _disjoint(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether no longer message stands in both, but where one goes on from the end of the other."""
    left, right = ([(m["role"], m["content"]) for m in row["messages"]] for row in (one, other))
    overlap = max(_overlap(left, right), _overlap(right, left))
    if overlap in (len(left), len(right)):
        return False
    shared = {said for said in left if len(said[1]) >= REPEATED} & {*right}
    return len(shared) <= overlap


def _overlap(left: Sequence[Any], right: Sequence[Any]) -> int:
    """How many messages at the end of one are those at the beginning of the other."""
    return next((size for size in range(min(len(left), len(right)), 0, -1) if left[-size:] == right[:size]), 0)


# -- as one ------------------------------------------------------------------------------------------------------------


def _in_order(
    rows: Sequence[dict[str, Any]], exports: Mapping[str, Export], began: Mapping[str, datetime]
) -> list[dict[str, Any]]:
    """The pages by when their messages were written, where all tell it, else by their numbers."""
    for times in ([began.get(row["row_id"]) for row in rows], [row["created_at"] for row in rows]):
        told = {time: row for time, row in zip(times, rows, strict=True) if time is not None}
        if len(told) == len(rows):
            return [told[time] for time in sorted(told)]
    return sorted(rows, key=lambda row: (exports[row["source_file"]].numbers, row["source_file"]))


def _filled(pages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The record of the first page, with what only later ones tell."""
    filled = {name: next((page[name] for page in pages if page[name] is not None), None) for name in SCHEMA}
    metadata = {key: value for page in reversed(pages) for key, value in json.loads(page["metadata"] or "{}").items()}
    return {**filled, "metadata": canonical_json(metadata) if metadata else None}


def _said(pages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All messages, the end of a page that the next repeats once."""
    said: list[dict[str, Any]] = []
    for page in pages:
        said += page["messages"][_overlap(said, page["messages"]) :]
    return said


def first_time(value: Any) -> datetime | None:
    """When the first thing that a row's lists hold was written, where all of them tell it; None where none does."""
    if not isinstance(value, dict):
        return None
    inner = (item.values() if isinstance(item, dict) else [item] for item in value.values())
    lists = (found for found in itertools.chain.from_iterable(inner) if isinstance(found, list) and found)
    for found in lists:
        told = [time for item in found if isinstance(item, dict) and (time := time_of(item)) is not None]
        if len(told) == len(found):
            return min(told)
    return None
