"""The arms of the comparison: what stands before a conversation when each of them answers it.

base               nothing: the model as it comes
prompted           the team's written prompt, in the conversation's language
few_shot           whole conversations of train whose customers use the same words as this one has used so far, in its
                   language
prompted_few_shot  the written prompt, then the same examples: the strongest prompt that people really try
optimised          instructions and examples as a search on dev found them, see baseline/optimise.py
endpoint           the written prompt or nothing, answered by a model elsewhere, when one is named, see endpoint.py
adapter            nothing again, but the adapter is on
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import polars as pl

from curation.core.record.conversation import is_untaught, message
from curation.core.text.folding import fold
from curation.harness.errors import QiratError

# What can be had without training; the last two are optional.
PROMPT_ARMS = ("base", "prompted", "few_shot", "prompted_few_shot", "optimised", "endpoint")
ADAPTER = "adapter"

Messages = Sequence[Mapping[str, Any]]
Row = Mapping[str, Any]
Before = Callable[[Row, int], Messages]  # what an arm says before a conversation to get the reply at this turn


def bare(_row: Row, _turn: int) -> Messages:
    """Nothing."""
    return ()


def prompt_sections(text: str, source: str) -> dict[str, str]:
    """prompt.md by language: sections are headed `# <code>`, what stands before the first is a comment."""
    parts = re.split(r"^# *(\w+) *$", text, flags=re.MULTILINE)
    sections = {code: said.strip() for code, said in zip(parts[1::2], parts[2::2], strict=True) if said.strip()}
    if not sections:
        raise QiratError(f"{source}: no section found; head each language's prompt with a line such as `# en`")
    return sections


def prompted(sections: Mapping[str, str]) -> Before:
    """The written prompt as system message; languages without a section get the first one."""
    fallback = next(iter(sections.values()))
    return lambda row, _turn: [message("system", sections.get(row["language"], fallback))]


def few_shot(train: pl.DataFrame, shots: int, shot_words: int) -> Before:
    """The `shots` train conversations of the same language most like what the customer has said so far, nearest last.

    A server knows no later turn, so none is looked at. Likeness is the cosine of TF-IDF vectors of letter n-grams
    within words, folded: it needs no model and takes Arabic's prefixes as they come. Conversations longer than
    `shot_words`, or without an exchange, are passed over, and so is what has no n-gram in common.
    """
    examples = [row for row in train.sort("conversation_id").iter_rows(named=True) if is_example(row, shot_words)]
    spoken = {row["language"] for row in examples}
    shelves = {code: _Shelf([row["messages"] for row in examples if row["language"] == code]) for code in spoken}

    def before(row: Row, turn: int) -> Messages:
        shelf = shelves.get(row["language"])
        return shelf.nearest(_customer(row["messages"][:turn]), shots) if shelf else ()

    return before


def prompted_few_shot(written: Before, examples: Before) -> Before:
    """What `prompted` says, then what `few_shot` shows."""
    return lambda row, turn: [*written(row, turn), *examples(row, turn)]


def optimised(found: Mapping[str, Before]) -> Before:
    """What was found for the conversation's language; languages for which nothing was get the first."""
    fallback = next(iter(found.values()))
    return lambda row, turn: found.get(row["language"], fallback)(row, turn)


class _Shelf:
    """Example conversations of one language, found by their customers' words."""

    def __init__(self, talks: Sequence[Messages]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._talks = talks
        self._vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
        self._vectors = self._vectorizer.fit_transform(map(_customer, talks))

    def nearest(self, said: str, most: int) -> list[Mapping[str, Any]]:
        import numpy as np

        likeness = (self._vectors @ self._vectorizer.transform([said]).T).toarray()[:, 0]
        ranked = np.argsort(-likeness, kind="stable")[:most]
        return [m for place in ranked[::-1] if likeness[place] > 0 for m in exchange(self._talks[place])]


def with_prefix(prefix: Messages, messages: Messages) -> tuple[list[Mapping[str, Any]], int]:
    """Prefix and conversation as one, and how much further on each of the conversation's own turns now stands.

    Two system messages become one: templates know one, at the beginning.
    """
    systems = [m for m in (*prefix[:1], *messages[:1]) if m["role"] == "system"]
    shots = [m for m in prefix if m["role"] != "system"]
    own = [*messages[1:]] if messages[:1] and messages[0]["role"] == "system" else [*messages]
    system = [message("system", "\n\n".join(m["content"] for m in systems))] if systems else []
    joined = [*system, *shots, *own]
    return joined, len(joined) - len(messages)


def prompt_arms(named: Collection[str]) -> list[str]:
    """Those of the named arms that need no training, in their order."""
    return [arm for arm in PROMPT_ARMS if arm in named]


def _customer(messages: Messages) -> str:
    return fold(" ".join(m["content"] for m in messages if m["role"] == "user"))


def exchange(messages: Messages) -> list[Mapping[str, Any]]:
    """What customer and assistant said to each other."""
    return [m for m in messages if m["role"] in ("user", "assistant") and not m.get("tool_calls")]


def is_example(row: Row, shot_words: int) -> bool:
    """Whether a conversation can be shown: short, a question first, a reply last, and all of it may be learnt."""
    said = exchange(row["messages"])
    words = sum(len(m["content"].split()) for m in said)
    whole = len(said) >= 2 and said[0]["role"] == "user" and said[-1]["role"] == "assistant"
    whole = whole and not any(map(is_untaught, said))
    return whole and words <= shot_words and bool(re.search(r"\w", _customer(said)))
