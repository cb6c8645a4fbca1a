"""Find similar: exact cosine over the vectors of a data set, which are kept in memory until they change.

A matrix of 10,000 x 512 takes 20 MB, seconds to read from Argilla's table (JSON) and milliseconds to search.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from argilla_server.database import AsyncSessionLocal
from sqlalchemy import text

_CHUNK = 1000  # rows read at once: as Python numbers they take many times the room


@dataclass(frozen=True)
class Vectors:
    """Vectors of length one (those that are zero stay so), a row each, and the row of each record by its hex id."""

    matrix: np.ndarray
    row_of: dict[str, int]
    version: int

    def nearest(self, target: list[float], among: list[str], count: int) -> list[tuple[str, float]]:
        """The `count` most similar of these records with Elasticsearch's score, (1 + cosine) / 2; ties by id."""
        records = sorted(record for record in among if record in self.row_of)
        if not records:
            return []
        direction = _unit(np.asarray([target], np.float32))[0]
        cosines = self.matrix[[self.row_of[record] for record in records]] @ direction
        best = np.argsort(-cosines, kind="stable")[:count]
        return [(records[row], float((1 + cosines[row]) / 2)) for row in best]


_known: dict[UUID, dict[UUID, Vectors]] = {}  # by data set and vector settings
_versions: dict[UUID, int] = {}  # by data set: how often its vectors may have changed since the server started


def changed(dataset: Any) -> None:
    """The data set's vectors may be others now. Only this process writes them, so this is all there is to hear."""
    _versions[dataset.id] = _versions.get(dataset.id, 0) + 1
    _known.pop(dataset.id, None)


async def vectors(vector_settings: Any) -> Vectors:
    """As of now: what was read before the last change is read again."""
    dataset = vector_settings.dataset_id
    version = _versions.get(dataset, 0)  # before reading: a change meanwhile shows in the number
    known = _known.get(dataset, {}).get(vector_settings.id)
    if known is None or known.version != version:
        known = await _read(vector_settings, version)
        _known.setdefault(dataset, {})[vector_settings.id] = known
    return known


async def _read(vector_settings: Any, version: int) -> Vectors:
    row_of: dict[str, int] = {}
    chunks = [np.empty((0, vector_settings.dimensions), np.float32)]
    statement = text("SELECT record_id, value FROM vectors WHERE vector_settings_id = :settings")
    async with AsyncSessionLocal() as db:
        found = await db.stream(statement, {"settings": vector_settings.id.hex})
        async for rows in found.partitions(_CHUNK):
            row_of |= {record: row for row, (record, _) in enumerate(rows, start=len(row_of))}
            chunks.append(await asyncio.to_thread(_parsed, [value for _, value in rows]))
    return Vectors(np.concatenate(chunks), row_of, version)


def _parsed(values: list[str]) -> np.ndarray:
    return _unit(np.asarray(json.loads(f"[{','.join(values)}]"), np.float32))


def _unit(matrix: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix / np.where(lengths == 0, 1, lengths)
