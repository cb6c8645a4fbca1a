"""Which rows are near which, so far as an earlier run told it: what is new is compared with all, and nothing else."""

import numpy as np
import numpy.typing as npt
import polars as pl
from xxhash import xxh3_64_intdigest

from curation.harness.memory import Memory
from curation.similarity.neighbours import BLOCK, Matrix, Near, nearest, sought_among
from curation.similarity.vectors import Rows

NEAR = "near_"  # and of what: the name under which it is remembered
KEY = ["conversation_id", "vector"]  # of a row: and a hash of its vector


def near(memory: Memory, version: str, of: str, ids: pl.Series, vectors: Matrix | Rows, k: int) -> Near:
    """The k nearest of each row, in the order of the ids, and those of the run before where they still hold."""
    name, of_k = NEAR + of, f"{version} {k}"
    each = (row for start in range(0, len(vectors), BLOCK) for row in vectors[start : start + BLOCK])
    now = pl.DataFrame({"conversation_id": ids, "vector": pl.Series(map(xxh3_64_intdigest, each), dtype=pl.UInt64)})
    before = memory.recall(name, of_k)
    found = nearest(vectors, k, None if before is None else _still(before, now, k))
    told = {"places": found.places.astype(np.int32), "distances": found.distances, "among": found.among}
    memory.keep(name, of_k, now.with_columns(pl.Series(column, values) for column, values in told.items()))
    return found


def _still(before: pl.DataFrame, now: pl.DataFrame, k: int) -> Near:
    """What was told of rows that are still here, and so are those near them."""
    met = before.select(KEY).with_row_index("was").join(now.with_row_index("is"), on=KEY)
    place = np.full(before.height, -1)
    place[met["was"].to_numpy()] = met["is"].to_numpy()
    places: npt.NDArray[np.int64] = place[before["places"].to_numpy()]
    still = (place >= 0) & ((places >= 0) & (places < sought_among(now.height))).all(axis=1)
    found = Near.unknown(now.height, k)
    found.places[place[still]], found.distances[place[still]] = places[still], before["distances"].to_numpy()[still]
    found.among[place[place >= 0]] = before["among"].to_numpy()[place >= 0]
    return found
