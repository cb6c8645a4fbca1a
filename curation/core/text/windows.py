"""Long texts read a window at a time, so that what they cost grows as they do and no faster.

A pattern that looks as far ahead as it may costs nothing on a line of chat, and hours on a megabyte of one sign. In
windows the worst of them costs so much a character and no more. What fits into one window, as nearly all turns do, is
read as it stands.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

LENGTH = 4_000  # characters that a window adds
BESIDE = 500  # characters before and behind them that it sees as well: more than any word beside a value may be away

What = TypeVar("What")
Place = tuple[int, int, What]  # text[start:end], and what it is


def in_windows(text: str, read: Callable[[str], Iterable[Place[What]]]) -> Iterator[Place[What]]:
    """What `read` says of a text, of a long one window by window, in their order.

    A place belongs to the window in which it starts; where it reaches the end of what the window sees it is read again
    in one that sees twice as far, so that nothing is cut.
    """
    if len(text) <= LENGTH + BESIDE:
        yield from read(text)
        return
    for start, end in _cuts(text):
        first, last = max(0, start - BESIDE), min(len(text), end + BESIDE)
        while True:
            found = [(first + a, first + b, what) for a, b, what in read(text[first:last])]
            own = [place for place in found if start <= place[0] < end]
            if last == len(text) or all(place[1] < last for place in own):
                break
            last = min(len(text), last + (last - first))
        yield from own


def apart(places: Iterable[Place[What]]) -> Iterator[Place[What]]:
    """The places, which come in order, without those that begin within the one before."""
    behind = 0
    for place in places:
        if place[0] >= behind:
            yield place
            behind = place[1]


def _cuts(text: str) -> Iterator[tuple[int, int]]:
    """Where windows begin and end: at white space where there is any near."""
    start = 0
    while len(text) - start > LENGTH + BESIDE:
        near = max(text.rfind(sign, start + LENGTH - BESIDE, start + LENGTH) for sign in " \n")
        end = near + 1 if near >= 0 else start + LENGTH
        yield start, end
        start = end
    yield start, len(text)
