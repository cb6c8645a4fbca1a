"""What is said in a whole set, and vectors of it learned from the set itself: any language or dialect, no model."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.conversation import turns
from curation.text import folded

LEAST = 200  # conversations of a language from which it can be told what is usual in it
DIMENSIONS = 100
SAMPLED = 20_000  # texts that the axes are learned from
GRAM = 3  # letters; the forms of a word, and its spellings in a dialect, share most of them
RAREST = 3  # texts that hold a gram

Floats = npt.NDArray[np.floating[Any]]


def by_language(conversations: pl.DataFrame) -> list[pl.DataFrame]:
    """The conversations of each language in order of their ids; mixed ones go where most of their letters are."""
    text = pl.col("messages").list.eval(pl.element().struct.field("content")).list.join(" ")
    arabic = text.str.count_matches(r"\p{Arabic}") > text.str.count_matches(r"\p{Latin}")
    mixed = pl.when(arabic).then(pl.lit("ar")).otherwise(pl.lit("en"))
    judged_as = pl.when(pl.col("language") == "mixed").then(mixed).otherwise("language")
    return conversations.sort("conversation_id").with_columns(judged_as=judged_as).partition_by("judged_as")


def spoken(conversations: pl.DataFrame) -> pl.DataFrame:
    """Turns of customers and replies that say something, of conversations that have both; in order."""
    said = turns(conversations).filter(pl.col("role").is_in(["user", "assistant"]) & (pl.col("content") != ""))
    both = pl.col("role").n_unique().over("conversation_id") == 2
    return said.filter(both).sort("conversation_id", "turn")


def vectors(texts: pl.Series, seed: int) -> Floats:
    """(texts, DIMENSIONS) of length 1 or 0: latent semantic analysis of words and letter trigrams (Deerwester 1990)."""
    from sklearn.preprocessing import normalize
    from sklearn.utils.extmath import randomized_svd

    counts, grams, _ = words_and_grams(texts)
    sample = np.sort(np.random.default_rng(seed).permutation(len(texts))[:SAMPLED])
    seen = (counts[sample] @ grams).tocsr()
    held_by = np.asarray((seen > 0).sum(axis=0)).ravel()
    weights = np.where(held_by >= RAREST, np.log(len(sample) / np.maximum(held_by, 1)), 0)
    seen.data = 1 + np.log(seen.data)
    weighted = normalize(seen.multiply(weights).tocsr())
    found = np.zeros((len(texts), DIMENSIONS), np.float32)
    if (dimensions := min(DIMENSIONS, *weighted.shape)) > 0:
        _, _, axes = randomized_svd(weighted, dimensions, n_iter=3, random_state=seed)
        found[:, :dimensions] = counts @ (grams.multiply(weights).tocsr() @ axes.T)
    return unit(found)


def unit(rows: Floats) -> Floats:
    """Rows of length 1; those of nothing stay so."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def words_and_grams(texts: pl.Series) -> tuple[Any, Any, pl.Series]:
    """Sparse counts of words in texts and of grams (the word, its trigrams) in words; the words. Digits are alike."""
    from scipy.sparse import csr_matrix

    found = folded(pl.col("text")).str.replace_all(r"\d", "0").str.extract_all(r"[\p{L}\p{N}]+")
    words = pl.DataFrame({"text": texts}).with_row_index("row").select("row", word=found).explode("word").drop_nulls()
    known = words.select("word").unique().sort("word").with_row_index("column")
    standing = words.join(known, on="word")
    parts = pl.Series("gram", [[word, *_trigrams(word)] for word in known["word"]], dtype=pl.List(pl.String))
    made = known.select("column", parts).explode("gram").drop_nulls()
    named = made.join(made.select("gram").unique().sort("gram").with_row_index("place"), on="gram")

    def table(rows: pl.Series, columns: pl.Series, shape: tuple[int, int]) -> Any:
        return csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)

    counts = table(standing["row"], standing["column"], (len(texts), known.height))
    grams = table(named["column"], named["place"], (known.height, named["gram"].n_unique()))
    return counts, grams, known["word"]


def _trigrams(word: str) -> list[str]:
    whole = f"<{word}>"
    return [whole[k : k + GRAM] for k in range(len(whole) - GRAM + 1)]
