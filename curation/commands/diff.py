"""What entered and left between two versions of the data, and why: `qirat diff REV`.

A version is a git revision whose dvc.lock names its tables; their bytes come from DVC's cache or remote.
"""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from curation.core.record.ledger import outcomes
from curation.harness.dvc import locked
from curation.harness.errors import QiratError
from curation.harness.files import table_path

USED = ("accepted", "kept", "edited")
SHOWN = 20  # ways from one state to another that the text names, of those that change the curated set
ASIDE = 5  # and of the others
STATES = pl.Schema(
    {
        "conversation_id": pl.String(),  # of the words as they were read; null: could not be read
        "row_id": pl.String(),  # the row that stands for it
        "rows": pl.List(pl.String),  # all of them, copies too
        "state": pl.String(),
        "used": pl.Boolean(),
        "words": pl.String(),  # conversation_id of the words in the curated set
    }
)


def diff(old: str, new: str | None = None, examples: int = 2) -> dict[str, Any]:
    """How every conversation of two versions fared; `new` is the workspace unless named."""
    before, after = version(old), version(new)
    changes = changed(before, after)
    used = (pl.col("used"), pl.col("used_now"))
    return {
        "from": old,
        "to": new or "the workspace",
        "curated": [int(before["used"].sum()), int(after["used"].sum())],
        "entered": changes.filter(~used[0] & used[1]).height,
        "left": changes.filter(used[0] & ~used[1]).height,
        "reworded": changes.filter(used[0] & used[1] & (pl.col("words") != pl.col("words_now"))).height,
        "changes": _ways(changes, examples),
    }


# -- a version ---------------------------------------------------------------------------------------------------------


def version(revision: str | None) -> pl.DataFrame:
    """STATES of one version: one row a conversation, and one for each raw row that could not be read."""
    return states(read(revision, "ledger"), read(revision, "curated/conversations"))


def read(revision: str | None, table: str) -> pl.DataFrame:
    """A table as it was at a git revision, or as it lies in the workspace."""
    path = table_path(table)
    if revision is None:
        if not path.exists():
            raise QiratError(f"{path} is missing; run `dvc repro curate` or `dvc checkout`")
        return pl.read_parquet(path)
    return read_at(revision, path)


def read_at(revision: str, path: Path) -> pl.DataFrame:
    """A Parquet file that DVC tracks, as it was at a git revision."""
    import dvc.api
    from dvc.exceptions import DvcException
    from dvc_data.index import DataIndexError

    if not any(_versions(_lock_at(revision), str(place)) for place in (path, *path.parents)):
        raise QiratError(
            f"the revision {revision} has no {path}: its dvc.lock names none. Choose a revision at which `dvc repro` "
            "had run and dvc.lock was committed"
        )
    try:
        # At a revision DVC counts paths from the top of the git repository, of which this folder may be a part.
        below = _git("rev-parse", "--show-prefix").removesuffix("\n")
        with dvc.api.open(below + path.as_posix(), rev=revision, mode="rb") as file:
            return pl.read_parquet(file.read())
    except (DvcException, DataIndexError, FileNotFoundError):
        raise QiratError(
            f"{path} of {revision} is in neither DVC's cache nor a remote; `dvc fetch -A` where a remote has "
            "it, or `dvc repro` at that revision, brings it back"
        ) from None


def _lock_at(revision: str) -> str:
    """dvc.lock as it was; "" where there was none."""
    if not _git("rev-parse", "--git-dir"):
        raise QiratError("versions of the data are told apart by git and DVC, and this folder is in no git repository")
    if not _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"):
        raise QiratError(f"git knows no revision {revision!r}; `git log --oneline` and `git tag` list them")
    return _git("show", f"{revision}:./dvc.lock")


def states(ledger: pl.DataFrame, curated: pl.DataFrame) -> pl.DataFrame:
    """STATES out of the tables of one version. Of copies, the row that stands for them speaks."""
    words = curated.select(
        conversation_id=pl.coalesce("parent_id", "conversation_id"), words=pl.col("conversation_id")
    ).unique("conversation_id", keep="first", maintain_order=True)
    closed = (
        outcomes(ledger)
        .with_columns(copy=pl.col("outcome") == "duplicate", state=_state(), used=pl.col("outcome").is_in(USED))
        .sort("copy", "row_id")
    )
    # Rows that could not be read have no words to be the same by: each is one of its own.
    each = pl.coalesce("conversation_id", pl.format("row {}", "row_id"))
    rows = closed.group_by(key=each, maintain_order=True).agg(
        *(pl.col(name).first() for name in ("conversation_id", "row_id", "state", "used")), rows=pl.col("row_id")
    )
    return (
        rows.join(words, on="conversation_id", how="left")
        .select(pl.col(name).cast(dtype) for name, dtype in STATES.items())
        .sort("row_id")
    )


