"""The whole story of a row, out of the tables the stages left: `qirat why`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from curation.core.record.codes import CODES, read_codes
from curation.core.record.ledger import CLOSINGS, FINDING, PARTS, closings
from curation.core.record.naming import called
from curation.harness.errors import QiratError, meant
from curation.harness.files import finished_table, table_path
from curation.harness.params import load_params
from curation.ingest.documents import Place, place_of
from curation.policy.limits import Route, in_force
from curation.policy.verdicts import judged
from curation.privacy.shown import Shown
from curation.similarity.difference import difference

SPLITS = ("train", "dev", "test")
USED = ("accepted", "kept", "edited")


@dataclass(frozen=True)
class Where:
    """Which rows a list is of, beside outcome and code; None: all. `none` asks for rows without such a value."""

    file: str | None = None
    month: str | None = None  # 2026-01
    language: str | None = None
    label: str | None = None
    source: str | None = None
    turns: str | None = None  # 2, 3-4, 33+


def why(wanted: str, shown: Shown) -> str:
    """Everything the ledger knows of a row, by row_id, conversation_id or the beginning of one."""
    ledger = _ledger()
    as_read = closings(ledger).select("row_id", "conversation_id")
    rows = called(
        wanted, pl.concat([as_read, _reworded()]), "rows", "as the report, Argilla and `qirat why --dropped` show them"
    )
    return "\n\n".join("\n".join(_story(ledger, row_id, shown)) for row_id in rows["row_id"].unique().sort())


def listed(outcome: str | None, code: str | None, sample: int, shown: Shown, where: Where | None = None) -> str:
    """A seeded sample of closed rows by outcome, code and what else is asked for, one line each."""
    known = (*CLOSINGS, "used")
    if outcome is not None and outcome not in known:
        near = meant(outcome, known)
        raise QiratError(f"there is no outcome {outcome!r}{near}; expected one of {', '.join(known)}")
    ledger = _ledger()
    closed = closings(ledger)
    if outcome is not None:
        closed = closed.filter(pl.col("outcome").is_in(USED if outcome == "used" else [outcome]))
    if where:
        closed = _narrowed(closed, where)
    if code is not None:
        named = (pl.col("code") == code) | pl.col("contributing").list.contains(code)
        carrying = ledger.filter(named)["row_id"]
        if shown.every:
            carrying = pl.concat([carrying, _seen(code, ledger)])
        carrying = carrying.unique().implode()
        _refuse_unknown(code, ledger, carrying)
        closed = closed.filter(pl.col("row_id").is_in(carrying))
    chosen = closed.sort("row_id").sample(min(sample, closed.height), seed=0, shuffle=False).sort("row_id")
    lines = [_closing(row, shown) for row in chosen.iter_rows(named=True)]
    return "\n".join([*lines, f"{chosen.height:,} of {closed.height:,} rows; `qirat why ROW` tells the whole story"])


def _seen(code: str, ledger: pl.DataFrame) -> pl.Series:
    """The rows of conversations in which a check saw it, also where it decided nothing."""
    found = finished_table("scored/findings", ["conversation_id", "code"]).filter(code=code)
    return ledger.join(found, on="conversation_id", how="semi")["row_id"]


def _narrowed(closed: pl.DataFrame, where: Where) -> pl.DataFrame:
    """The rows of a file, month, language, label, source or number of turns."""
    if where.file is not None:
        closed = closed.filter(pl.col("row_id").str.replace(r":[^:]*$", "") == where.file)
    turns = pl.col("messages").list.len()
    conditions = [
        (pl.lit(value == "none") & column.is_null()) | (column == value)
        for column, value in (
            (pl.col("created_at").dt.strftime("%Y-%m"), where.month),
            *((pl.col(name), getattr(where, name)) for name in ("language", "label", "source")),
        )
        if value is not None
    ]
    if where.turns is not None:
        conditions.append(turns.is_between(*_between(where.turns)))
    if not conditions:
        return closed
    rows = finished_table("ingested/conversations").filter(conditions).select("row_id")
    return closed.join(rows, on="row_id", how="semi", maintain_order="left")


def _between(turns: str) -> tuple[int, int]:
    first, _, last = turns.removesuffix("+").partition("-")
    if not first.isdigit() or not (last or first).isdigit():
        raise QiratError(f"--turns {turns}: expected a number of turns, such as 2, or from one to another: 3-4, 33+")
    return int(first), 2**31 if turns.endswith("+") else int(last or first)


def _refuse_unknown(code: str, ledger: pl.DataFrame, carrying: pl.Series) -> None:
    """A code that no row carries may be mistyped: told, unless a check has it."""
    if carrying.explode().drop_nulls().len():
        return
    checks = read_codes() if CODES.exists() else {}
    known = {*checks, *ledger["code"].drop_nulls(), *ledger["contributing"].explode().drop_nulls()}
    if code not in known:
        raise QiratError(f"no check and no row has the code {code!r}{meant(code, known)}; the codes: docs/checks.md")


def _ledger() -> pl.DataFrame:
    """The ledger, with what the gate adds: clean rows that the base model cannot learn."""
    ledger, excluded = finished_table("ledger"), table_path("gate/excluded")
    return pl.concat([ledger, pl.read_parquet(excluded)]) if excluded.exists() else ledger


def _story(ledger: pl.DataFrame, row_id: str, shown: Shown) -> Iterator[str]:
    events = ledger.filter(pl.col("row_id") == row_id)
    end = closings(events).row(0, named=True)
    yield _closing(end, shown)
    yield from _place(row_id)
    if end["outcome"] in PARTS:
        for whole in _wholes(row_id):
            yield from _story(ledger, whole, shown)
        return
    none = "it could not be read" if end["outcome"] == "quarantined" else "its words are forgotten"
    yield f"  conversation {end['conversation_id'] or f'(none: {none})'}, closed by {end['stage']}"
    yield from _findings(events, end["conversation_id"], shown)
    yield from _curated(row_id)
    yield from _whereabouts(end["conversation_id"])
    yield from _words(row_id, shown)
    if end["outcome"] == "duplicate":
        yield from _copy(row_id, shown)


def _place(row_id: str) -> Iterator[str]:
    """Where the row stands in a JSON document that has several lists of rows."""
    path, (file, _, number) = table_path("ingested/files"), row_id.rpartition(":")
    if number.isdigit() and path.exists():
        lists = pl.scan_parquet(path).filter(pl.col("source_file") == file).select("lists").collect()["lists"]
        if told := place_of(int(number), [Place(**place) for of_file in lists.drop_nulls() for place in of_file]):
            yield f"  {told} in {file}"


def _wholes(row_id: str) -> pl.Series:
    """The row_id of the conversation, or of the unreadable row, that this row is part of."""
    path = table_path("ingested/parts")
    if not path.exists():
        raise QiratError(f"{path} is missing; run `dvc repro ingest` first")
    return pl.scan_parquet(path).filter(pl.col("row_id") == row_id).select("part_of").collect()["part_of"]


def _findings(events: pl.DataFrame, conversation_id: str | None, shown: Shown) -> Iterator[str]:
    serious = events.filter(pl.col("outcome") == FINDING)
    for event in serious.iter_rows(named=True):
        yield _finding(event["stage"], event, shown)
    if shown.every and conversation_id:
        known = set(serious.filter(pl.col("stage") == "score")["code"])
        for finding in _judged(conversation_id).filter(~pl.col("code").is_in(known)).iter_rows(named=True):
            yield _finding("score", finding, shown) + " (decides nothing)"


def _judged(conversation_id: str) -> pl.DataFrame:
    """All that the checks saw in a conversation, beside the limits of the policy."""
    policy = in_force(load_params("route", Route), read_codes())
    found = judged(finished_table("scored/findings"), policy, finished_table("routed/verdicts").height)
    return found.filter(pl.col("conversation_id") == conversation_id)


def _finding(stage: str, finding: Mapping[str, Any], shown: Shown) -> str:
    if finding["code"] == "masked":
        return f"  {stage} put tags for {finding['evidence']}"
    evidence = f": {shown.text(finding['evidence'])}" if finding["evidence"] else ""
    return f"  {stage} found {finding['code']}{_measured(finding)}{evidence}"


def _measured(event: Mapping[str, Any]) -> str:
    """What was measured and the policy's limit, where there is anything to measure."""
    limit = "" if event["threshold"] is None else f", limit {event['threshold']:g}"
    return "" if event["value"] is None else f" (value {event['value']:g}{limit})"


