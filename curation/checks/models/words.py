"""What is said in a whole set, and vectors of it learned from the set itself: any language or dialect, no model."""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.checks.check import Context, read
from curation.checks.models.folded import FOLDED, turns_folded
from curation.core.record.conversation import turns
from curation.similarity.shingles import offsets, spans

LEAST = 200  # conversations of a language from which it can be told what is usual in it
GROUP = 50_000  # conversations of a language that are compared with one another: more hardly teach more
DIMENSIONS = 100
SAMPLED = 20_000  # turns that the axes are learned from
ROUNDS = 2  # in which the axes are found
GRAM = 3  # letters; the forms of a word, and its spellings in a dialect, share most of them
RAREST = 3  # texts that hold a gram
SPEAKS = pl.col("role").is_in(["user", "assistant"]) & (pl.col("content") != "")
SAYING = ("messages", "tools", "metadata")  # columns with what conversations say
TURN = {  # of a turn, beside its words
    "turn": pl.col("turn"),
    "reply": pl.col("role") == "assistant",
    "said": pl.col("content").hash(),
    "spaced": pl.col("content").str.count_matches(r"\S+"),
}

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Said:
    """What the conversations 0 to n - 1 of one language say turn by turn; what is said again and again is read once."""

    conversations: pl.DataFrame  # those in which both sides speak, by id
    turns: pl.DataFrame  # conversation_id, turn, `said` (hash of what it says), `spaced` (words between spaces)
    owner: Indices  # conversation of each turn, ascending
    reply: Mask  # whether the turn is a reply
    text: Indices  # of each turn: the row of `counts`
    counts: Any  # (texts, words), sparse: how often a word stands in a text; digits are alike
    grams: Any  # (words, grams), sparse: the word itself and its letter trigrams
    words: pl.Series

    def times(self, which: Mask) -> Floats:
        """How often each text is said in these turns."""
        return np.bincount(self.text[which], minlength=self.counts.shape[0]).astype(np.float32)


_KEPT: dict[int, list[Said]] = {}  # by id() of the table


def words_by_turn(conversations: pl.DataFrame, _: Context) -> pl.DataFrame:
    """Of each turn of a customer or an agent that says something, in order: `turn`, whether it is a `reply`, a hash of
    what is `said`, its words between spaces (`spaced`), its words (`length`); and `words`: all of them.

    Words are folded, and digits are alike.
    """
    words = pl.col(FOLDED).str.replace_all(r"\d", "0").str.extract_all(r"[\p{L}\p{N}]+")
    said = turns_folded(conversations).filter(SPEAKS).select("conversation_id", **TURN, word=words)
    return said.group_by("conversation_id").agg(
        *TURN,
        length=pl.col("word").list.len(),
        words=pl.col("word").explode(empty_as_null=False).cast(pl.Categorical),
    )


def said_by_language(conversations: pl.DataFrame, context: Context) -> list[Said]:
    """One `Said` for each language, as `by_language` tells it, in which LEAST conversations are.

    Several checks ask for the same set one after another: it is read once, and forgotten when the set is.
    """
    if id(conversations) not in _KEPT:
        parts = [_bothspeaking(part, context) for part in by_language(conversations)]
        _KEPT.clear()
        _KEPT[id(conversations)] = [_said(part, context) for part in parts if part.height >= LEAST]
        weakref.finalize(conversations, _KEPT.pop, id(conversations), None)
    return _KEPT[id(conversations)]


def by_language(conversations: pl.DataFrame) -> list[pl.DataFrame]:
    """The conversations of each language in order of their ids; mixed ones go where most of their letters are."""
    known = conversations if "judged_as" in conversations.columns else with_language(conversations)
    return known.sort("conversation_id").partition_by("judged_as")


def bare(conversations: pl.DataFrame) -> pl.DataFrame:
    """The conversations without what they say, for which a large set has no memory, `judged_as` a language."""
    return with_language(conversations).drop(SAYING)


