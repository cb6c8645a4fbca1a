"""Vectors of texts on disk: those of a large set have no room in memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from curation.harness.parts import ROWS_A_GROUP
from curation.similarity.vectors import Stored


class Shelf:
    """Texts (their hashes) and their vectors, one after another in a file of the folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "vectors.f32"
        self._texts: list[pl.Series] = []
        self._dimensions = 0

    def put(self, table: pl.DataFrame) -> None:
        """Appends `text` and `vector` of texts that are not there yet."""
        if table.height:
            rows = np.ascontiguousarray(table["vector"].to_numpy(), np.float32)
            self._dimensions = rows.shape[1]
            with self._path.open("ab") as file:
                file.write(rows.tobytes())
            self._texts.append(table["text"])

    @property
    def texts(self) -> pl.DataFrame:
        """`text` of each, and its `place` in the file."""
        known = pl.concat(self._texts) if self._texts else pl.Series(dtype=pl.Binary)
        return known.alias("text").to_frame().with_row_index("place")

    @property
    def dtype(self) -> pl.Array:
        """Of a vector."""
        return pl.Array(pl.Float32, self._dimensions)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """`text` and `vector`, as they were put."""
        rows = self._stored()
        for part in self.texts.iter_slices(ROWS_A_GROUP):
            yield part.select("text", vector=self._vectors(rows, part["place"]))

    def placed(self, keys: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """conversation_id, and `vector` and `reply` of the texts `said` and `replied`."""
        texts, rows = self.texts, self._stored()
        for part in keys.iter_slices(ROWS_A_GROUP):
            said, replied = (
                part.select(text=side).join(texts, on="text", how="left", maintain_order="left")["place"]
                for side in ("said", "replied")
            )
            vector, reply = self._vectors(rows, said), self._vectors(rows, replied)
            yield part.select("conversation_id", vector=vector, reply=reply)

    def _stored(self) -> Stored:
        return Stored.on_disk(self._path, self._dimensions)

    def _vectors(self, rows: Stored, places: pl.Series) -> pl.Series:
        return pl.Series(rows[places.to_numpy()], dtype=self.dtype)
