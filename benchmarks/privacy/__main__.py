"""What is found of the personal data in sentences that were written before the rules were read, and what is not there.

python -m benchmarks.privacy [FOLDER]

A sentence a line, `user: ` or `assistant: ` before it, each value between ⟦ and ⟧; files whose name begins with "clean"
or "no_" hold none. ¦ joins the parts of a secret, so that no scanner of repositories takes the file for a leak.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curation.privacy import finds
from curation.privacy.names import likely_names

SENTENCES = Path("tests/privacy/sentences")
COUNTRIES = ("SA", "AE", "EG", "JO")
_VALUE = re.compile("⟦(.*?)⟧", re.DOTALL)
_KINDS = {"names": {"name"}, "phones": {"phone"}, "secrets": {"secret", "ip_address", "mac_address"}}


@dataclass(frozen=True)
class Sentence:
    """`text` without marks; `values`: (start, end) of what is personal in it."""

    text: str
    values: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Outcome:
    """`whole`: values found to the last letter; `partly`: touched; `false`: finds that touch no value."""

    values: int
    whole: int
    partly: int
    false: int
    missed: tuple[str, ...]
    wrong: tuple[str, ...]


def main() -> None:
    folder = Path(sys.argv[1]) if sys.argv[1:] else SENTENCES
    for path in sorted(folder.glob("*.txt")):
        outcome = measured(list(sentences(path)), path.stem)
        print(
            f"{path.stem}: {outcome.whole} of {outcome.values} whole, {outcome.partly} in part, {outcome.false} false"
        )
        for line in (*(f"  missed {m}" for m in outcome.missed), *(f"  false {w}" for w in outcome.wrong)):
            print(line)


def sentences(path: Path) -> Iterator[Sentence]:
    """The sentences of a file, with the places of their values."""
    for line in path.read_text("utf-8").splitlines():
        marked = line.partition(": ")[2].replace("¦", "").replace("\\n", "\n")
        values, text, last = [], "", 0
        for value in _VALUE.finditer(marked):
            text += marked[last : value.start()]
            values.append((len(text), len(text) + len(value[1])))
            text, last = text + value[1], value.end()
        yield Sentence(text + marked[last:], tuple(values))


def measured(given: list[Sentence], stem: str) -> Outcome:
    """How much of the values is found, by the kinds that the name of the file tells; all kinds where it tells none."""
    kinds = next((kinds for word, kinds in _KINDS.items() if stem.startswith(word)), None)
    whole = partly = values = 0
    missed, wrong = [], []
    for sentence in given:
        places = _places(sentence.text, kinds)
        values += len(sentence.values)
        for start, end in sentence.values:
            if (start, end) in places:
                whole += 1
            elif any(one < end and start < other for one, other in places):
                partly += 1
                missed.append(f"in part: {sentence.text!r} {[sentence.text[a:b] for a, b in places]}")
            else:
                missed.append(f"{sentence.text[start:end]!r} in {sentence.text!r}")
        for one, other in places:
            if not any(one < end and start < other for start, end in sentence.values):
                wrong.append(f"{sentence.text[one:other]!r} in {sentence.text!r}")
    return Outcome(values, whole, partly, len(wrong), tuple(missed), tuple(wrong))


def _places(text: str, kinds: set[str] | None) -> list[tuple[int, int]]:
    found = finds(text, COUNTRIES, "")
    found += [n for n in likely_names(text) if not any(n.start < f.end and f.start < n.end for f in found)]
    return [(find.start, find.end) for find in found if kinds is None or find.kind in kinds]


if __name__ == "__main__":
    main()