def groups(conversations: pl.DataFrame) -> pl.DataFrame:
    """The conversations, by id and `judged_as` a language, and the `group` that each is compared in.

    A language of more than GROUP conversations is divided into like parts by their ids, which are hashes: each is a
    fair sample. Others stay whole, several in a group where they fit.
    """
    sizes = conversations.group_by("judged_as").len().sort("judged_as").rows()
    first, group, held = [], 0, 0
    for _, size in sizes:
        if held and held + size > GROUP:
            group, held = group + 1, 0
        first.append(group)
        group, held = group + (size - 1) // GROUP, min(held + size, GROUP)
    known = pl.DataFrame(sizes, {"judged_as": pl.String, "size": pl.UInt32}, orient="row")
    known = known.select("judged_as", size=pl.col("size").cast(pl.Int64), first=pl.Series(first, dtype=pl.Int64))
    placed = conversations.join(known, on="judged_as", how="left", nulls_equal=True, maintain_order="left")
    rank = pl.int_range(pl.len()).over("judged_as")
    parts = (pl.col("size") - 1) // GROUP + 1
    group_of = pl.col("first") + rank * parts // pl.col("size")
    return placed.with_columns(group=group_of.cast(pl.Int32)).drop("size", "first")


def fair_parts(conversations: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The conversations in order of their ids, which are hashes, in as few like parts as have GROUP at the most."""
    ordered = conversations.sort("conversation_id")
    number = max(-(-ordered.height // GROUP), 1)
    ends = [ordered.height * part // number for part in range(number + 1)]
    for start, end in pairwise(ends):
        yield ordered[start:end]


def with_language(conversations: pl.DataFrame) -> pl.DataFrame:
    """The conversations and the language that they are `judged_as`."""
    is_mixed = pl.col("language") == "mixed"
    text = pl.col("messages").list.eval(pl.element().struct.field("content")).list.join(" ")
    arabic = text.str.count_matches(r"\p{Arabic}") > text.str.count_matches(r"\p{Latin}")
    mixed = conversations.filter(is_mixed).with_columns(
        judged_as=pl.when(arabic).then(pl.lit("ar")).otherwise(pl.lit("en"))
    )
    plain = conversations.filter(is_mixed.not_().fill_null(True)).with_columns(judged_as="language")
    return pl.concat([plain, mixed])


def speaking(conversations: pl.DataFrame) -> pl.DataFrame:
    """Turns of customers and agents that say something, in their order."""
    return turns(conversations).filter(SPEAKS)


def _bothspeaking(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The conversations in which customer and agent say something."""
    reply = read(words_by_turn, conversations, context, "reply")["reply"]
    return conversations.filter((reply.list.any() & ~reply.list.all()).fill_null(False))


def _said(conversations: pl.DataFrame, context: Context) -> Said:
    told = read(words_by_turn, conversations, context, *TURN, "length")
    spoken = told.explode(*TURN, "length")
    texts = spoken.select("said").with_row_index("first").unique("said", keep="first", maintain_order=True)
    named = texts.select("said").with_row_index("text")
    text = spoken.select("said").join(named, on="said", how="left", maintain_order="left")["text"]
    ends = offsets(spoken["length"].to_numpy().astype(np.int64))
    first = texts["first"].to_numpy()
    counts, words = _counted(*_words_between(ends[first], ends[first + 1], conversations, context))
    return Said(
        conversations,
        spoken.select("conversation_id", "turn", "said", "spaced"),
        spoken["conversation_id"].rle_id().to_numpy().astype(np.int64),
        spoken["reply"].to_numpy(),
        text.to_numpy().astype(np.int64),
        counts,
        _grams(words),
        words,
    )


def _words_between(
    starts: Indices, ends: Indices, conversations: pl.DataFrame, context: Context
) -> tuple[pl.Series, Indices]:
    """Of all words of the conversations, those of these spans; and their lengths."""
    places, lengths = spans(starts, ends)
    words = read(words_by_turn, conversations, context, "words")["words"].explode(empty_as_null=False)
    return words.gather(places), lengths


def _counted(words: pl.Series, lengths: Indices) -> tuple[Any, pl.Series]:
    """Sparse counts of words in texts, which have so many of `words` one after another; and each word, in order."""
    from scipy.sparse import csr_matrix

    distinct = words.unique()
    known = pl.DataFrame({"word": distinct.cast(pl.String), "code": distinct.to_physical()}).sort("word")
    code = words.to_physical().to_numpy()
    column = np.zeros(int(code.max(initial=0)) + 1, np.int32)
    column[known["code"].to_numpy()] = np.arange(known.height)
    each = column[code]
    counts = csr_matrix((np.ones(len(each), np.float32), each, offsets(lengths)), (len(lengths), known.height))
    counts.sum_duplicates()
    return counts, known["word"]


def grams_by_conversation(conversations: pl.DataFrame, context: Context) -> Any:
    """(conversations, grams), sparse, in their order: words and letter trigrams that a conversation says.

    Rare ones weigh more (the inverse document frequency), often said ones little more than those said once. Rows have
    length 1, or 0 where nothing is said.
    """
    from scipy.sparse import csr_matrix

    told = read(words_by_turn, conversations, context, "length", "words")
    lengths = told["length"].list.sum().fill_null(0).to_numpy().astype(np.int64)
    counts, words = _counted(told["words"].drop_nulls().explode(empty_as_null=False), lengths)
    rows, _ = _weighted(counts @ _grams(words), np.ones(len(lengths), np.float32))
    said = np.bincount(rows.indices, minlength=rows.shape[1]) > 0
    column = np.cumsum(said, dtype=np.int32) - np.int32(1)
    return csr_matrix((rows.data, column[rows.indices], rows.indptr), (len(lengths), int(said.sum())))


def _grams(words: pl.Series) -> Any:
    """Sparse counts of grams in words."""
    from scipy.sparse import csr_matrix

    known = words.to_frame("word").with_row_index("row")
    each = known.with_columns(at=pl.int_ranges(pl.col("word").str.len_chars())).explode("at")
    trigrams = each.select("row", gram=pl.format("<{}>", "word").str.slice("at", GRAM))
    made = pl.concat([known.select("row", gram="word"), trigrams])
    named = made.join(made.select("gram").unique().sort("gram").with_row_index("column"), on="gram")
    shape = known.height, named["gram"].n_unique()
    return csr_matrix((np.ones(named.height, np.float32), (named["row"], named["column"])), shape=shape)


# -- vectors -----------------------------------------------------------------------------------------------------------


def meanings(said: Said, side: Mask, seed: int) -> Floats:
    """(words, DIMENSIONS at most), of which a text's vector is the sum: latent semantic analysis (Deerwester 1990) of
    words and letter trigrams, learned from a sample of the side's turns."""
    rng = np.random.default_rng(seed)
    turns_ = np.flatnonzero(side)
    sampled = np.zeros(len(side), bool)
    sampled[turns_[rng.permutation(len(turns_))[:SAMPLED]]] = True
    times = said.times(sampled)
    rows = np.flatnonzero(times)
    weighted, weights = _weighted(said.counts[rows] @ said.grams, times[rows])
    axes = _axes(weighted, min(DIMENSIONS, *weighted.shape), rng)
    return np.asarray(said.grams @ (axes * weights[:, None]))


def unit(rows: Floats) -> Floats:
    """Rows of length 1; those of nothing stay so."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def _weighted(seen: Any, times: Floats) -> tuple[Any, Floats]:
    """Grams by text, rare ones weighing more, in rows of length sqrt(times); and the weights of the grams."""
    from scipy.sparse import csr_matrix

    held_by = np.bincount(seen.indices, np.repeat(times, np.diff(seen.indptr)), seen.shape[1])
    weights = np.where(held_by >= RAREST, np.log(times.sum() / np.maximum(held_by, 1)), 0).astype(np.float32)
    seen.data = (1 + np.log(seen.data)) * weights[seen.indices]
    seen.eliminate_zeros()
    squares = csr_matrix((seen.data * seen.data, seen.indices, seen.indptr), seen.shape)
    length = np.sqrt(squares @ np.ones(seen.shape[1], np.float32))
    seen.data *= np.repeat(np.sqrt(times) / np.maximum(length, 1e-9), np.diff(seen.indptr)).astype(np.float32)
    return seen, weights


def _axes(rows: Any, dimensions: int, rng: np.random.Generator) -> Floats:
    """The plane of the first right singular vectors, by subspace iteration (Halko et al. 2011)."""
    from scipy.linalg import qr

    axes = rng.standard_normal((rows.shape[1], dimensions), np.float32)
    for _ in range(ROUNDS if dimensions else 0):
        axes, _ = qr(rows.T @ (rows @ axes), mode="economic", overwrite_a=True, check_finite=False)
    return axes
