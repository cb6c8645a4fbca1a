"""How phrases are written where they stand, and whether they are personal or tell a fact there."""

import functools
import re
from collections import Counter
from collections.abc import Sequence

from curation.core.text.folding import fold
from curation.privacy.finds import finds
from curation.privacy.names import likely_names
from curation.proposals.phrases import SLOT, Phrases
from curation.proposals.search import Allowed

ASKED = 5  # texts in which a phrase is looked up for whether it is personal
SHOWN = 200  # texts in which the spelling of a phrase is looked up
LOOKED_AT = 50  # texts in which its clauses are looked at for facts
TELLS = 0.8  # share of a phrase's clauses that tell a fact, from which it is there to tell it
_FACT = re.compile(SLOT)
_CLAUSES = re.compile(r"[.!?؟…](?=\s|$)|[,;:،؛|\n]\s?|\s[-–—]\s")


def impersonal(phrases: Phrases, texts: Sequence[str], countries: Sequence[str]) -> Allowed:
    """Whether a phrase holds nothing personal, names included, where it stands. Looked up in some of its texts."""

    @functools.cache
    def personal(text: str) -> frozenset[str]:
        found = [*finds(text, countries), *likely_names(text)]
        return frozenset(word for find in found for word in fold(text[find.start : find.end]).split())

    @functools.cache
    def allowed(phrase: str) -> bool:
        return all(personal(text).isdisjoint(phrase.split()) for text in holding(phrases, phrase, texts)[:ASKED])

    return allowed


def wording(phrases: Phrases, texts: Sequence[str]) -> Allowed:
    """Whether a phrase is how something is said, and not part of clauses that tell a fact: "20 degrees celsius"."""

    @functools.cache
    def clauses(text: str) -> list[tuple[str, bool]]:
        return [(f" {clause} ", bool(_FACT.search(clause))) for clause in _CLAUSES.split(fold(text))]

    @functools.cache
    def allowed(phrase: str) -> bool:
        where = holding(phrases, phrase, texts)[:LOOKED_AT]
        tells = [fact for text in where for clause, fact in clauses(text) if f" {phrase} " in clause]
        return sum(tells) < TELLS * max(len(tells), 1)

    return allowed


def holding(phrases: Phrases, phrase: str, texts: Sequence[str]) -> list[str]:
    """The texts in which it stands, in order."""
    return [texts[k] for k in sorted(phrases.texts_with(phrase).tolist())]


def written(said: Sequence[str], phrases: Phrases, texts: Sequence[str]) -> tuple[str, ...]:
    """The phrases as they are most often written, those first that stand in most texts."""
    ordered = sorted(said, key=lambda phrase: (-int(phrases.counts[phrases.known.places[phrase]]), phrase))
    return tuple(_spelling(phrase, holding(phrases, phrase, texts)[:SHOWN]) for phrase in ordered)


def _spelling(phrase: str, texts: Sequence[str]) -> str:
    wanted, found = phrase.split(), Counter[str]()
    for text in texts:
        written = [word.strip(_PUNCTUATION) for word in text.split()]
        plain = [fold(word) for word in written]
        for place in range(len(plain) - len(wanted) + 1):
            if plain[place : place + len(wanted)] == wanted:
                found[" ".join(written[place : place + len(wanted)])] += 1
    return min(found, key=lambda one: (-found[one], one)) if found else phrase


_PUNCTUATION = ".,;:!?…()[]{}\"“”«»*،؛؟|-–—'"
