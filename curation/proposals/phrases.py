"""Phrases that many texts share, and where each stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from curation.core.text.folding import folded

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csc_array, csr_array

BREAK = "|"  # no phrase reaches across it
SLOT = r"\[\w+\]|\S*(?:\d|@|://|www\.)\S*"  # a tag, or what has figures in it: a fact, and no part of a phrase
_SIGNS = r"\B['-]|['-]\B|[^\w\s'-]+|_+"


@dataclass(frozen=True)
class Vocabulary:
    """Phrases, folded, their words with a blank between."""

    words: Sequence[str]

    @cached_property
    def places(self) -> dict[str, int]:
        return {phrase: place for place, phrase in enumerate(self.words)}

    @cached_property
    def single(self) -> "np.ndarray":
        """Which of them are one word."""
        import numpy as np

        return np.array([" " not in phrase for phrase in self.words], bool)

    @cached_property
    def longer(self) -> dict[tuple[str, str], list[str]]:
        """(phrase, "left" or "right") -> the phrases with one word more on that side."""
        found: dict[tuple[str, str], list[str]] = {}
        for phrase in self.words:
            if " " in phrase:
                found.setdefault((phrase.partition(" ")[2], "left"), []).append(phrase)
                found.setdefault((phrase.rpartition(" ")[0], "right"), []).append(phrase)
        return found


@dataclass(frozen=True)
class Phrases:
    """`stands[text, phrase]` is 1 where the phrase stands in the text."""

    known: Vocabulary
    stands: "csr_array"

    @cached_property
    def columns(self) -> "csc_array":
        """`stands`, to take phrases out of it."""
        return self.stands.tocsc()

    @cached_property
    def counts(self) -> "np.ndarray":
        """In how many texts each stands."""
        import numpy as np

        return np.diff(self.columns.indptr)

    def texts_with(self, phrase: str) -> "np.ndarray":
        """The numbers of the texts in which it stands."""
        place, ends = self.known.places[phrase], self.columns.indptr
        found: np.ndarray = self.columns.indices[ends[place] : ends[place + 1]]
        return found

    def holding(self, chosen: Iterable[str]) -> "np.ndarray":
        """Which texts hold any of these phrases."""
        import numpy as np

        held = np.zeros(self.stands.shape[0], bool)
        for phrase in chosen:
            held[self.texts_with(phrase)] = True
        return held

    def among(self, texts: "np.ndarray") -> "Phrases":
        """The same phrases in these texts alone, by number."""
        return Phrases(self.known, self.stands[texts])

    def shares(self, texts: "np.ndarray") -> "np.ndarray":
        """Share of these texts, by number, in which each phrase stands; 0 of none."""
        import numpy as np

        return np.asarray(self.stands[texts].sum(axis=0)).ravel() / max(len(texts), 1)


def shared_phrases(texts: Sequence[str], owners: "np.ndarray", longest: int, least: int) -> Phrases:
    """Phrases of up to `longest` words that stand with at least `least` owners, an owner (0, 1, ...) for each text.

    Facts and tags are no part of a phrase and none reaches across them or across punctuation, so that a phrase stands
    in a text as the playbook looks for it. Found length by length: a phrase is frequent only if the two phrases of one
    word less are (Agrawal and Srikant 1994).
    """
    import numpy as np
    from scipy.sparse import csr_array

    words, gram, text = _words(texts)
    names, found = list[str](), list[np.ndarray]()
    shorter, length = words, 1
    while True:
        kept, gram = _frequent(gram, owners[text], least)
        shorter = [shorter[key] for key in kept]
        here = np.flatnonzero(gram >= 0)
        found.append(np.stack([text[here], gram[here] + len(names)]))
        names += shorter
        if length == longest or not len(kept):
            break
        gram, shorter = _joined(gram, text, shorter)
        length += 1
    rows, columns = np.concatenate(found, axis=1)
    stands = csr_array((np.ones(len(rows), np.int64), (rows, columns)), shape=(len(texts), len(names)))
    stands.data[:] = 1  # where a phrase stands twice
    return Phrases(Vocabulary(names), stands)


def _words(texts: Sequence[str]) -> tuple[list[str], "np.ndarray", "np.ndarray"]:
    """The different words in order; then for each place of all texts its word, -1 for a break, and its text."""
    import numpy as np

    column = pl.DataFrame({"word": pl.Series(texts, dtype=pl.String)}).with_row_index("text")
    blanked = folded(pl.col("word")).str.replace_all(SLOT, f" {BREAK} ").str.replace_all(_SIGNS, f" {BREAK} ")
    table = (
        column.with_columns(blanked.str.split(" ")).explode("word", empty_as_null=False).filter(pl.col("word") != "")
    )
    words = sorted(set(table["word"].unique()) - {BREAK})
    numbers = pl.DataFrame({"word": words, "number": np.arange(len(words))}, {"word": pl.String, "number": pl.Int64})
    numbered = table.join(numbers, on="word", how="left", maintain_order="left")
    return words, numbered["number"].fill_null(-1).to_numpy(), numbered["text"].cast(pl.Int64).to_numpy()


def _frequent(gram: "np.ndarray", owner: "np.ndarray", least: int) -> tuple["np.ndarray", "np.ndarray"]:
    """The grams that enough owners have, and the places with these alone, numbered anew."""
    import numpy as np

    here, size = gram >= 0, int(gram.max(initial=0)) + 1
    pairs = np.unique(gram[here] + size * owner[here])
    kept = np.flatnonzero(np.bincount(pairs % size, minlength=size) >= least)
    number = np.full(size + 1, -1)
    number[kept] = np.arange(len(kept))
    return kept, number[gram]  # the last one, -1, is that of breaks


def _joined(gram: "np.ndarray", text: "np.ndarray", names: Sequence[str]) -> tuple["np.ndarray", list[str]]:
    """Grams of one word more, from two that overlap."""
    import numpy as np

    longer, size = np.full(len(gram), -1), len(names)
    here = np.flatnonzero((gram[:-1] >= 0) & (gram[1:] >= 0) & (text[:-1] == text[1:]))
    keys, number = np.unique(gram[here] * size + gram[here + 1], return_inverse=True)
    longer[here] = number
    return longer, [f"{names[key // size]} {names[key % size].rpartition(' ')[2]}" for key in keys]
