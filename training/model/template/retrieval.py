"""What a server with retrieval would send before a reply: what the reply states, among other facts of its kinds.

Retrieval-augmented fine-tuning with distractors: Zhang et al. 2024, RAFT, arXiv 2403.10131.
"""

import random
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.model.template.masked_renderer import Renderer
from training.model.template.messages import InexpressibleError, Message

GROUND = "ground"  # the treatment of facts that are learnt to be read
WORDS = 6  # before a fact, which say what it is of; behind it where it begins its sentence
_SENTENCE = re.compile(r"[.!?؟:؛\n](?=\s)|\n")
_PROBE = 'the "fee" is 25\nالرسوم 25'  # what some templates escape


@dataclass(frozen=True)
class Note:
    """A fact with the words that say what it is of: `The delivery fee is 25 SAR`."""

    kind: str
    fact: str
    words: str


@dataclass(frozen=True)
class Given:
    """Messages with what was looked up among them. `origin` is the turn that each message has in the conversation."""

    messages: list[Message]
    origin: list[int]

    def places(self, turns: Collection[int]) -> list[int]:
        """Where the replies of these turns of the conversation now stand."""
        replies = (place for place, m in enumerate(self.messages) if m["role"] == "assistant")
        return [place for place in replies if self.origin[place] in turns]


def as_said(messages: Sequence[Message]) -> Given:
    """Nothing looked up."""
    return Given(list(messages), list(range(len(messages))))


def notes(messages: Sequence[Message], facts: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, Note]]:
    """Turn and note of each fact that is to be read."""
    for fact in facts:
        if fact["treatment"] == GROUND:
            content, start, end = messages[fact["turn"]]["content"], fact["start"], fact["end"]
            before = _SENTENCE.split(content[:start])[-1].split()[-WORDS:]
            behind = [] if before else _SENTENCE.split(content[end:])[0].split()[:WORDS]
            said = content[start:end]
            yield fact["turn"], Note(fact["kind"], said, " ".join([*before, said, *behind]))


class Retrieval:
    """Puts what replies state before them: as a tool's message where the template tells one, else behind the question.

    text: holds {facts}, where the notes stand, a line each. distractors: notes of the same kind from other
    conversations, `known`, for each fact; seed: of their draw.
    """

    def __init__(self, renderer: Renderer, text: str, distractors: int, seed: int, known: Iterable[Note]) -> None:
        self.role = "tool" if _tells_tools(renderer) else "user"
        self._text, self._distractors, self._seed = text, distractors, seed
        self._known: dict[str, list[Note]] = {}
        for note in sorted(set(known), key=lambda note: (note.kind, note.words)):
            self._known.setdefault(note.kind, []).append(note)

    def given(self, key: str, messages: Sequence[Message], facts: Iterable[Mapping[str, Any]]) -> Given:
        """The conversation `key` with what its replies state before them."""
        wanted: dict[int, list[Note]] = {}
        for turn, note in notes(messages, facts):
            wanted.setdefault(turn, []).append(note)
        said, origin = list[Message](), list[int]()
        for turn, m in enumerate(messages):
            if turn in wanted:
                self._look_up(said, origin, turn, self._told(f"{key}:{turn}", wanted[turn]))
            said.append(m)
            origin.append(turn)
        return Given(said, origin)

    def _look_up(self, said: list[Message], origin: list[int], turn: int, text: str) -> None:
        asked = max((place for place, m in enumerate(said) if m["role"] == "user"), default=None)
        if self.role == "tool" or asked is None:
            said.append({"role": self.role, "content": text})
            origin.append(turn)
        else:
            said[asked] = {**said[asked], "content": f"{said[asked]['content']}\n\n{text}"}

    def _told(self, key: str, wanted: Sequence[Note]) -> str:
        draw = random.Random(f"{self._seed}:{key}")
        stated = {note.fact.casefold() for note in wanted}
        lines = {note.words for note in wanted}
        for note in wanted:
            others = [other for other in self._known.get(note.kind, ()) if other.fact.casefold() not in stated]
            lines |= {other.words for other in draw.sample(others, min(self._distractors, len(others)))}
        ordered = sorted(lines)
        draw.shuffle(ordered)
        return self._text.format(facts="\n".join(ordered))


def _tells_tools(renderer: Renderer) -> bool:
    """Whether the template tells a tool's message without a call before it."""
    asked, answered = {"role": "user", "content": "how much?"}, {"role": "assistant", "content": "It is 25."}
    try:
        renderer.examples([asked, {"role": "tool", "content": _PROBE}, answered])
    except InexpressibleError:
        return False
    return True
