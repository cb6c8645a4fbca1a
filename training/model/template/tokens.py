"""Text to tokens, without telling the tokenizer the same beginning twice."""

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SIDES = ("word", "ends in a space ", " begins with one", "سطر\n", "\n٣", "👋🏽", "🏽é")  # what may stand beside a token


def special_tokens(tokenizer: "PreTrainedTokenizerBase", *more: str) -> re.Pattern[str]:
    """Every spelling that the tokenizer reads as a token which stands for more than its letters, and `more`."""
    special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    return re.compile("|".join(re.escape(token) for token in sorted({*special, *more}, key=len)[::-1]) or "(?!)")


class Tokens:
    """Tokens of one text after another, each often the beginning of the next.

    Special tokens are walls: what stands before one and what begins with it can be tokenised apart. So a prompt of a
    hundred turns costs its last turn only. A token is taken for a wall when that holds between all SIDES.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer
        self._rust: Any = getattr(tokenizer, "backend_tokenizer", None)  # None: one written in Python
        self._proved: dict[str, bool] = {}
        self._text, self._ids = "", list[int]()  # of the last texts, up to a wall
        self._marks = [(0, 0)]  # characters and tokens before the walls at which earlier texts may be left

    def of(self, text: str) -> list[int]:
        """What the tokenizer gives for the whole text."""
        while not self._goes_on(text, self._marks[-1][0]):
            self._marks.pop()
        place, count = self._marks[-1]
        wall = max((m.start() for m in self._special.finditer(text, place) if self._is_wall(m.group())), default=place)
        self._ids = self._ids[:count]
        if wall > place:
            self._ids += self.direct(text[place:wall])
            self._text = text[:wall]
            self._marks.append((wall, len(self._ids)))
        return [*self._ids, *self.direct(text[wall:])]

    def _goes_on(self, text: str, place: int) -> bool:
        """Whether the text is known up to `place` and parted there by a wall."""
        if place == 0:
            return True
        special = self._special.match(text, place)
        return special is not None and self._is_wall(special.group()) and text.startswith(self._text[:place])

    def direct(self, text: str) -> list[int]:
        ids: list[int]
        if self._rust is not None and not self._rust.truncation and not self._rust.padding:
            # The same ids, without what a model's input needs besides them.
            ids = self._rust.encode_batch_fast([text], add_special_tokens=False)[0].ids
        else:
            ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    @cached_property
    def _special(self) -> re.Pattern[str]:
        added = {token.content for token in self._tokenizer.added_tokens_decoder.values()}
        return re.compile("|".join(re.escape(token) for token in sorted(added, key=lambda t: (-len(t), t))) or "(?!)")

    def _is_wall(self, token: str) -> bool:
        if token not in self._proved:
            before = {side: self.direct(side) for side in SIDES}
            behind = {side: self.direct(token + side) for side in SIDES}
            self._proved[token] = all(
                self.direct(left + token + right) == before[left] + behind[right] for left in SIDES for right in SIDES
            )
        return self._proved[token]
