"""The arms of the comparison: what stands before a conversation when each of them answers it.

base       nothing: the model as it comes
prompted   the team's written prompt, in the conversation's language
few_shot   whole conversations from train whose customers said something alike, in the same language. Likeness looks at
           all the customer's turns, for earlier replies at turns still to come: it flatters this arm a little
adapter    nothing again, but the adapter is on
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from curation.conversation import message
from curation.stage import QiratError
from curation.text import fold

PROMPT_ARMS = ("base", "prompted", "few_shot")  # what can be had without training
ADAPTER = "adapter"
WORD_PLACES = 512

Messages = Sequence[Mapping[str, Any]]
Prefixes = Mapping[str, Messages]  # conversation_id -> what the arm says first; an absent one: nothing


def prompt_sections(text: str, source: str) -> dict[str, str]:
    """prompt.md by language: sections are headed `# <code>`, what stands before the first is a comment."""
    parts = re.split(r"^# *(\w+) *$", text, flags=re.MULTILINE)
    sections = {code: said.strip() for code, said in zip(parts[1::2], parts[2::2], strict=True) if said.strip()}
    if not sections:
        raise QiratError(f"{source}: no section found; head each language's prompt with a line such as `# en`")
    return sections


def prompted(conversations: pl.DataFrame, sections: Mapping[str, str]) -> Prefixes:
    """The written prompt as system message; languages without a section get the first one."""
    fallback = next(iter(sections.values()))
    return {
        conversation: [message("system", sections.get(language, fallback))]
        for conversation, language in conversations.select("conversation_id", "language").iter_rows()
    }


def few_shot(
    conversations: pl.DataFrame, train: pl.DataFrame, vectors: pl.DataFrame, shots: int, shot_words: int
) -> Prefixes:
    """The `shots` nearest train conversations of the same language, the nearest last, beside the question.

    Likeness is the cosine of the vectors, which hold all the customer's turns: for a reply before the last they know
    what a server would not know yet. An edited conversation uses its parent's. Examples longer than `shot_words` or
    without an exchange are passed over. A conversation without vector gets none. Where nothing was embedded
    (embed.model: none), vectors of words take their place: likeness is then the overlap of the words.
    """
    import numpy as np

    if vectors.is_empty():
        vectors = _word_vectors(pl.concat([conversations, train], how="diagonal"))
    examples = [row for row in _with_vectors(train, vectors).iter_rows(named=True) if _is_example(row, shot_words)]
    found: dict[str, Messages] = {}
    for row in _with_vectors(conversations, vectors).iter_rows(named=True):
        alike = [e for e in examples if e["language"] == row["language"]]
        if alike:
            likeness = np.array([e["vector"] for e in alike]) @ np.array(row["vector"])
            nearest = np.argsort(-likeness, kind="stable")[:shots][::-1]
            found[row["conversation_id"]] = [m for i in nearest for m in _exchange(alike[i]["messages"])]
    return found


def with_prefix(prefix: Messages, messages: Messages) -> tuple[list[Mapping[str, Any]], int]:
    """Prefix and conversation as one, and the place from which on the replies are the conversation's own.

    Two system messages become one: templates know one, at the beginning.
    """
    systems = [m for m in (*prefix[:1], *messages[:1]) if m["role"] == "system"]
    shots = [m for m in prefix if m["role"] != "system"]
    own = [*messages[1:]] if messages[:1] and messages[0]["role"] == "system" else [*messages]
    system = [message("system", "\n\n".join(m["content"] for m in systems))] if systems else []
    joined = [*system, *shots, *own]
    return joined, len(joined) - len(own)


def _with_vectors(conversations: pl.DataFrame, vectors: pl.DataFrame) -> pl.DataFrame:
    """Rows with a unit `vector`, by id."""
    words = pl.coalesce("parent_id", "conversation_id")
    unit = vectors.select(
        words=pl.col("conversation_id"),
        vector=pl.col("vector").cast(pl.List(pl.Float32))
        / pl.col("vector").cast(pl.List(pl.Float32)).list.eval(pl.element().pow(2)).list.sum().sqrt(),
    )
    return conversations.with_columns(words=words).join(unit, on="words").sort("conversation_id")


def _word_vectors(conversations: pl.DataFrame) -> pl.DataFrame:
    """conversation_id and which of WORD_PLACES hashes the words of the customer have, as 0 or 1."""
    found = {}
    for parent, own, messages in conversations.select("parent_id", "conversation_id", "messages").iter_rows():
        said = fold(" ".join(m["content"] for m in messages if m["role"] == "user"))
        if words := {zlib.crc32(word.encode()) % WORD_PLACES for word in re.findall(r"\w+", said)}:
            found[parent or own] = [float(place in words) for place in range(WORD_PLACES)]
    vectors = pl.Series(list(found.values()), dtype=pl.List(pl.Float32))
    return pl.DataFrame({"conversation_id": list(found), "vector": vectors})


def _exchange(messages: Messages) -> list[Mapping[str, Any]]:
    return [m for m in messages if m["role"] in ("user", "assistant") and not m.get("tool_calls")]


def _is_example(row: Mapping[str, Any], shot_words: int) -> bool:
    said = _exchange(row["messages"])
    words = sum(len(m["content"].split()) for m in said)
    return words <= shot_words and len(said) >= 2 and said[0]["role"] == "user" and said[-1]["role"] == "assistant"
