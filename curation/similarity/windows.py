"""Two layers that each see some tokens in a row, compiled by Numba.

What a token by itself adds to a window is looked up. All but 6 to 13 of the 256 numbers that the first layer finds at a
place are 0, so the second adds up the weights of those few: less work than products, which take no notice of zeros.

What the layers find at a place is summed in one order and no product is fused with it, so it has the same bits on any
machine.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]
Above = tuple[Floats, Places, Places]  # values and channels (places, 257) of what is above zero, and how many (places,)

WIDTH = 256
APART = 4  # places without a token before a text and after it, as many as two windows reach
_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])


def _compiled(function: _Kernel, **options: Any) -> _Kernel:
    """What is compiled is kept beside the file or in the user's cache, if there is room for it, for other processes."""
    options = {"inline": "always", **options}
    try:
        kernel: Any = numba.njit(cache=True, **options)(function)
    except RuntimeError:
        kernel = numba.njit(**options)(function)
    compiled: _Kernel = kernel
    return compiled


@_compiled
def first_layer(tokens: Indices, before: int, shares: Floats, above: Above) -> None:
    """Writes for each place that the windows of the second layer see what is above zero there.

    `tokens` are rows of `shares`, with APART zeros around those of the text: row 0 is for where no token is. A window
    has `before` places before its own. `shares` (rows, places of a window, 256) is what a token adds to a window at
    each of its places.
    """
    values, channels, many = above
    window, flags = np.empty(WIDTH, np.float32), np.empty(WIDTH, np.uint8)
    for place in range(len(many)):
        at = place + APART - before
        many[place] = 0
        if tokens[at] != 0:
            _add_up(tokens, at - before, shares, window)
            many[place] = _above_zero(window, flags, values[place], channels[place])


@_compiled
def second_layer(
    tokens: Indices, before: int, tables: tuple[Floats, Floats, Floats], above: Above, found: Floats
) -> None:
    """Writes what both layers make of a text into `found` (places, 256), from what is above zero after the first.

    `tables` are what enters the first layer (rows, 256), the second's shares, and its weights (places of a window, 256,
    256).
    """
    read, shares, weights = tables
    values, channels, many = above
    window = np.empty(WIDTH, np.float32)
    for place in range(len(found)):
        at, own = place + APART, place + before
        _add_up(tokens, at - before, shares, window)
        for tap in range(len(weights)):
            _add_weights(weights[tap], values[place + tap], channels[place + tap], many[place + tap], window)
        entered, here = read[tokens[at]], found[place]
        for channel in range(WIDTH):
            here[channel] = max(window[channel], np.float32(0)) + entered[channel]
        for i in range(many[own]):
            here[channels[own, i]] += values[own, i]


@partial(_compiled, fastmath={"reassoc", "nsz"})  # a place's numbers are summed side by side, as many as a machine can
def summed(rows: Indices, embedding: Floats, sizes: Floats, features: Floats, size: float, eps: float) -> Floats:
    """(512 + branches * 256,), the sum over a text's tokens of what they are and of what the layers make of them.

    At each place both are brought to a mean of 0 and a variance of 1 together: of `size` numbers, with `eps` added.
    `rows` are the tokens' in `embedding` (rows, 512) and in its `sizes` (2, rows): the sum and the sum of squares.
    `features` are (branches, places, 256), of which more places than there are tokens are not looked at.
    """
    own = embedding.shape[1]
    found, below = np.zeros(own + len(features) * WIDTH, np.float32), np.float32(0)
    for place in range(len(rows)):
        row = rows[place]
        token, total, squares = embedding[row], sizes[0, row], sizes[1, row]
        for branch in range(len(features)):
            here = features[branch, place]
            for channel in range(WIDTH):
                total += here[channel]
                squares += here[channel] * here[channel]
        mean, square = total / np.float32(size), squares / np.float32(size)
        weight = np.float32(1) / np.sqrt(square - mean * mean + np.float32(eps))
        below += weight * mean
        for channel in range(own):
            found[channel] += weight * token[channel]
        for branch in range(len(features)):
            here, start = features[branch, place], own + branch * WIDTH
            for channel in range(WIDTH):
                found[start + channel] += weight * here[channel]
    return found - below


@_compiled
def _add_up(tokens: Indices, start: int, shares: Floats, window: Floats) -> None:
    """What the tokens of the window that starts there add to it."""
    share = shares[tokens[start], 0]
    for channel in range(WIDTH):
        window[channel] = share[channel]
    for tap in range(1, shares.shape[1]):
        share = shares[tokens[start + tap], tap]
        for channel in range(WIDTH):
            window[channel] += share[channel]


@_compiled
def _above_zero(window: Floats, flags: Bytes, values: Floats, channels: Places) -> int:
    """Writes the numbers above zero and where they stand; how many they are. Eight of which none is are passed over."""
    for channel in range(WIDTH):
        flags[channel] = window[channel] > 0
    eights = flags.view(np.uint64)
    count = 0
    for eight in range(len(eights)):
        if eights[eight] != 0:
            for channel in range(8 * eight, 8 * eight + 8):
                values[count], channels[count] = window[channel], channel
                count += flags[channel]
    return count


@_compiled
def _add_weights(weights: Floats, values: Floats, channels: Places, count: int, window: Floats) -> None:
    """Four at a time, so that the window is read and written less often."""
    fours = count - count % 4
    for i in range(0, fours, 4):
        a, b, c, d = values[i], values[i + 1], values[i + 2], values[i + 3]
        by_a, by_b = weights[channels[i]], weights[channels[i + 1]]
        by_c, by_d = weights[channels[i + 2]], weights[channels[i + 3]]
        for to in range(WIDTH):
            window[to] = window[to] + a * by_a[to] + b * by_b[to] + c * by_c[to] + d * by_d[to]
    for i in range(fours, count):
        a, by_a = values[i], weights[channels[i]]
        for to in range(WIDTH):
            window[to] += a * by_a[to]
