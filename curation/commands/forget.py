"""What a rule of data/forget.jsonl removes, what else still holds the words, and what to do next: `qirat forget`."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

import polars as pl

from curation.commands.learnt import adapters_of
from curation.commands.near import NAMED, named_in_words, spelled_nearly
from curation.commands.traces import tables_at_hand, words_by_rule
from curation.core.record.naming import called
from curation.decisions import answers
from curation.decisions.erase import Leaving, named_in_corrections, reviewed, said_of, take_out
from curation.decisions.forget import PATH, ForgetRule, ForgetRules, forgotten, read_rules, write_rules
from curation.harness.errors import QiratError
from curation.harness.files import finished_table, table_path

NEXT = """Next:
  git add {path} data/review && dvc repro      the next version has no such row, in no table and no report
  stop serving the adapters named above; `dvc repro` trains another without these rows
  qirat review push                retires the records that nobody answered; delete the others in Argilla
  qirat forget --prove             then says whether they are gone, and from where not"""


def forget(wanted: ForgetRule, said: str, write: bool) -> str:
    """What the rule would remove and what else holds such rows; carries it out only when asked to."""
    rules = read_rules()
    conversations = finished_table("ingested/conversations")
    named = forgotten(conversations, frozenset({wanted}))
    rows = conversations.filter(named)
    asked = next((one for one in rules if one.key == wanted.key), wanted)
    tables = list(tables_at_hand())
    words = _words_of(frozenset({asked}), tables)[asked]
    lines = [*_removed(rows, words), *_spoken_of(wanted, said, conversations, rows), *adapters_of(rows, words)]
    lines += _of_nobody_known(tables, words)
    lines += [f"{leaving.lines:,} {leaving.what} leave {leaving.path}." for leaving in said_of(words)]
    if not write:
        return "\n".join([*lines, "", "Nothing was written; say it again with --yes to write the rule."])
    _carry_out({**{one: set() for one in rules}, asked: words})
    done = f"{PATH} has the rule{' already' if asked in rules else ' now'}."
    return "\n".join([*lines, "", done, NEXT.format(path=PATH)])


def carry_out() -> str:
    """Carries out the rules that there are, such as came by git: what people said of such words leaves data/review."""
    rules = read_rules()
    words = _words_of(rules)
    gone = _carry_out(words)
    lines = [f"{leaving.lines:,} {leaving.what} left {leaving.path}." for leaving in gone]
    return "\n".join(
        [*lines, f"{PATH}: {len(rules):,} rules are carried out in data/review.", "", NEXT.format(path=PATH)]
    )


def _words_of(rules: ForgetRules, tables: Sequence[pl.DataFrame] | None = None) -> dict[ForgetRule, set[str]]:
    """What each rule takes out of data/review: words that it names or named, and corrections that name a customer.

    Not corrections of words that the data has: somebody else may have said those. Before ingest has run all may be.
    """
    path = table_path("ingested/conversations")
    there = {*pl.read_parquet(path, columns=["conversation_id"])["conversation_id"]} if path.exists() else reviewed()
    found = words_by_rule(rules, tables)
    return {one: words | (named_in_corrections(frozenset({one})) - there) for one, words in found.items()}


@answers.alone()
def _carry_out(words: Mapping[ForgetRule, Set[str]]) -> list[Leaving]:
    """Words first, rules last: whenever this is stopped, the same again finds what is left by the same means."""
    for torn in answers.PATH.parent.glob(".*.partial"):  # of a run that was killed; it may hold their words
        torn.unlink()
    gone = take_out({word for found in words.values() for word in found})
    write_rules(one.remembering(found) for one, found in words.items())
    return gone


def rules_in_force() -> str:
    """The rules there are, the adapters that learnt from rows left out by them, and what people still say of these."""
    rules = read_rules()
    counts = {kind: sum(rule.forget == kind for rule in rules) for kind in sorted({rule.forget for rule in rules})}
    named = ", ".join(f"{count:,} by {kind}" for kind, count in counts.items()) or "none"
    lines = [f"{PATH}: {len(rules):,} rules ({named})"]
    quarantine = table_path("ingested/quarantine")
    words = _words_of(rules) if rules else {}
    every = {word for found in words.values() for word in found}
    if rules and quarantine.exists():
        left_out = pl.read_parquet(quarantine).filter(pl.col("code") == "forgotten").select("row_id")
        lines += [f"{left_out.height:,} raw rows are left out", *adapters_of(left_out, every)]
    held = [f"  {leaving.lines:,} {leaving.what} in {leaving.path}" for leaving in said_of(every)]
    told = ["People's words on them are still there; `qirat forget --yes` takes them out:"] if held else []
    return "\n".join([*lines, *told, *held])


def whole_id(beginning: str) -> str:
    """The id of the words as they were read, by the beginning of it or of that of their edited or masked form."""
    named = finished_table("ingested/conversations").select("conversation_id", read_as="conversation_id")
    path = table_path("curated/conversations")
    if path.exists():
        reworded = pl.read_parquet(path, columns=["conversation_id", "parent_id"]).drop_nulls()
        named = pl.concat([named, reworded.select("conversation_id", read_as="parent_id")])
    held = sorted(reviewed())  # what people said of words that the data has no more
    named = pl.concat([named, pl.DataFrame({"conversation_id": held, "read_as": held}, named.schema)])
    if re.fullmatch("[0-9a-f]{32}", beginning) and beginning not in named["conversation_id"]:
        return beginning
    found = called(beginning, named, "conversations", "as it was read or as it is curated")["read_as"].unique()
    if len(found) != 1:
        raise QiratError(f"{len(found):,} conversations begin with {beginning!r}; give the id that one was read under")
    return str(found[0])


def _removed(rows: pl.DataFrame, words: Set[str]) -> Iterator[str]:
    if gone := len(words - {*rows["conversation_id"]}):
        yield f"{gone:,} conversations of earlier versions, or as they were reworded, are named by this too."
    if rows.is_empty():
        yield "No row of the present data is named by this; the rule would hold for exports to come."
        return
    yield f"{rows.height:,} raw rows ({rows['conversation_id'].n_unique():,} conversations) leave the next version:"
    for file, count in rows.group_by("source_file").len().sort("source_file").iter_rows():
        yield f"  {count:>7,} of {file}"
    curated = table_path("curated/conversations")
    if curated.exists():
        used = pl.read_parquet(curated, columns=["row_id"]).join(rows, on="row_id", how="semi").height
        yield f"{used:,} of them are in the curated set"


def _spoken_of(wanted: ForgetRule, said: str, conversations: pl.DataFrame, rows: pl.DataFrame) -> Iterator[str]:
    """Other conversations that name the customer somewhere: no column says whether they are his or hers."""
    if wanted.forget != "customer":
        return
    others = conversations.join(rows, on="row_id", how="anti")
    named = named_in_words(said, others)
    if named.height:
        shown = ", ".join(named["row_id"].sort().head(NAMED))
        yield f"{named.height:,} further rows name them in words or metadata and stay (first: {shown});"
        yield "  look with `qirat why ROW`, forget with `qirat forget --conversation ID`"
    yield from spelled_nearly(said, others)


def _of_nobody_known(tables: Iterable[pl.DataFrame], words: Set[str]) -> Iterator[str]:
    """What people said of conversations that left the data, and every earlier version of it that is at hand."""
    rows = [frame.select("conversation_id", "parent_id") for frame in tables if "messages" in frame.columns]
    if left := len(reviewed() - words - {key for frame in rows for row in frame.rows() for key in row}):
        yield f"{left:,} conversations that data/review speaks of are in no table here: whose they are is not known."
        yield "  bring earlier tables by `dvc fetch --all-commits`, or forget each: `qirat forget --conversation ID`"