def _curated(row_id: str) -> Iterator[str]:
    """Under which id the words went into the curated set, where they were edited or masked on the way."""
    for key in _reworded().filter(pl.col("row_id") == row_id)["conversation_id"]:
        yield f"  the curated set has it in other words, as {key}"


def _reworded() -> pl.DataFrame:
    """row_id and conversation_id of curated rows whose words are not those that were read."""
    path = table_path("curated/conversations")
    if not path.exists():
        return pl.DataFrame(schema={"row_id": pl.String, "conversation_id": pl.String})
    changed = pl.col("parent_id") != pl.col("conversation_id")
    return pl.scan_parquet(path).filter(changed).select("row_id", "conversation_id").collect()


def _whereabouts(conversation_id: str | None) -> Iterator[str]:
    for part in SPLITS:
        path = table_path(f"splits/{part}")
        if conversation_id and path.exists():
            there = pl.read_parquet(path, columns=["conversation_id", "parent_id"])
            if there.filter(pl.any_horizontal(pl.all() == conversation_id)).height:
                yield f"  it is in {part}"


def _words(row_id: str, shown: Shown) -> Iterator[str]:
    conversations = finished_table("ingested/conversations").filter(pl.col("row_id") == row_id)
    for row in conversations.iter_rows(named=True):
        labelled = f", label {shown.text(row['label'])}" if row["label"] else ""
        yield f"  read as {row['source']}, language {row['language']}{labelled}"
        for turn, m in enumerate(shown.messages(row["messages"]), 1):
            said = "\n".join(part for part in (m["content"], m.get("tool_calls")) if part)
            indented = said.replace("\n", "\n      ")
            yield f"  {turn:>3} {m['role']}: {indented}"
    for raw in finished_table("ingested/quarantine").filter(pl.col("row_id") == row_id)["raw"].drop_nulls():
        yield f"  as it stood in the file: {shown.text(raw)}"


def _copy(row_id: str, shown: Shown) -> Iterator[str]:
    """The row that stands for this one, and where the two differ."""
    clusters = finished_table("dedup/clusters").filter(pl.col("row_id") == row_id)
    for kept in clusters["duplicate_of"].drop_nulls():
        both = finished_table("ingested/conversations").filter(pl.col("row_id").is_in([row_id, kept]))
        messages = dict(both.select("row_id", "messages").iter_rows())
        here, there = messages[row_id], messages[kept]
        lines = difference(shown.messages(here), shown.messages(there))
        if lines:
            yield f"  {kept} stands for it; where they differ, [-only here-] {{+only there+}}:"
            yield from (f"  {line}" for line in lines)
        else:
            same = "only in personal data (--show-personal-data)" if difference(here, there) else "in no word"
            yield f"  {kept} stands for it and differs {same}"


def _closing(end: Mapping[str, Any], shown: Shown) -> str:
    code = f" for {end['code']}" if end["code"] else ""
    code += f" and also for {', '.join(end['contributing'])}" if end["contributing"] else ""
    evidence = f" ({shown.text(end['evidence'])})" if end["evidence"] else ""
    return f"{end['row_id']}: {end['outcome']}{code}{evidence}"
