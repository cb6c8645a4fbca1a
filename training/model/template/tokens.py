"""Text to tokens, without telling the tokenizer the same beginning twice."""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

REMEMBERED = 5000  # pieces between walls, those of a few hundred letters: what agents say again and again
SHORT = 500
SIDES = ("word", "ends in a space ", " begins with one", "سطر\n", "\n٣", "👋🏽", "🏽é")  # what may stand beside a token


def special_tokens(tokenizer: "PreTrainedTokenizerBase", *more: str) -> re.Pattern[str]:
    """Every spelling that the tokenizer reads as a token which stands for more than its letters, and `more`."""
    special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    return re.compile("|".join(re.escape(token) for token in sorted({*special, *more}, key=len)[::-1]) or "(?!)")


class Tokens:
    """Tokens of one text after another, each often the beginning of the next.

    Special tokens are walls: what stands before one and what begins with it can be tokenised apart. So a prompt of a
    hundred turns costs its last turn only, and what is said again costs nothing. A token is taken for a wall when that
    holds between all SIDES.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer
        self._rust: Any = getattr(tokenizer, "backend_tokenizer", None)  # None: one written in Python
        self._proved: dict[str, bool] = {}
        self._text, self._ids = "", list[int]()  # of the last texts, up to a wall
        self._marks = [(0, 0)]  # characters and tokens before the walls at which earlier texts may be left
        self._remembered = lru_cache(REMEMBERED)(self.direct)

    def __reduce__(self) -> tuple[type["Tokens"], tuple["PreTrainedTokenizerBase"]]:
        """Another process remembers for itself."""
        return Tokens, (self._tokenizer,)

    def of(self, text: str) -> list[int]:
        """What the tokenizer gives for the whole text."""
        behind = self._read(text)
        return [*self._ids, *behind]

    def parted(self, prompt: str, reply: str) -> tuple[list[int], list[int]]:
        """What the tokenizer gives for the prompt, and what more with the reply behind it.

        Where it would join the two, they stand apart: a server's prompt ends before the reply.
        """
        asked = self.of(prompt)
        walls, wall = len(self._marks), self._marks[-1]
        behind = self._read(prompt + reply)
        same = wall[1] if self._marks[walls - 1 : walls] and self._marks[walls - 1] is wall else 0
        rest = [*self._ids[same:], *behind]
        length = len(asked) - same
        return asked, rest[length:] if rest[:length] == asked[same:] else self.direct(reply)

    def text(self, ids: Sequence[int]) -> str:
        """What they decode to, special tokens as they are spelled."""
        if self._is_plain:
            return str(self._rust.decode(ids, skip_special_tokens=False))
        return str(self._tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))

    @cached_property
    def _is_plain(self) -> bool:
        """Whether transformers adds nothing of its own to decoding."""
        read = [self.direct(side) for side in (*SIDES, *self._tokenizer.all_special_tokens)]
        return self._rust is not None and all(
            self._tokenizer.decode(ids, clean_up_tokenization_spaces=False)
            == self._rust.decode(ids, skip_special_tokens=False)
            for ids in read
        )

    def _read(self, text: str) -> Iterable[int]:
        """Goes on to the text's last wall; the tokens behind it."""
        while (known := self._goes_on(text, self._marks[-1][0])) is None:
            self._marks.pop()
        place, count = self._marks[-1]
        del self._ids[count:]
        for special in self._special.finditer(text, known):
            wall = special.start()
            if wall > place and self._is_wall(special[0]):
                self._ids += self._piece(text[place:wall])
                place = wall
        if place > self._marks[-1][0]:
            self._text = text[:place]
            self._marks.append((place, len(self._ids)))
        return self._piece(text[place:])

    def _piece(self, text: str) -> Iterable[int]:
        """What stands between two walls."""
        return self._remembered(text) if len(text) <= SHORT else self.direct(text)

    def _goes_on(self, text: str, place: int) -> int | None:
        """Behind the wall that parts the text at `place`, up to which it is known; None where it goes on otherwise."""
        if place == 0:
            return 0
        special = self._special.match(text, place) if text.startswith(self._text[:place]) else None
        return special.end() if special and self._is_wall(special[0]) else None

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
