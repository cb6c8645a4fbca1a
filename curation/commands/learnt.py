"""Which models learnt from rows that are to be forgotten: adapters, exports of them, trainings that were stopped.

An adapter lies beside the list of the rows that it saw. What `qirat export` writes, and the checkpoint of a training
that was killed, have no such list, but say what they were made from: the same data, base and recipe as an adapter with
a list are the same rows. Of what names nothing that is here nobody can tell: it may have seen any row.
"""

import hashlib
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curation.commands.diff import read_at, revisions_of
from curation.commands.traces import project_files
from curation.core.record.conversation import canonical_json
from curation.harness.errors import QiratError
from curation.harness.memory import remembered_json

ADAPTER = "models/adapter"  # what dvc.yaml calls the adapter, in every version
# What lies in the folder of a model that Qirat trained, by training.model.adapter, training.commands.export and
# training.train.checkpoints.
TRAINED_ON = "trained_on.parquet"  # row_id, conversation_id, parent_id
PROVENANCE = "provenance.json"  # what an adapter was made from
EXPORT = "export.json"  # names the adapter by the SHA-256 of its provenance
CERTIFICATE = "certificate.json"  # what the checkpoints in the folders beside it are made from
CONFIG = "adapter_config.json"
MADE_FROM = ("data", "params")  # of provenance and certificate: hashes of the tokens; base, profile, seed and recipe
UNKNOWN = f"it keeps no {TRAINED_ON}, and no list here is of the same data and recipe, so it may have seen any row"


@dataclass(frozen=True)
class Learnt:
    """A folder with a model that saw such rows, or of which nobody can tell."""

    folder: Path
    said: str


def adapters_of(rows: pl.DataFrame, words: Set[str]) -> Iterator[str]:
    """Models of this folder, and adapters of earlier commits, that were trained on any of the rows."""
    found = [f"{model.folder}: {model.said}" for model in models_of(rows, words)]
    for revision in revisions_of(ADAPTER):
        try:
            count = _seen(read_at(revision, Path(ADAPTER) / TRAINED_ON), rows, words)
        except QiratError:
            found.append(f"{ADAPTER} of commit {revision}: no {TRAINED_ON} at hand, so it may have seen any row")
            continue
        if count:
            found.append(f"{ADAPTER} of commit {revision}: trained on {count:,} of these rows")
    if rows.height or words:
        yield "Adapters that learnt from them:" if found else "No adapter here learnt from them."
        yield from (f"  {line}" for line in found)


def models_of(rows: pl.DataFrame, words: Set[str]) -> list[Learnt]:
    """The models anywhere in this project that were trained on any of the rows, or may have been."""
    lying = _folders()
    listed = {folder: pl.read_parquet(folder / TRAINED_ON) for folder, names in lying.items() if TRAINED_ON in names}
    counted = {folder: _seen(listing, rows, words) for folder, listing in listed.items()}
    by_origin = {origin: count for folder, count in counted.items() for origin in _origins(folder, lying[folder])}
    found = []
    for folder, names in lying.items():
        known = [by_origin[origin] for origin in _origins(folder, names) if origin in by_origin]
        count = counted.get(folder, max(known, default=None))
        if count is None:
            found.append(Learnt(folder, UNKNOWN))
        elif count:
            found.append(Learnt(folder, f"trained on {count:,} of these rows"))
    return found


def _folders() -> dict[Path, set[str]]:
    """Each folder that holds a trained model, with the names there that tell of what it was made."""
    lying: dict[Path, set[str]] = {}
    for path in project_files():
        if path.name in (TRAINED_ON, PROVENANCE, EXPORT, CONFIG):
            lying.setdefault(path.parent, set()).add(path.name)
    return {folder: names for folder, names in sorted(lying.items()) if names != {TRAINED_ON}}


def _origins(folder: Path, names: Set[str]) -> Iterator[str]:
    """By what a model is known to be another with the same rows: what it was made from, and its whole provenance."""
    if (made := remembered_json(folder / PROVENANCE)) and PROVENANCE in names:
        yield from (_hash(made), _hash({name: made.get(name) for name in MADE_FROM}))
    elif exported := remembered_json(folder / EXPORT):
        yield str(exported.get("adapter"))
    elif made := remembered_json(folder.parent / CERTIFICATE):
        yield _hash({name: made.get(name) for name in MADE_FROM})


def _hash(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _seen(trained_on: pl.DataFrame, rows: pl.DataFrame, words: Set[str]) -> int:
    """How many rows of an adapter are among these, by place or by words."""
    known = sorted(words)
    mine = pl.col("row_id").is_in(rows["row_id"].implode()) | pl.col("conversation_id").is_in(known)
    return trained_on.filter(mine | pl.col("parent_id").is_in(known).fill_null(False)).height
