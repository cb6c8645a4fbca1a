"""What tells two near-identical conversations apart, as people read it: turn by turn, word by word."""

import itertools
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

Message = Mapping[str, Any]
Turn = tuple[int, str, str]  # 1-based number, role, text

_TOKEN = re.compile(r"\s*(\d+(?:[.,:/-]\d+)*|[^\s{}\[\]()\",:;!?.،؛؟]+|.)", re.DOTALL)
AROUND = 6  # equal words shown on either side of a difference
COMPARED = 300  # words or turns that are compared with as many; what that costs grows as the square of it, or faster
Step = tuple[str, int, int, int, int]  # as difflib has it: what becomes of before[i:j], after[k:m] or nothing


def difference(left: Sequence[Message], right: Sequence[Message]) -> list[str]:
    """One line for each turn that differs, [-only left-] and {+only right+}; empty when the words are the same.

    Turns are numbered as in `left`; a turn that only `right` has is marked with +. Tool calls are words like others.
    """
    before, after = _turns(left), _turns(right)
    # Roles and texts decide which turns belong together: a turn inserted early moves all that follow.
    lines: list[str] = []
    for kind, i, j, k, m in steps([turn[1:] for turn in before], [turn[1:] for turn in after]):
        if kind != "equal":
            lines += [line for pair in _paired(before[i:j], after[k:m]) if (line := _line(*pair))]
    return lines


def marked(left: str, right: str) -> str:
    """Both texts in one: what only `left` says as [-this-], what only `right` says as {+this+}, in short context."""
    before, after = list(_TOKEN.finditer(left)), list(_TOKEN.finditer(right))
    blocks = steps([t[1] for t in before], [t[1] for t in after])
    shown = []
    for place, (kind, i, j, k, m) in enumerate(blocks):
        if kind == "equal":
            same = [token[0] for token in before[i:j]]
            shown.append(_shortened(same, first=place == 0, last=place == len(blocks) - 1))
        else:
            gone, come = ("".join(t[0] for t in side) for side in (before[i:j], after[k:m]))
            space = " " if (gone or come)[0].isspace() else ""
            shown.append(space + (f"[-{gone.strip()}-]" if gone else "") + (f"{{+{come.strip()}+}}" if come else ""))
    return "".join(shown).strip()


def steps(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[Step]:
    """How one becomes the other, from beginning to end, by kind: equal, replace, delete, insert.

    Between a beginning and an end that are the same, COMPARED of each are compared; all behind them is different.
    """
    start = next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    most = min(len(before), len(after)) - start
    end = next((n for n in range(most) if before[-1 - n] != after[-1 - n]), most)
    ours, theirs = before[start : len(before) - end], after[start : len(after) - end]
    compared = SequenceMatcher(None, ours[:COMPARED], theirs[:COMPARED], autojunk=False).get_opcodes()
    found: list[Step] = [(kind, i + start, j + start, k + start, m + start) for kind, i, j, k, m in compared]
    i, k = start + len(ours[:COMPARED]), start + len(theirs[:COMPARED])
    j, m = start + len(ours), start + len(theirs)
    rest = ("replace" if i < j and k < m else "delete" if i < j else "insert", i, j, k, m)
    whole = [("equal", 0, start, 0, start), *found, rest, ("equal", j, len(before), m, len(after))]
    return list(_without_gaps([step for step in whole if step[1] < step[2] or step[3] < step[4]]))


def _without_gaps(found: Sequence[Step]) -> Iterator[Step]:
    """Neighbours that are both equal, or both different, as one."""
    for equal, group in itertools.groupby(found, lambda step: step[0] == "equal"):
        steps = list(group)
        (_, i, _, k, _), (_, _, j, _, m) = steps[0], steps[-1]
        yield ("equal" if equal else "replace" if i < j and k < m else "delete" if i < j else "insert", i, j, k, m)


def _turns(messages: Sequence[Message]) -> list[Turn]:
    return [
        (number, m["role"], f"{m['content']} {m.get('tool_calls') or ''}".strip())
        for number, m in enumerate(messages, 1)
    ]


def _paired(before: Sequence[Turn], after: Sequence[Turn]) -> Iterator[tuple[Turn | None, Turn | None]]:
    """Turns of one stretch that differs, in order: each with its likest of the same role on the other side, or alone.

    The pairing that keeps the order and has the greatest sum of likeness (Needleman and Wunsch, without gap costs).
    """
    best = [[0.0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for i in reversed(range(len(before))):
        for k in reversed(range(len(after))):
            best[i][k] = max(best[i + 1][k], best[i][k + 1], best[i + 1][k + 1] + _likeness(before[i], after[k]))
    i = k = 0
    while i < len(before) or k < len(after):
        if i < len(before) and best[i][k] == best[i + 1][k]:
            yield before[i], None
            i += 1
        elif k < len(after) and best[i][k] == best[i][k + 1]:
            yield None, after[k]
            k += 1
        else:
            yield before[i], after[k]
            i, k = i + 1, k + 1


def _likeness(left: Turn, right: Turn) -> float:
    """Share of words in common (Dice); a little above none for two turns of one role, none for two roles."""
    if left[1] != right[1]:
        return 0.0
    ours, theirs = (set(turn[2].split()) for turn in (left, right))
    return 0.01 + 2 * len(ours & theirs) / max(1, len(ours) + len(theirs))


def _line(left: Turn | None, right: Turn | None) -> str:
    """The turn with its differences marked; empty when only white space differs."""
    number = str(left[0]) if left else "+"
    _, role, _ = left or right or (0, "", "")
    text = marked(left[2] if left else "", right[2] if right else "")
    return f"{number:>3} {role}: {text}" if "[-" in text or "{+" in text else ""


def _shortened(words: list[str], *, first: bool, last: bool) -> str:
    """Equal words between differences, without those that stand far from any."""
    head, tail = (0 if first else AROUND), (0 if last else AROUND)
    if len(words) <= head + tail + 1:
        return "".join(words)
    return "".join(words[:head]) + " … " + "".join(words[len(words) - tail :]).lstrip()
