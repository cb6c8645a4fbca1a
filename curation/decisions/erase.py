"""What people said of words that are to be forgotten leaves data/review: decisions, answers, gold marks, pairs."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from curation.core.record import pairs
from curation.decisions import answers, decisions, gold
from curation.decisions.forget import ForgetRules, customer_in


@dataclass(frozen=True)
class Leaving:
    """Lines that leave one file."""

    what: str
    lines: int
    path: Path
    leave: Callable[[], None]  # writes the file without them, whole or not at all


def said_of(words: Collection[str]) -> Iterator[Leaving]:
    """Whatever people said of the conversations with these ids, file by file; nothing of a file that has none."""
    for what, path, lines, write in _files():
        kept = [line for line in lines if line.conversation_id not in words]
        if fewer := len(lines) - len(kept):
            yield Leaving(what, fewer, path, partial(write, kept))


def take_out(words: Collection[str]) -> list[Leaving]:
    """Takes it out. For whoever holds answers.alone(); stopped anywhere, the same again takes out the rest."""
    found = list(said_of(words))
    for leaving in found:
        leaving.leave()
    return found


def reviewed() -> set[str]:
    """The conversation_ids of all lines of data/review."""
    return {line.conversation_id for _, _, lines, _ in _files() for line in lines}


def named_in_corrections(rules: ForgetRules) -> set[str]:
    """The conversation_ids of lines whose corrected words name, by address or phone, a customer to be forgotten."""
    corrected: list[tuple[str, Any]] = [(d.conversation_id, list(d.messages or ())) for d in decisions.read_decisions()]
    corrected += [(a.conversation_id, a.corrected) for a in answers.read_answers()]
    return {key for key, said in corrected if customer_in(said, rules)}


def _files() -> Sequence[tuple[str, Path, Sequence[Any], Callable[[Any], None]]]:
    return (
        (
            "decisions, which may hold corrected words,",
            decisions.PATH,
            decisions.read_decisions(),
            decisions.write_decisions,
        ),
        ("answers, which may hold corrected words,", answers.PATH, answers.read_answers(), answers.write_answers),
        ("gold marks", gold.PATH, gold.read_gold(), gold.write_gold),
        ("judgements of pairs", pairs.PATH, pairs.read_judgements(), pairs.write_judgements),
    )
