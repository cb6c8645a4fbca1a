"""Numbers of all rows on disk, of which some are read when they are looked at: arrays too large to be in memory."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.similarity.shingles import U64, Indices

Signs = npt.NDArray[np.uint32]


class Words:
    """Hashed words, one after another, in a file without a name: it goes when nobody looks at it any more."""

    def __init__(self, folder: Path | None) -> None:
        self._file = _nameless(folder)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, words: U64) -> None:
        _write(self._file.fileno(), words, self._length * words.itemsize)
        self._length += len(words)

    def take(self, starts: Indices, ends: Indices) -> U64:
        """The words of the spans [start, end), one span after another."""
        begins = np.ones(len(starts), bool)
        begins[1:] = starts[1:] != ends[:-1]  # spans that lie side by side are read as one
        firsts = np.flatnonzero(begins)
        lasts = np.append(firsts[1:], len(starts)) - 1 if len(firsts) else firsts
        found = np.empty(int((ends - starts).sum()), np.uint64)
        at = 0
        for start, end in zip(starts[firsts].tolist(), ends[lasts].tolist(), strict=True):
            _read(self._file.fileno(), found[at : at + end - start], start * found.itemsize)
            at += end - start
        return found

    def parts(self, size: int) -> Iterator[U64]:
        """All of them in order, at most `size` together."""
        for start in range(0, self._length, size):
            yield self.take(np.array([start]), np.array([min(start + size, self._length)]))


class Digests:
    """A row of MinHash values a conversation, kept column by column, of which few are looked at together."""

    def __init__(self, places: Indices, values: int, folder: Path | None) -> None:
        self._places, self.values = places, values
        self._file = _nameless(folder)

    def __len__(self) -> int:
        return len(self._places)

    def put(self, start: int, some: Signs) -> None:
        """The values of the conversations that lie at `start` and behind, a row each."""
        for column, signs in enumerate(np.ascontiguousarray(some.T)):
            _write(self._file.fileno(), signs, (column * len(self) + start) * some.itemsize)

    def of(self, columns: Indices) -> Signs:
        """These columns, a row a conversation."""
        found = np.empty((len(columns), len(self)), np.uint32)
        for column, signs in zip(columns.tolist(), found, strict=True):
            _read(self._file.fileno(), signs, column * len(self) * found.itemsize)
        return found.T[self._places]


def _nameless(folder: Path | None) -> Any:
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryFile(dir=folder)


def _write(file: int, numbers: npt.NDArray[Any], at: int) -> None:
    left = _bytes(np.ascontiguousarray(numbers))
    while len(left):
        written = os.pwrite(file, left, at)
        left, at = left[written:], at + written


def _read(file: int, numbers: npt.NDArray[Any], at: int) -> None:
    left = _bytes(numbers)
    while len(left):
        read = os.preadv(file, [left], at)
        if not read:
            raise EOFError("a file of numbers ended early")
        left, at = left[read:], at + read


def _bytes(numbers: npt.NDArray[Any]) -> memoryview:
    return numbers.data.cast("B") if numbers.size else memoryview(b"")  # no view of nothing can be cast
