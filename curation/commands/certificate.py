"""Are they gone, and where from? `qirat forget --prove` opens every file and says what it saw, and what it could not.

Each place has its cure. What no command here can reach is listed by finding it where it lies in the project, and by
name where it lies elsewhere: remotes, clones, other servers.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curation.commands.argilla import Argilla, elsewhere
from curation.commands.history import git_remotes
from curation.commands.learnt import ADAPTER, TRAINED_ON, adapters_of, models_of
from curation.commands.traces import Known, Scan, dvc_cache, known_of, remotes, scan
from curation.core.text.identity import identity
from curation.decisions.forget import PATH, ForgetRules
from curation.harness.errors import QiratError

SHOWN = 3  # files of a place that are named
WEIGHTS = "adapter_model.safetensors"
NO_ROWS = pl.DataFrame(schema={"row_id": pl.String})


@dataclass(frozen=True)
class Place:
    """Where something of theirs may stand: files below a folder, and what takes it out of them."""

    name: str
    below: tuple[str, ...]
    cure: str


def places() -> tuple[Place, ...]:
    """All places, the first that a file is below counts."""
    return (
        Place("people's decisions and answers", ("data/review",), "`qirat forget --yes`"),
        Place("raw exports", ("data/raw",), "delete the rows there; Qirat never changes an export"),
        Place("evaluation sets", ("data/evaluation",), "delete the rows there; rules leave these sets as they are"),
        Place("what stages remember", ("data/cache",), "`rm -r data/cache`"),
        Place("tables and metrics", ("data", "metrics"), "`dvc repro`; delete what lies behind where the road stops"),
        Place("reports", ("reports",), "`dvc repro`; delete them where the road stops before the report"),
        Place("adapters and what lies beside them", ("models",), "`dvc repro`, or delete them; stop serving them"),
        Place("DVC's cache", (dvc_cache().as_posix(),), "`dvc exp remove --all-commits`, `dvc gc --workspace`"),
        Place("DVC's own notes", (".dvc",), "`dvc exp remove --queue`, or delete the file"),
        Place("backups of Argilla", (".qirat/argilla/backups",), "delete them"),
        Place(
            "Argilla's database, freed pages too",
            (".qirat",),
            "delete the records in Argilla, `qirat review stop`, then `sqlite3 FILE 'VACUUM'`; delete logs",
        ),
        Place("files exported or handed out", ("",), "delete them, and every copy that was given away"),
    )


HISTORY = {
    "history": ("versions in git's branches and tags", "`git filter-repo --path FILE --invert-paths`, or live with it"),
    "experiments": ("versions in refs of experiments", "`dvc exp remove --all-commits`, then `git gc --prune=now`"),
    "unreachable": ("versions in git that nothing points to", "`git gc --prune=now`, after `git reflog expire --all`"),
}


def prove(rules: ForgetRules, said: str = "") -> tuple[str, bool]:
    """The certificate, and whether nothing of theirs was found. `said`: the customer, where one was named."""
    if not rules:
        raise QiratError(f"{PATH} has no rule to prove; write one with `qirat forget ... --yes`")
    known = _known(rules, said)
    found, argilla = scan(known), elsewhere(known)
    by_place = [*_by_place(found), *_by_history(found), *_by_model(known), *argilla.lines]
    lines = [*_asked(rules, known, found, said), "", *by_place, "", *_trained(known)]
    gone = not any(map(_holds, by_place))
    verdict = (
        "Nothing of theirs is left in any file of this project, nor in its history."
        if gone
        else "Something of theirs is left where HELD stands above; take it out and ask again."
    )
    return "\n".join([*lines, "", *_not_looked_into(found, argilla), "", verdict]), gone


def what_holds_them(rules: ForgetRules, said: str = "") -> str:
    """Every place that holds something of theirs, with what takes it out; what `forget` itself cannot reach."""
    known = _known(rules, said)
    found, argilla = scan(known), elsewhere(known)
    held = filter(_holds, (*_by_place(found), *_by_history(found), *_by_model(known), *argilla.lines))
    return "\n".join(["What still holds something of theirs:", *held, *_not_looked_into(found, argilla)])


def _holds(line: str) -> bool:
    return line.startswith("  HELD")


def _known(rules: ForgetRules, said: str) -> Known:
    me = identity(said)
    return known_of(rules, "" if "@" in me or not any(c.isalpha() for c in me) else said)


def _asked(rules: ForgetRules, known: Known, found: Scan, said: str) -> Iterator[str]:
    yield f"{len(rules):,} rules of {PATH} (SHA-256 {_sha256(PATH)})"
    yield (
        f"looked for: {len(known.words):,} conversations by id, {len(known.hashes):,} customers by address or phone, "
        f"{len(known.said):,} pieces of what nobody else said"
    )
    named = any(rule.forget == "customer" for rule in rules)
    if named and not said:
        yield "a name is a hash in the rules, and no file tells which: name them with --customer to look for it"
    yield f"looked into: {found.files:,} files, {found.bytes / 2**20:,.1f} MiB, packed ones unpacked"


def _by_place(found: Scan) -> Iterator[str]:
    left = list(found.held)
    for place in places():
        held = [path for path in left if any(_is_below(path, folder) for folder in place.below)]
        left = [path for path in left if path not in held]
        if held:
            yield f"  HELD  {place.name}: {_listed(held)}; {place.cure}"
        else:
            yield f"  gone  {place.name}"


def _is_below(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def _by_history(found: Scan) -> Iterator[str]:
    for where, (name, cure) in HISTORY.items():
        held = sorted({blob.path or "unnamed" for blob in found.history if blob.where == where})
        yield f"  HELD  {name}: {_listed(held)}; {cure}" if held else f"  gone  {name}"


def _by_model(known: Known) -> Iterator[str]:
    """Models hold no words that a scan could find."""
    if learnt := models_of(NO_ROWS, known.words):
        folders = _listed([model.folder.as_posix() for model in learnt])
        yield f"  HELD  models that learnt from them, or may have: {folders}; delete them, `dvc repro` trains another"
    else:
        yield "  gone  models that learnt from them"


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - SHOWN:,} more" if len(paths) > SHOWN else ""
    return f"{', '.join(paths[:SHOWN])}{more}"


def _trained(known: Known) -> Iterator[str]:
    """The adapters that learnt from them, and the hashes of the present one with what it learnt from."""
    yield from adapters_of(NO_ROWS, known.words)
    folder = Path(ADAPTER)
    if (folder / TRAINED_ON).exists():
        rows = pl.read_parquet(folder / TRAINED_ON)
        ids = {*rows["conversation_id"], *rows["parent_id"].drop_nulls()}
        yield f"{ADAPTER}: {rows.height:,} rows, {len(ids & known.words):,} of theirs"
        yield f"  {TRAINED_ON}: SHA-256 {_sha256(folder / TRAINED_ON)}"
        if (folder / WEIGHTS).exists():
            yield f"  {WEIGHTS}: SHA-256 {_sha256(folder / WEIGHTS)}"


def _not_looked_into(found: Scan, argilla: Argilla) -> Iterator[str]:
    """What was not looked into, by name."""
    yield "Not looked into:"
    if found.unread:
        yield f"  files that cannot be read: {_listed(found.unread)}"
    if there := remotes():
        yield f"  DVC's remotes: {', '.join(there)}; `dvc gc --workspace --cloud`"
    if there := git_remotes():
        yield f"  git's remotes, and whoever cloned them: {', '.join(there)}"
    yield f"  {argilla.unread}, adapters that are served, backups of this machine, files that were given away"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
