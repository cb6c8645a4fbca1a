"""Vectors of what conversations say, on disk: those of a large set are larger than all that its checks hold."""

import contextlib
import mmap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.harness.errors import QiratError

SIDES = ("vector", "reply")  # of what the customer says, and of what the team replies
AT_ONCE = 1_000  # rows read before their pages are let go: around each the system reads 64 KB
UNUSABLE = "some conversations have no usable vector; run `dvc repro embed -f`"

Matrix = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stored:
    """A matrix whose rows are copied when they are asked for."""

    matrix: Matrix
    pages: mmap.mmap | None = None  # that hold it, where it lies in a file

    @classmethod
    def on_disk(cls, path: Path, width: int) -> "Stored":
        """The float32 numbers of a file that is not empty, so many a row."""
        with path.open("rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(np.frombuffer(pages, np.float32).reshape(-1, width), pages)

    def __getitem__(self, which: Indices) -> Matrix:
        found = np.empty((len(which), self.matrix.shape[1]), np.float32)
        for start in range(0, len(which), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            found[some] = self.matrix[which[some]]
            if self.pages is not None and hasattr(mmap, "MADV_DONTNEED"):  # else all that was ever read counts as ours
                self.pages.madvise(mmap.MADV_DONTNEED)
        return found


@dataclass(frozen=True)
class Rows:
    """Rows of a stored matrix in an order of their own."""

    stored: Stored
    places: Indices

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.places), self.stored.matrix.shape[1]

    def __getitem__(self, which: slice | Indices) -> Matrix:
        return self.stored[self.places[which]]


@dataclass(frozen=True)
class Vectors:
    """Of conversations, both SIDES."""

    places: pl.DataFrame  # conversation_id, and in which row of its matrix each side lies
    matrices: Mapping[str, Stored]

    @classmethod
    def of(cls, table: pl.DataFrame) -> "Vectors":
        """In memory, of conversation_id, vector and reply."""
        return cls(_places([table["conversation_id"]]), {side: Stored(_usable(table[side])) for side in SIDES})

    @classmethod
    def on_disk(cls, folder: Path, parts: Iterable[pl.DataFrame]) -> "Vectors":
        """The same, which come in parts and are put into the folder."""
        paths, ids, width = {side: folder / f"{side}.f32" for side in SIDES}, list[pl.Series](), dict[str, int]()
        with contextlib.ExitStack() as opened:
            files = {side: opened.enter_context(path.open("wb")) for side, path in paths.items()}
            for part in parts:
                ids.append(part["conversation_id"])
                for side, file in files.items():
                    rows = _usable(part[side])
                    width[side] = rows.shape[1]
                    file.write(rows.data)
        filled = paths if any(map(len, ids)) else {}
        return cls(_places(ids), {side: Stored.on_disk(path, width[side]) for side, path in filled.items()})

    def __len__(self) -> int:
        return self.places.height

    def rows(self, conversations: pl.DataFrame, side: str) -> Rows:
        """Those of one side in the order of the conversations, all of which must have one."""
        ids = conversations.select("conversation_id")
        found = ids.join(self.places, on="conversation_id", how="left", maintain_order="left")[side]
        if found.null_count():
            raise QiratError(UNUSABLE)
        return Rows(self.matrices[side], found.to_numpy())

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
