"""The clean rows that real dialogues give, and how alike two texts are."""

import gzip
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from curation.planting.rows import Message, Row

Shingles = set[tuple[str, ...]]

SHINGLE_WORDS = 5
NEAR_COPY_FROM = 0.7  # Jaccard; a base row this close to an earlier one would be an unknown duplicate
TOPIC_FIELDS = ("domains", "vertical", "label")  # of the sources' `meta`
_WORD = re.compile(r"\w+")


def english(paths: Sequence[Path], most: int, seed: int) -> list[Row]:
    """Up to `most` dialogues of JSON lines of {messages, meta}, an equal share of each file where it has as many."""
    rows: list[Row] = []
    for left, path in zip(range(len(paths), 0, -1), sorted(paths, key=lambda p: p.stat().st_size), strict=True):
        found = list(_dialogues(path))
        random.Random(seed).shuffle(found)
        rows += clean(found)[: (most - len(rows)) // left]
    return clean(rows)


def _dialogues(path: Path) -> Iterator[Row]:
    for number, found in enumerate(json_lines(path), 1):
        messages = [{"role": m["role"], "content": m["content"]} for m in found["messages"]]
        topics = _topics(found.get("meta") or {})
        label = "+".join(topics) or None
        yield Row(f"{path.name}:{number}", "en", label, frozenset(topics), tuple(merged(messages)))


def json_lines(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _topics(meta: dict[str, Any]) -> list[str]:
    found: Any = next((meta[field] for field in TOPIC_FIELDS if meta.get(field)), [])
    return [name.lower() for name in ([found] if isinstance(found, str) else found) if name]


def merged(messages: Iterable[Message]) -> Iterator[Message]:
    """Neighbouring messages of one side as one turn, the way ingest makes them."""
    last: Message | None = None
    for message in messages:
        if last and last["role"] == message["role"]:
            last = {"role": last["role"], "content": f"{last['content']}\n{message['content']}"}
        else:
            if last:
                yield last
            last = message
    if last:
        yield last


def clean(rows: Sequence[Row]) -> list[Row]:
    """Rows that are conversations and no copy of an earlier one: the only conditions, so that no check is favoured."""
    whole = [row for row in rows if _both_sides(row)]
    close = _near_copies([shingles(row.text) for row in whole])
    return [row for number, row in enumerate(whole) if number not in close]


def _both_sides(row: Row) -> bool:
    said = {m["role"] for m in row.messages if m["content"].strip()}
    return {"user", "assistant"} <= said and all(m["content"].strip() for m in row.messages)


def shingles(text: str) -> Shingles:
    """Runs of SHINGLE_WORDS words; one run of all words where there are fewer."""
    words = _WORD.findall(text.lower())
    width = min(SHINGLE_WORDS, len(words))
    return set(zip(*(words[k:] for k in range(width)), strict=False))


def jaccard(one: Shingles, other: Shingles) -> float:
    return len(one & other) / max(len(one | other), 1)


def _near_copies(sets: Sequence[Shingles], block: int = 500) -> set[int]:
    """Rows whose Jaccard with some earlier row reaches NEAR_COPY_FROM, exactly: every pair is compared."""
    numbers: dict[tuple[str, ...], int] = {}
    columns = [[numbers.setdefault(s, len(numbers)) for s in found] for found in sets]
    sizes = np.array([len(found) for found in columns])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    flat = np.concatenate([np.array(found, int) for found in columns]) if columns else np.array([], int)
    table = scipy.sparse.csr_matrix((np.ones(len(flat), np.int32), flat, starts), shape=(len(sets), len(numbers)))
    close: set[int] = set()
    for start in range(0, len(sets), block):
        shared = (table[start : start + block] @ table.T).tocoo()
        union = sizes[shared.row + start] + sizes[shared.col] - shared.data
        near = (shared.data >= NEAR_COPY_FROM * union) & (shared.col < shared.row + start)
        close.update((shared.row[near] + start).tolist())
    return close
