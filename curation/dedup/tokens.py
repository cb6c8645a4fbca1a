"""What every conversation says, as hashed words in one flat file: in memory a conversation is a few bytes a turn."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.core.text.folding import letters_folded, variants_folded
from curation.dedup.flat import Words
from curation.harness.local_backend import Parcel, in_threads
from curation.harness.parts import kept
from curation.similarity.shingles import (
    ASCII_WORD,
    U64,
    WORD,
    Indices,
    each_hashed,
    hashed,
    offsets,
    runs,
    spans,
    words_hashed,
)

AT_ONCE = 10_000  # conversations in work at a time, which bounds the memory
COUNTED_AT_ONCE = 4_000_000  # words
READ_TOGETHER = 20_000  # conversations, from the disk
READ_AT_ONCE = 2_500  # by each thread or process: texts are larger than hashes
_CALL_ID = r'"id": ?"[^"]*"'  # joins a call to its result; every export numbers them anew
_UNSETTLED = r"[^\x00-\x7f،؛؟\u0621-\u063a\u0640-\u0652\u0660-\u066c]"  # what compatibility forms may be among
_UPPER_BITS = 20  # of a hash
Read = Callable[[int, int], pl.Series]  # messages from a place on, so many
Watch = Callable[..., Iterable[Any]]  # Stage.progress: a bar around an iterable
Run = Callable[[Callable[[], Callable[[Any], Any]], Iterable[Any]], Iterator[Any]]  # where kernels run, see the engine


def unwatched(items: Iterable[Any], what: str, total: int | None = None, unit: str = "rows") -> Iterable[Any]:
    """No bar."""
    return items


@dataclass(frozen=True)
class Site:
    """Where rows are compared: what shows how far it is, what holds numbers of all rows, and what runs kernels."""

    watch: Watch = unwatched
    folder: Path | None = None  # None: where the system keeps what is temporary
    run: Run = in_threads


HERE = Site()


class Messages:
    """The messages of the conversations to compare, by row: read when asked for, and never all together.

    `read` gives those that lie from a place on, so many; `places` is where those of each row lie.
    """

    def __init__(self, read: Read, places: Indices) -> None:
        self._read, self.places = read, places
        self._held: tuple[Indices, pl.Series] = np.empty(0, np.int64), pl.Series()

    def __len__(self) -> int:
        return len(self.places)

    def of(self, rows: Indices) -> pl.Series:
        """Those of the rows, in their order."""
        held, messages = self._held
        at = np.searchsorted(held, rows).clip(max=max(len(held) - 1, 0))
        if len(held) and np.array_equal(held[at], rows):
            return messages.gather(at)
        back = np.argsort(np.argsort(self.places[rows], kind="stable"))
        found = [kept(some.to_frame()).to_series() for _, some in self.parts(rows, len(rows))]
        return pl.concat(found).gather(back) if found else self._read(0, 0)

    def parts(self, rows: Indices, at_once: int) -> Iterator[tuple[Indices, pl.Series]]:
        """Some of the rows and their messages at a time, in the order in which they lie."""
        ordered = self.in_order(rows)
        places = self.places[ordered]
        for group in np.unique(places // READ_TOGETHER).tolist():
            first = group * READ_TOGETHER
            begin, end = np.searchsorted(places, [first, first + READ_TOGETHER]).tolist()
            messages = self._read(first, READ_TOGETHER)
            for start in range(begin, end, at_once):
                some = slice(start, min(start + at_once, end))
                yield ordered[some], messages.gather(places[some] - first)

    def in_order(self, rows: Indices) -> Indices:
        """The rows in the order in which their messages lie."""
        return rows[np.argsort(self.places[rows], kind="stable")]

    def hold(self, rows: Indices) -> None:
        """Keeps those of these rows at hand, in place of others: what is asked for of them is not read anew."""
        rows = np.unique(rows)
        self._held = np.empty(0, np.int64), pl.Series()
        self._held = rows, self.of(rows)


@dataclass(frozen=True)
class TokenizedTurns:
    """The words of row r are those of the turns rows[p]:rows[p+1], p = places[r]; of turn t, turns[t]:turns[t+1]."""

    words: Words
    turns: Indices
    rows: Indices
    places: Indices  # of each row among all, as their messages lie
    own: npt.NDArray[np.bool_]  # of each turn: not shared, or of a row that has no other
    common: U64  # runs of words that shared turns hold, ascending
    size: int  # words a run

    def __len__(self) -> int:
        return len(self.places)

    def shingles(self, rows: Indices, *, own: bool) -> tuple[U64, Indices]:
        """Hashed runs of words of these rows, one row after another, and how many each has.

        With `own` only what carries content: no shared turns, and nothing that shared turns say, unless a row has
        nothing else. A run occurs as often as it is said.
        """
        places = self.places[rows]
        turns, counts = spans(self.rows[places], self.rows[places + 1])
        row_of = np.repeat(np.arange(len(rows)), counts)
        if not own:
            return self._runs(turns, row_of, len(rows))
        flat, lengths = self._runs(turns[self.own[turns]], row_of[self.own[turns]], len(rows))
        row_of, telling = np.repeat(np.arange(len(rows)), lengths), ~_contains(self.common, flat)
        told = np.bincount(row_of[telling], minlength=len(rows))
        kept = telling | (told == 0)[row_of]
        return flat[kept], np.where(told > 0, told, lengths)

    def most_runs(self, rows: Indices) -> Indices:
        """How many runs each row has with nothing left out; fewer than one where its words are fewer than a run."""
        places = self.places[rows]
        return self.turns[self.rows[places + 1]] - self.turns[self.rows[places]] - self.size + 1

    def in_order(self) -> Indices:
        """The rows in the order in which their words lie."""
        return np.argsort(self.places)

    def occurrences(self, words: Sequence[str]) -> list[int]:
        """How often all rows together say each of `words`, which are folded."""
        if not words:
            return []
        wanted = hashed(pl.Series(words, dtype=pl.String)).to_numpy()
        ordered = np.unique(wanted)
        counts = np.zeros(len(ordered), np.int64)
        for part in self.words.parts(COUNTED_AT_ONCE):
            found = part[_contains(ordered, part)]
            counts += np.bincount(np.searchsorted(ordered, found), minlength=len(ordered))
        of_each: list[int] = counts[np.searchsorted(ordered, wanted)].tolist()
        return of_each

    def _runs(self, turns: Indices, row_of: Indices, rows: int) -> tuple[U64, Indices]:
        starts, ends = self.turns[turns], self.turns[turns + 1]
        words_in_row = np.bincount(row_of, weights=ends - starts, minlength=rows).astype(np.int64)
        return runs(self.words.take(starts, ends), words_in_row, self.size)


def tokenized(
    messages: Messages,
    size: int,
    share: float,
    least: int,
    site: Site = HERE,
) -> TokenizedTurns:
    """The tokens of `messages`: every turn but system prompts; names and arguments of tool calls are words too.

    A turn is shared when at least `share` of the conversations, and at least `least` of them, have it word for word.
    """
    words, texts = Words(site.folder), Words(site.folder)
    counts, lengths = np.zeros(len(messages), np.int64), [np.empty(0, np.uint32)]
    every = np.arange(len(messages))
    places = np.empty(len(messages), np.int64)
    places[messages.in_order(every)] = every
    read = site.run(reader, _every_part(messages, every))
    for said, fresh in site.watch(read, "reading words", -(-len(messages) // READ_AT_ONCE), "parts"):
        present, turns_each = np.unique(said["row"].to_numpy(), return_counts=True)
        counts[present] = turns_each
        lengths.append(said["length"].to_numpy())
        texts.append(said["text"].to_numpy())
        words.append(fresh)
    of_turns, rows = np.concatenate(lengths), offsets(counts)
    turns = np.zeros(len(of_turns) + 1, np.int64)
    np.cumsum(of_turns, out=turns[1:])
    shared, examples = _shared(texts, rows, max(least, share * len(messages)))
    common = np.unique(runs(words.take(turns[examples], turns[examples + 1]), of_turns[examples].astype(int), size)[0])
    return TokenizedTurns(words, turns, rows, places, _own(~shared & (of_turns > 0), rows), common, size)


def _every_part(messages: Messages, rows: Indices) -> Iterator[Parcel]:
    """row and messages of all rows as these lie."""
    start = 0
    for some, said in messages.parts(rows, READ_AT_ONCE):
        yield Parcel(pl.DataFrame({"row": np.arange(start, start + len(some)), "messages": said}))
        start += len(some)


def reader() -> Callable[[Parcel], tuple[pl.DataFrame, U64]]:
    """The kernel: `_said` of row and messages."""
    return lambda part: _said(part.table)


def _shared(texts: Words, rows: Indices, limit: float) -> tuple[npt.NDArray[np.bool_], Indices]:
    """Of each turn whether at least `limit` conversations have it, by its text; and one turn of each such text.

    What few turns share even the upper bits with is in few conversations: the others are told apart in memory, those of
    some upper bits at a time.
    """
    begins = np.zeros(1 << _UPPER_BITS, np.int64)
    for part in texts.parts(COUNTED_AT_ONCE):
        begins += np.bincount(_upper(part), minlength=len(begins))
    is_likely = begins >= limit
    group = np.where(is_likely, np.cumsum(begins * is_likely) // COUNTED_AT_ONCE, -1)
    shared, examples = np.zeros(len(texts), bool), [np.empty(0, np.int64)]
    for one in range(group.max() + 1):
        turns, said = _of_group(texts, group == one)
        of_rows = pl.DataFrame({"text": said, "row": np.searchsorted(rows, turns, side="right")}).unique()
        often = of_rows.group_by("text").len().filter(pl.col("len") >= limit)["text"].sort().to_numpy()
        is_often, is_first = np.isin(said, often), pl.Series(said).is_first_distinct().to_numpy()
        shared[turns] = is_often
        examples.append(turns[is_often & is_first])
    return shared, np.concatenate(examples)


def _of_group(texts: Words, upper: npt.NDArray[np.bool_]) -> tuple[Indices, U64]:
    """The turns whose texts have upper bits that are in `upper`, and these texts."""
    places, found, start = [np.empty(0, np.int64)], [np.empty(0, np.uint64)], 0
    for part in texts.parts(COUNTED_AT_ONCE):
        likely = np.flatnonzero(upper[_upper(part)])
        places.append(likely + start)
        found.append(part[likely])
        start += len(part)
    return np.concatenate(places), np.concatenate(found)


def _own(telling: npt.NDArray[np.bool_], rows: Indices) -> npt.NDArray[np.bool_]:
    """Of each turn whether it tells something, or stands in a row in which none does."""
    own = telling.copy()
    for start in range(0, len(rows) - 1, AT_ONCE):
        some = rows[start : start + AT_ONCE + 1]
        turns, row_of = slice(some[0], some[-1]), np.repeat(np.arange(len(some) - 1), np.diff(some))
        told = np.bincount(row_of[telling[turns]], minlength=len(some) - 1)
        own[turns] |= (told == 0)[row_of]
    return own


def _upper(hashes: U64) -> Indices:
    return (hashes >> np.uint64(64 - _UPPER_BITS)).view(np.int64)


def _contains(ordered: U64, wanted: U64) -> npt.NDArray[np.bool_]:
    """Whether each of `wanted` is in `ordered`; most are not, which their upper bits tell without a search."""
    begun = np.zeros(1 << _UPPER_BITS, bool)
    begun[ordered >> np.uint64(64 - _UPPER_BITS)] = True
    found: npt.NDArray[np.bool_] = begun[wanted >> np.uint64(64 - _UPPER_BITS)]
    likely = wanted[found]
    found[found] = ordered[np.searchsorted(ordered, likely).clip(max=len(ordered) - 1)] == likely
    return found


def _said(rows: pl.DataFrame) -> tuple[pl.DataFrame, U64]:
    """row, as `rows` name it, text (hash of the folded turn) and length in words of each turn, and all their words.

    System prompts are left out.
    """
    content, calls = (pl.col("messages").struct.field(field) for field in ("content", "tool_calls"))
    turns = (
        rows.lazy()
        .explode("messages", empty_as_null=False)
        .filter(pl.col("messages").struct.field("role") != "system")
        .select("row", said=content + " " + calls.fill_null("").str.replace_all(_CALL_ID, ""))
        .with_row_index("turn")
        .collect()
    )
    folded = _folded(turns).sort("turn")
    words = folded["words"]
    table = folded.select("row", text=each_hashed(folded["said"]), length=words.list.len())
    return table, words_hashed(words.explode(empty_as_null=False))


def _folded(turns: pl.DataFrame) -> pl.DataFrame:
    """The turns, in any order, as `letters_folded` says them, and their words.

    Most without the steps that change nothing in them.
    """
    said = pl.col("said")
    ascii_only = said.str.len_bytes() == said.str.len_chars()
    plain, other = turns.filter(ascii_only), turns.filter(~ascii_only)
    unsettled = other.select(said.str.contains(_UNSETTLED)).to_series()
    folded = [
        plain.with_columns(said.str.to_lowercase()),
        other.filter(~unsettled).with_columns(variants_folded(said)),
        other.filter(unsettled).with_columns(letters_folded(said)),
    ]
    patterns = (ASCII_WORD, WORD, WORD)
    return pl.concat(
        [some.with_columns(words=said.str.extract_all(word)) for some, word in zip(folded, patterns, strict=True)]
    )
