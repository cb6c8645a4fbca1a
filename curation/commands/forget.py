"""What a rule of data/forget.jsonl removes, what else still holds the words, and what to do next: `qirat forget`."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from curation.commands.diff import read_at, revisions_of
from curation.decisions import answers, gold
from curation.decisions.decisions import PATH as DECISIONS
from curation.decisions.decisions import read_decisions, write_decisions
from curation.decisions.forget import PATH, ForgetRule, forgotten, forgotten_words, read_rules, write_rules
from curation.harness.errors import QiratError
from curation.harness.files import finished_table, table_path
from curation.record.conversation import WORDS
from curation.record.naming import called
from curation.text.folding import fold, folded

MODELS = Path("models")
ADAPTER = "models/adapter"  # what dvc.yaml calls the adapter, in every version
TRAINED_ON = "trained_on.parquet"  # beside an adapter, by training.model.adapter: row_id, conversation_id, parent_id
NAMED = 3  # rows named as examples

NEXT = """Next:
  git add {path} && dvc repro      the next version has no such row, in no table and no report
  stop serving the adapters named above; `dvc repro` trains another without these rows
  qirat review push                retires the records that nobody answered; delete the others in Argilla
  .qirat/argilla/backups           delete the backups of Argilla from before, or let them run out
  rm -r data/cache                 what stages remember from earlier runs
  data/raw still holds the rows: delete them from the exports too where the law asks for erasure. Earlier versions stay
  in git, in DVC's cache and in its remote; `dvc gc --workspace --cloud` deletes all of them but the present one."""


def forget(wanted: ForgetRule, said: str, write: bool) -> str:
    """What the rule would remove and what else holds such rows; writes the rule only when asked to."""
    rules = read_rules()
    conversations = finished_table("ingested/conversations")
    named = forgotten(conversations, frozenset({wanted}))
    rows = conversations.filter(named)
    words = forgotten_words(conversations, frozenset({wanted}))
    lines = [*_removed(rows), *_spoken_of(wanted, said, conversations, rows), *_adapters(rows)]
    lines += [f"{told} leave {path}." for told, path, _ in _of_review(words)]
    if not write:
        return "\n".join([*lines, "", "Nothing was written; say it again with --yes to write the rule."])
    with answers.alone():
        write_rules({*rules, wanted})
        for _, _, leave in _of_review(words):
            leave()
    done = f"{PATH} has the rule{' already' if wanted in rules else ' now'}."
    return "\n".join([*lines, "", done, NEXT.format(path=PATH)])


def rules_in_force() -> str:
    """The rules there are, and the adapters that learnt from rows left out by them."""
    rules = read_rules()
    counts = {kind: sum(rule.forget == kind for rule in rules) for kind in sorted({rule.forget for rule in rules})}
    named = ", ".join(f"{count:,} by {kind}" for kind, count in counts.items()) or "none"
    lines = [f"{PATH}: {len(rules):,} rules ({named})"]
    quarantine = table_path("ingested/quarantine")
    if rules and quarantine.exists():
        left_out = pl.read_parquet(quarantine).filter(pl.col("code") == "forgotten").select("row_id")
        lines += [f"{left_out.height:,} raw rows are left out", *_adapters(left_out)]
    return "\n".join(lines)


def whole_id(beginning: str) -> str:
    """The id of the words as they were read, by the beginning of it or of that of their edited or masked form."""
    named = finished_table("ingested/conversations").select("conversation_id", read_as="conversation_id")
    path = table_path("curated/conversations")
    if path.exists():
        reworded = pl.read_parquet(path, columns=["conversation_id", "parent_id"]).drop_nulls()
        named = pl.concat([named, reworded.select("conversation_id", read_as="parent_id")])
    found = called(beginning, named, "conversations", "as it was read or as it is curated")["read_as"].unique()
    if len(found) != 1:
        raise QiratError(f"{len(found):,} conversations begin with {beginning!r}; give the id that one was read under")
    return str(found[0])


def _of_review(words: Collection[str]) -> Iterator[tuple[str, Path, Callable[[], None]]]:
    """What leaves which file of the review, and how: whatever people said of these words."""
    held: tuple[tuple[str, Path, Sequence[Any], Callable[[Any], None]], ...] = (
        ("decisions, which may hold corrected words,", DECISIONS, read_decisions(), write_decisions),
        ("answers, which may hold corrected words,", answers.PATH, answers.read_answers(), answers.write_answers),
        ("gold marks", gold.PATH, gold.read_gold(), gold.write_gold),
    )
    for what, path, lines, write in held:
        kept = [line for line in lines if line.conversation_id not in words]
        if fewer := len(lines) - len(kept):
            yield f"{fewer:,} {what}", path, partial(write, kept)


def _removed(rows: pl.DataFrame) -> Iterator[str]:
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
    spoken = [
        pl.col("messages").list.eval(pl.element().struct.field(part).drop_nulls()).list.join("\n") for part in WORDS
    ]
    text = pl.concat_str([*spoken, pl.col("metadata").fill_null("")], separator="\n")
    whole_word = rf"(?:^|\W){pl.escape_regex(fold(said))}(?:\W|$)"
    others = conversations.join(rows, on="row_id", how="anti")
    named = others.filter(folded(text).str.contains(whole_word))
    if named.height:
        shown = ", ".join(named["row_id"].sort().head(NAMED))
        yield f"{named.height:,} further rows name them in words or metadata and stay (first: {shown});"
        yield "  look with `qirat why ROW`, forget with `qirat forget --conversation ID`"


def _adapters(rows: pl.DataFrame) -> Iterator[str]:
    """Adapters of this folder, and of earlier commits, that were trained on any of the rows."""
    found = []
    for folder in sorted({p.parent for p in MODELS.rglob("adapter_config.json")}):
        listing = folder / TRAINED_ON
        if not listing.exists():
            found.append(f"{folder}: it keeps no {TRAINED_ON}, so it may have seen any row")
        elif count := _seen(pl.read_parquet(listing), rows):
            found.append(f"{folder}: trained on {count:,} of these rows")
    for revision in revisions_of(ADAPTER):
        try:
            count = _seen(read_at(revision, Path(ADAPTER) / TRAINED_ON), rows)
        except QiratError:
            found.append(f"{ADAPTER} of commit {revision}: no {TRAINED_ON} at hand, so it may have seen any row")
            continue
        if count:
            found.append(f"{ADAPTER} of commit {revision}: trained on {count:,} of these rows")
    if rows.height:
        yield "Adapters that learnt from them:" if found else "No adapter here learnt from them."
        yield from (f"  {line}" for line in found)


def _seen(trained_on: pl.DataFrame, rows: pl.DataFrame) -> int:
    """How many rows of an adapter are among these, by place or by words."""
    mine = pl.col("row_id").is_in(rows["row_id"].implode())
    if "conversation_id" in rows.columns:
        words = rows["conversation_id"].implode()
        mine = mine | pl.col("conversation_id").is_in(words) | pl.col("parent_id").is_in(words).fill_null(False)
    return trained_on.filter(mine).height