def _state() -> pl.Expr:
    outcome, code = pl.col("outcome"), pl.col("code")
    return (
        pl.when(code == "forgotten")
        .then(pl.lit("forgotten"))
        .when(outcome.is_in(["dropped", "held"]) & code.is_not_null())
        .then(pl.format("{} for {}", outcome, code))
        .otherwise(outcome)
    )


# -- between two -------------------------------------------------------------------------------------------------------


def changed(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Conversations whose state or words differ: the columns of STATES, and what they are now as `<column>_now`."""
    both = keyed(before, after).join(keyed(after, before), on="key", how="full", suffix="_now", coalesce=True)
    named = both.with_columns(
        pl.col("state").fill_null("not there"),
        pl.col("state_now").fill_null("gone from raw"),
        pl.col("used", "used_now").fill_null(False),
        row_id=pl.coalesce("row_id_now", "row_id"),
    )
    differ = (pl.col("state") != pl.col("state_now")) | (pl.col("words") != pl.col("words_now")).fill_null(False)
    return named.filter(differ).sort("row_id")


def keyed(version: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """STATES with `key`, by which two versions match: the same words are the same conversation, wherever they stand.

    A row that cannot be read has no words here; it is what the other version has in its place, and no change where
    these words still stand in another row.
    """
    there = other.drop_nulls("conversation_id").select(there="conversation_id", row_id="rows").explode("row_id")
    place = pl.format("row {}", "row_id")
    named = version.join(there, on="row_id", how="left").with_columns(
        key=pl.coalesce("conversation_id", "there", place)
    )
    return named.sort("conversation_id", "row_id", nulls_last=True).unique("key", keep="first", maintain_order=True)


def _ways(changes: pl.DataFrame, examples: int) -> list[dict[str, Any]]:
    """Rows by what they were and are; those that change the curated set first, then the most travelled."""
    ways = changes.group_by("state", "state_now", "used", "used_now").agg(
        rows=pl.len(), examples=pl.col("row_id").sort().head(examples)
    )
    ordered = ways.with_columns(matters=pl.col("used") != pl.col("used_now")).sort(
        "matters", "rows", "state", "state_now", descending=[True, True, False, False]
    )
    return [
        {"from": w["state"], "to": _now(w), "matters": w["matters"], "rows": w["rows"], "examples": w["examples"]}
        for w in ordered.iter_rows(named=True)
    ]


def _now(way: Mapping[str, Any]) -> str:
    return f"{way['state_now']} in other words" if way["state"] == way["state_now"] else str(way["state_now"])


def revisions_of(path: str) -> list[str]:
    """For each other version of a stage's output than the present one: the latest commit whose dvc.lock names it."""
    lock = Path("dvc.lock")
    seen = _versions(lock.read_text("utf-8") if lock.exists() else "", path)
    found = []
    for revision in _git("log", "--all", "--format=%h", "--", "dvc.lock").split():
        if new := _versions(_git("show", f"{revision}:./dvc.lock"), path) - seen:
            seen |= new
            found.append(revision)
    return found


def _versions(lock: str, path: str) -> set[str]:
    """The hashes under which a dvc.lock knows an output: one, or none."""
    return {
        str(out.get("md5")) for stage in locked(lock).values() for out in stage.get("outs") or () if out["path"] == path
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


# -- for people --------------------------------------------------------------------------------------------------------


def as_text(answer: Mapping[str, Any]) -> str:
    """The answer as a person reads it."""
    old, new = answer["curated"]
    lines = [
        f"from {answer['from']} to {answer['to']}",
        f"curated conversations: {old:,} -> {new:,} ({answer['entered']:,} entered, {answer['left']:,} left, "
        f"{answer['reworded']:,} stayed in other words)",
    ]
    if not answer["changes"]:
        return "\n".join([*lines, "", "No row fared otherwise."])
    lines += _listed([way for way in answer["changes"] if way["matters"]], SHOWN)
    if aside := [way for way in answer["changes"] if not way["matters"]]:
        lines += ["", "neither entered nor left:", *_listed(aside, ASIDE)]
    return "\n".join([*lines, "", "`qirat why ROW` tells the whole story of a row as it is now"])


def _listed(ways: Sequence[Mapping[str, Any]], most: int) -> Iterator[str]:
    for way in ways[:most]:
        yield f"{way['rows']:>8,}  {way['from']} -> {way['to']}"
        yield f"{'':>10}e.g. {', '.join(way['examples'])}"
    if rest := ways[most:]:
        yield f"{sum(way['rows'] for way in rest):>8,}  in {len(rest):,} other ways (--json lists them)"
