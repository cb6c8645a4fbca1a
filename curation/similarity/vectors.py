"""Vectors of what conversations say, on disk: those of a large set are larger than all that its checks hold."""

import mmap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.harness.errors import QiratError

SIDES = ("vector", "reply")  # of what the customer says, and of what the team replies
UNUSABLE = "some conversations have no usable vector; run `dvc repro embed -f`"

Matrix = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Rows of a matrix in an order of their own, each read when it is asked for: rows[places] is a copy of some."""

    matrix: Matrix
    places: Indices
    pages: mmap.mmap | None = None  # that hold the matrix, where it is a file's

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.places), self.matrix.shape[1]

    def __getitem__(self, which: slice | Indices) -> Matrix:
        found: Matrix = self.matrix[self.places[which]]
        if self.pages is not None and hasattr(mmap, "MADV_DONTNEED"):  # else all that was ever read counts as ours
            self.pages.madvise(mmap.MADV_DONTNEED)
        return found


@dataclass(frozen=True)
class Vectors:
    """Of conversations, both SIDES."""

    places: pl.DataFrame  # conversation_id, and in which row of its matrix each side lies
    matrices: Mapping[str, Matrix]
    pages: Mapping[str, mmap.mmap]  # of those that are files

    @classmethod
    def of(cls, table: pl.DataFrame) -> "Vectors":
        """In memory, of conversation_id, vector and reply."""
        return cls(_places([table["conversation_id"]]), {side: _usable(table[side]) for side in SIDES}, {})

    @classmethod
    def on_disk(cls, folder: Path, parts: Iterable[pl.DataFrame]) -> "Vectors":
        """The same, which come in parts and are put into the folder."""
        ids, width = list[pl.Series](), dict[str, int]()
        for part in parts:
            ids.append(part["conversation_id"])
            for side in SIDES:
                rows = _usable(part[side])
                width[side] = rows.shape[1]
                with (folder / f"{side}.f32").open("ab") as file:
                    file.write(rows.data)
        matrices, pages = dict[str, Matrix](), dict[str, mmap.mmap]()
        if places := sum(map(len, ids)):
            for side in SIDES:
                with (folder / f"{side}.f32").open("rb") as file:
                    pages[side] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                matrices[side] = np.frombuffer(pages[side], np.float32).reshape(places, width[side])
        return cls(_places(ids), matrices, pages)

    def __len__(self) -> int:
        return self.places.height

    def rows(self, conversations: pl.DataFrame, side: str) -> Rows:
        """Those of one side in the order of the conversations, all of which must have one."""
        ids = conversations.select("conversation_id")
        found = ids.join(self.places, on="conversation_id", how="left", maintain_order="left")[side]
        if found.null_count():
            raise QiratError(UNUSABLE)
        return Rows(self.matrices[side], found.to_numpy(), self.pages.get(side))

    def also_of(self, made: pl.DataFrame) -> "Vectors":
        """Those of further conversations too, which speak with vectors of these: `made_of` tells whose customer's words
        each has, and `replies_of` whose replies."""
        said = made.select("conversation_id", "made_of", "replies_of")
        spoken = said.join(self.places.select(made_of="conversation_id", vector="vector"), on="made_of")
        both = spoken.join(self.places.select(replies_of="conversation_id", reply="reply"), on="replies_of")
        return replace(self, places=pl.concat([self.places, both.select(self.places.columns)]))


def _places(ids: Sequence[pl.Series]) -> pl.DataFrame:
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    return pl.concat(ids).alias("conversation_id").to_frame().with_columns(place.alias(side) for side in SIDES)


def _usable(vectors: pl.Series) -> Matrix:
    rows = np.ascontiguousarray(vectors.to_numpy(), np.float32)
    if vectors.null_count() or not np.isfinite(rows).all():
        raise QiratError(UNUSABLE)
    return rows
