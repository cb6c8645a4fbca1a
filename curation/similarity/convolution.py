"""Sums over neighbouring rows times weights, with less than half the products.

Windows that stand side by side share rows. Minimal filtering (Winograd 1980; Lavin & Gray 2016, arXiv 1509.09308) takes
four windows of n rows in n + 3 products of sums of rows, where each by itself takes n.
"""

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

STEP = 4  # windows of a tile; with more of them float32 would lose digits
_POINTS = (0, 1, -1, 2, -2, 1 / 2, -1 / 2)  # at which products of polynomials are taken: little is lost to rounding


class Convolution:
    """Tiles of rows -> what the windows of each add up to, by weights (places of a window * width, width).

    A tile has the bits it has at any other place, if `places_are_alike`: products have one shape always.
    """

    def __init__(self, weights: Matrix, tiles: int) -> None:
        width = weights.shape[1]
        taps = weights.reshape(-1, width, width)
        self._spread, kernel, self._gathered = _transforms(len(taps))
        self._weights = np.tensordot(kernel, taps.astype(np.float64), 1).astype(np.float32)
        self.tiles, self._reach = tiles, len(self._spread)
        self._rows = np.empty((self._reach, tiles, width), np.float32)
        self._mixed = np.empty_like(self._rows)
        self._found = np.empty((STEP, tiles, width), np.float32)
        self.length = STEP * (tiles - 1) + self._reach  # rows that the windows of all tiles see

    def of(self, rows: Matrix) -> Matrix:
        """(STEP, tiles, width) of (length, width): window `place` of tile `tile` begins at row STEP * tile + place.

        It is written over by the next call.
        """
        for place in range(self._reach):
            self._rows[place] = rows[place : place + STEP * self.tiles : STEP][: self.tiles]
        np.matmul(self._spread, _flat(self._rows), out=_flat(self._mixed))
        np.matmul(self._mixed, self._weights, out=self._rows)
        np.matmul(self._gathered, _flat(self._rows), out=_flat(self._found))
        return self._found

    def places_are_alike(self) -> bool:
        """Whether the linear algebra of this machine gives a tile the same bits wherever it stands."""
        width = self._rows.shape[2]
        rows = np.sin(np.arange(STEP * width, dtype=np.float32)).reshape(STEP, width)
        found = self.of(np.resize(rows, (self.length, width)))
        return bool((found == found[:, :1]).all())


def _flat(rows: Matrix) -> Matrix:
    return rows.reshape(len(rows), -1)


def _transforms(places: int) -> tuple[Matrix, npt.NDArray[np.float64], Matrix]:
    """What makes sums of a tile's rows, sums of the weights, and windows of their products.

    Toom and Cook's product of polynomials, read backwards (Lavin & Gray, section 4).
    """
    reach = places + STEP - 1
    powers = np.vander(_POINTS[: reach - 1], reach, increasing=True)
    powers = np.vstack([powers, np.eye(reach)[-1]])  # the last point is infinity
    spread = np.linalg.inv(powers).T
    largest = np.abs(spread).max(axis=1, keepdims=True)
    kernel = np.vstack([powers[:-1, :places], np.eye(places)[-1]]) * largest
    gathered = np.vstack([powers[:-1, :STEP], np.eye(STEP)[-1]]).T
    return (spread / largest).astype(np.float32), kernel, gathered.astype(np.float32)
