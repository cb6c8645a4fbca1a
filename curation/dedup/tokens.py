"""What every conversation says, as hashed words in flat arrays: small enough to hold a million conversations."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.core.text.folding import letters_folded, variants_folded
from curation.similarity.shingles import U64, WORD, Indices, hashed, offsets, runs, spans

AT_ONCE = 10_000  # conversations in work at a time, which bounds the memory
COUNTED_AT_ONCE = 4_000_000  # words
READ_AT_ONCE = 2_500  # by each thread: texts are larger than hashes
_CALL_ID = r'"id": ?"[^"]*"'  # joins a call to its result; every export numbers them anew
_UNSETTLED = r"[^\x00-\x7f،؛؟\u0621-\u063a\u0640-\u0652\u0660-\u066c]"  # what compatibility forms may be among
_UPPER_BITS = 20  # of a hash
_NO_TURNS = pl.DataFrame(schema={"row": pl.Int64, "text": pl.UInt64, "length": pl.Int64})
Watch = Callable[..., Iterable[Any]]  # Stage.progress: a bar around an iterable


def unwatched(items: Iterable[Any], what: str, total: int | None = None, unit: str = "rows") -> Iterable[Any]:
    """No bar."""
    return items


@dataclass(frozen=True)
class Messages:
    """The messages of the conversations to compare, by row: gathered when asked for, for a copy of all is large."""

    everywhere: pl.Series
    places: pl.Series  # of each row, in `everywhere`

    def __len__(self) -> int:
        return len(self.places)

    def of(self, rows: Indices | pl.Series) -> pl.Series:
        return self.everywhere.gather(self.places.gather(rows))


@dataclass(frozen=True)
class TokenizedTurns:
    """The words of row r are those of the turns rows[r]:rows[r+1]; of turn t, words[turns[t]:turns[t+1]]."""

    words: U64
    turns: Indices
    rows: Indices
    own: npt.NDArray[np.bool_]  # of each turn: not shared, or of a row that has no other
    common: U64  # runs of words that shared turns hold, ascending
    size: int  # words a run

    def __len__(self) -> int:
        return len(self.rows) - 1

    def shingles(self, rows: Indices, *, own: bool) -> tuple[U64, Indices]:
        """Hashed runs of words of these rows, one row after another, and how many each has.

        With `own` only what carries content: no shared turns, and nothing that shared turns say, unless a row has
        nothing else. A run occurs as often as it is said.
        """
        turns, counts = spans(self.rows[rows], self.rows[rows + 1])
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
        return self.turns[self.rows[rows + 1]] - self.turns[self.rows[rows]] - self.size + 1

    def occurrences(self, words: Sequence[str]) -> list[int]:
        """How often all rows together say each of `words`, which are folded."""
        if not words:
            return []
        wanted = hashed(pl.Series(words, dtype=pl.String)).to_numpy()
        ordered = np.unique(wanted)
        counts = np.zeros(len(ordered), np.int64)
        for start in range(0, len(self.words), COUNTED_AT_ONCE):
            part = self.words[start : start + COUNTED_AT_ONCE]
            found = part[_contains(ordered, part)]
            counts += np.bincount(np.searchsorted(ordered, found), minlength=len(ordered))
        of_each: list[int] = counts[np.searchsorted(ordered, wanted)].tolist()
        return of_each

    def _runs(self, turns: Indices, row_of: Indices, rows: int) -> tuple[U64, Indices]:
        places, lengths = spans(self.turns[turns], self.turns[turns + 1])
        words_in_row = np.bincount(row_of, weights=lengths, minlength=rows).astype(np.int64)
        return runs(self.words[places], words_in_row, self.size)


def tokenized(messages: Messages, size: int, share: float, least: int, watch: Watch) -> TokenizedTurns:
    """The tokens of `messages`: every turn but system prompts; names and arguments of tool calls are words too.

    A turn is shared when at least `share` of the conversations, and at least `least` of them, have it word for word.
    """
    parts = np.split(np.arange(len(messages)), range(READ_AT_ONCE, len(messages), READ_AT_ONCE))
    tables, words = [_NO_TURNS], np.empty(0, np.uint64)
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        every = pool.map(lambda part: _said(messages.of(part), part), parts)
        for said, fresh in watch(every, "reading words", len(parts), "parts"):
            tables.append(said)
            # In place: two copies of all words would be the peak.
            words.resize(len(words) + len(fresh), refcheck=False)
            words[len(words) - len(fresh) :] = fresh
    said = pl.concat(tables)
    said = said.with_columns(shared=_shared(said, max(least, share * len(messages))))
    row_of, turns = said["row"].to_numpy(), offsets(said["length"].to_numpy())
    telling = said.select(~pl.col("shared") & (pl.col("length") > 0)).to_series().to_numpy()
    told = np.bincount(row_of[telling], minlength=len(messages))
    return TokenizedTurns(
        words,
        turns,
        offsets(np.bincount(row_of, minlength=len(messages))),
        telling | (told == 0)[row_of],
        _common(words, turns, said, size),
        size,
    )


def _shared(said: pl.DataFrame, limit: float) -> pl.Series:
    """Whether at least `limit` conversations have the turn."""
    often = said.group_by("text").len().filter(pl.col("len") >= limit)
    by_row = said.select("row", "text").join(often, on="text", how="semi").unique()
    shared = by_row.group_by("text").len().filter(pl.col("len") >= limit)
    return said["text"].is_in(shared["text"].implode())


def _common(words: U64, turns: Indices, said: pl.DataFrame, size: int) -> U64:
    """The distinct runs of words of shared turns."""
    shared = said.with_row_index("turn").filter("shared").unique("text", keep="first")["turn"].to_numpy()
    places, lengths = spans(turns[shared], turns[shared + 1])
    return np.unique(runs(words[places], lengths, size)[0])


def _contains(ordered: U64, wanted: U64) -> npt.NDArray[np.bool_]:
    """Whether each of `wanted` is in `ordered`; most are not, which their upper bits tell without a search."""
    begun = np.zeros(1 << _UPPER_BITS, bool)
    begun[ordered >> np.uint64(64 - _UPPER_BITS)] = True
    found: npt.NDArray[np.bool_] = begun[wanted >> np.uint64(64 - _UPPER_BITS)]
    likely = wanted[found]
    found[found] = ordered[np.searchsorted(ordered, likely).clip(max=len(ordered) - 1)] == likely
    return found


def _said(messages: pl.Series, rows: Indices) -> tuple[pl.DataFrame, U64]:
    """row, text (hash of the folded turn) and length in words of each turn but system prompts, and all their words."""
    content, calls = (pl.col("messages").struct.field(field) for field in ("content", "tool_calls"))
    turns = (
        pl.LazyFrame({"row": rows, "messages": messages})
        .explode("messages", empty_as_null=False)
        .filter(pl.col("messages").struct.field("role") != "system")
        .select("row", said=content + " " + calls.fill_null("").str.replace_all(_CALL_ID, ""))
        .with_row_index("turn")
        .collect()
    )
    folded = _folded(turns).sort("turn")
    words = folded["said"].str.extract_all(WORD)
    table = folded.select("row", text=hashed(folded["said"]), length=words.list.len().cast(pl.Int64))
    return table, hashed(words.explode(empty_as_null=False)).to_numpy()


def _folded(turns: pl.DataFrame) -> pl.DataFrame:
    """The turns, in any order, as `letters_folded` says them; most without the steps that change nothing in them."""
    said = pl.col("said")
    ascii_only = said.str.len_bytes() == said.str.len_chars()
    plain, other = turns.filter(ascii_only), turns.filter(~ascii_only)
    unsettled = other.select(said.str.contains(_UNSETTLED)).to_series()
    return pl.concat(
        [
            plain.with_columns(said.str.to_lowercase()),
            other.filter(~unsettled).with_columns(variants_folded(said)),
            other.filter(unsettled).with_columns(letters_folded(said)),
        ]
    )
