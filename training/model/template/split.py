"""A long conversation as several examples, each with context, none with half a reply."""

from bisect import bisect, bisect_left
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from training.model.template.masked_renderer import Example, Reading, Renderer
from training.model.template.messages import Message


def split_examples(
    renderer: Renderer,
    messages: Sequence[Message],
    tools: str | None,
    turns: Sequence[int],
    *,
    limit: int,
    context: int,
) -> list[Example]:
    """Examples of at most `limit` tokens in which each of `turns` that fits is supervised exactly once.

    The first example begins where the conversation does. Each further one has the system prompt and, from a customer's
    turn on, as many earlier turns as leave the first prompt within `context` tokens; it goes on with whole turns as far
    as they fit. A reply that is too long even behind its customer's turn alone is left out.
    """
    head = next((turn for turn, m in enumerate(messages) if m["role"] != "system"), len(messages))
    starts = [head, *(turn for turn, m in enumerate(messages) if m["role"] == "user" and turn > head)]

    @cache
    def window(start: int) -> Reading:
        return renderer.reading([*messages[:head], *messages[start:]], tools)

    def begun(start: int, left: Sequence[int]) -> list[Example]:
        shift = start - head
        found = window(start).examples({turn - shift for turn in left}, limit)
        return [replace(example, turns=[turn + shift for turn in example.turns]) for example in found]

    def has_room(at: int) -> bool:
        shift = starts[at] - head
        return len(window(starts[at]).prompt(left[0] - shift)) <= context

    examples, at = begun(head, turns), 0
    left = turns[_learnt(examples) :]
    while left:
        own = bisect(starts, left[0]) - 1  # the turn that the reply answers
        at = bisect_left(range(own), True, lo=at, key=has_room)
        more = begun(starts[at], left) or begun(starts[own], left)
        examples += more
        left = left[max(1, _learnt(more)) :]
    return examples


def _learnt(examples: Sequence[Example]) -> int:
    return sum(len(example.turns) for example in examples)
