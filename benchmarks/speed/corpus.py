"""Corpora of any size with the turns of real dialogues: for speed, where what the rows say does not matter.

A row is several exchanges of different dialogues of one language, about 1 KB; every eighth word is another one of that
language and digits are drawn anew, so that rows are as distinct as real ones. 2% of the rows copy an earlier one word
for word, 2% all but a word or two. Row n is the same in corpora of every size.
"""

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from curation.planting.rows import Row

CHARACTERS = 1000
EXACT, NEAR = 0.02, 0.02
_DIGIT = re.compile(r"\d")
Exchange = tuple[str, str]


class Corpus:
    """Rows by number, from the dialogues of each language."""

    def __init__(self, dialogues: Sequence[Row], seed: int = 7) -> None:
        self.seed = seed
        self._exchanges: dict[str, list[Exchange]] = {}
        for row in dialogues:
            said = row.messages
            pairs = [(a["content"], b["content"]) for a, b in pairwise(said) if a["role"] == "user"]
            self._exchanges.setdefault(row.language, []).extend(pairs)
        self._words = {
            language: sorted({word for pair in pairs for text in pair for word in text.split() if word.isalpha()})
            for language, pairs in self._exchanges.items()
        }

    def row(self, number: int) -> dict[str, Any]:
        """The messages of one row and its language as label."""
        rng = random.Random(f"{self.seed} {number}")
        kind = rng.random()
        if number and kind < EXACT + NEAR:
            earlier = self.row(rng.randrange(number))
            return earlier if kind < EXACT else self._nearly(earlier, rng)
        language = rng.choice(sorted(self._exchanges))
        messages: list[dict[str, str]] = []
        while sum(len(m["content"]) for m in messages) < CHARACTERS:
            asked, answered = rng.choice(self._exchanges[language])
            messages.append({"role": "user", "content": self._varied(asked, language, rng)})
            messages.append({"role": "assistant", "content": self._varied(answered, language, rng)})
        return {"messages": messages, "label": language}

    def _varied(self, text: str, language: str, rng: random.Random) -> str:
        words = [rng.choice(self._words[language]) if rng.random() < 1 / 8 else word for word in text.split()]
        return _DIGIT.sub(lambda _: str(rng.randrange(10)), " ".join(words))

    def _nearly(self, row: Mapping[str, Any], rng: random.Random) -> dict[str, Any]:
        messages = [dict(m) for m in row["messages"]]
        message = messages[rng.randrange(len(messages))]
        words = message["content"].split()
        words.insert(rng.randrange(len(words) + 1), rng.choice(self._words[row["label"]]))
        message["content"] = " ".join(words)
        return {**row, "messages": messages}

    def lines(self, first: int, last: int) -> Iterator[str]:
        """Rows first..last-1 as raw files hold them."""
        for number in range(first, last):
            yield json.dumps({"id": f"r{number}", **self.row(number)}, ensure_ascii=False) + "\n"


def write(corpus: Corpus, path: Path, first: int, last: int) -> None:
    """A raw file, unless it stands there already from an earlier run."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.writelines(corpus.lines(first, last))
    partial.replace(path)
