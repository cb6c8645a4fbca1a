"""Sums over neighbouring rows times weights, with less than half the products.

Windows that stand side by side share rows. Minimal filtering (Winograd 1980; Lavin & Gray 2016, arXiv 1509.09308) takes
four windows of n rows in n + 3 products of sums of rows, where each by itself takes n.
"""

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

STEP = 4  # windows of a tile; with more of them float32 would lose digits
_POINTS = (0, 1, -1, 2, -2, 1 / 2, -1 / 2)  # at which products of polynomials are taken: little is lost to rounding


class Convolution:
    """Tiles of rows -> what the windows of each add up to, by weights (places of a window * width, width), and a bias.

    A tile has the bits it has at any other place, if `places_are_alike`: products have one shape always.
    """

    def __init__(self, weights: Matrix, bias: Matrix, tiles: int) -> None:
        width = weights.shape[1]
        taps = weights.reshape(-1, width, width)
        self._spread, kernel, gathered = _transforms(len(taps))
        self._weights = np.tensordot(kernel, taps.astype(np.float64), 1).astype(np.float32)
        self._gathered = np.hstack([gathered, np.ones((STEP, 1), np.float32)])  # and the bias
        self.tiles, self.reach = tiles, len(self._spread)
        self._rows = np.empty((self.reach + 1, tiles, width), np.float32)
        self._rows[-1] = bias
        self._mixed = np.empty((self.reach, tiles, width), np.float32)
        self._found = np.empty((STEP, tiles, width), np.float32)

    def of(self, rows: Matrix, seen: Indices) -> Matrix:
        """(STEP, tiles, width): each window of each tile, of which `seen` (reach, tiles) names the rows.

        It is written over by the next call.
        """
        taken = self._rows[:-1]
        take(rows, seen, taken)
        np.matmul(self._spread, _flat(taken), out=_flat(self._mixed))
        np.matmul(self._mixed, self._weights, out=taken)
        np.matmul(self._gathered, _flat(self._rows), out=_flat(self._found))
        return self._found

    def places_are_alike(self) -> bool:
        """Whether the linear algebra of this machine gives a tile the same bits wherever it stands."""
        width = self._mixed.shape[2]
        rows = np.sin(np.arange(self.reach * width, dtype=np.float32)).reshape(self.reach, width)
        found = self.of(rows, np.tile(np.arange(self.reach), (self.tiles, 1)).T)
        return bool((found == found[:, :1]).all())


def take(rows: Matrix, which: Indices, out: Matrix) -> None:
    """Writes these rows; all are there. By any other mode NumPy writes them twice."""
    np.take(rows, which, axis=0, out=out, mode="clip")


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
