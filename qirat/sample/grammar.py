"""Phrase banks and how a phrase becomes a sentence.

A phrase may hold choices `[a|b]`, which nest, agreement `c(m/f)` with the customer, `a(m/f)` with the agent, `p(m/f)`
and `o(m/f)` with the product and the other product, and slots `{order}`, each a fact of the scenario or a word list.
"""

import functools
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from curation.core.text.lexicon import ARABIC_DIGITS, DIGITS

FACTS = frozenset({"order", "date", "day", "amount", "code", "eta", "carrier", "amount_tool", "refund_state"})
# slots an agent may use only once their value has been said

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_AGREEMENT = re.compile(r"([capo])\(([^/()]*)/([^()]*)\)")
_SLOT = re.compile(r"\{(\w+)\}")
_DIALECT = re.compile(r"^([gel]): ")
_DIALECTS = {"g": "gulf", "e": "egyptian", "l": "levantine"}
_SETTINGS = ("tone", "context", "info", "kind", "grave", "urgent")  # of a topic, apart from what is said
_HERE = Path(__file__).parent

EASTERN_DIGITS = str.maketrans(DIGITS, ARABIC_DIGITS)


@functools.cache
def load(name: str) -> Any:
    """The YAML bank of that name, e.g. "en"."""
    return yaml.load((_HERE / f"{name}.yaml").read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@functools.cache
def bank(language: str, period: str = "") -> Mapping[str, Any]:
    """The phrases of a language. What a period has of its own, in PERIOD_LANGUAGE.yaml, stands in place of the rest.

    A topic of a period has its own of everything that is said; of the language it keeps the settings.
    """
    common: dict[str, Any] = load(language)
    if not period:
        return common
    own: dict[str, Any] = load(f"{period}_{language}")
    topics = {
        name: {key: value for key, value in common["intents"][name].items() if key in _SETTINGS} | its
        for name, its in own["intents"].items()
    }
    return common | own | {"intents": topics}


@functools.cache
def lines(block: str) -> tuple[tuple[str, str], ...]:
    """The phrases of a bank entry as (dialect, phrase); dialect is "" for phrases anybody may use."""
    found = []
    for line in filter(None, map(str.strip, block.splitlines())):
        mark = _DIALECT.match(line)
        found.append((_DIALECTS[mark[1]], line[mark.end() :]) if mark else ("", line))
    return tuple(found)


@dataclass(frozen=True)
class Voice:
    """What turns phrases into the words of one speaker: facts, genders ("m"/"f" by c, a, p, o) and dialect."""

    slots: Mapping[str, str]
    genders: Mapping[str, str]
    words: Mapping[str, str]
    dialect: str = ""

    def say(self, block: str, rng: random.Random, allowed: Callable[[str], bool] = lambda fact: True) -> str:
        """One phrase of the block, filled; never one that states a fact slot whose value is not `allowed`."""
        phrases = self._phrases(block, rng)
        for _ in range(40):
            phrase = choose(rng.choice(phrases), rng)
            if all(allowed(self.slots[slot]) for slot in _SLOT.findall(phrase) if slot in FACTS):
                return tidy(self._fill(phrase, rng))
        raise ValueError(f"every phrase states a fact nobody has said yet: {phrases}")

    def _phrases(self, block: str, rng: random.Random) -> Sequence[str]:
        """Lines of the own dialect more often than the common ones, where there are any."""
        own = [phrase for dialect, phrase in lines(block) if dialect and dialect == self.dialect]
        common = [phrase for dialect, phrase in lines(block) if not dialect]
        return own if own and (not common or rng.random() < 0.6) else common

    def _fill(self, phrase: str, rng: random.Random) -> str:
        def slot(found: re.Match[str]) -> str:
            name = found[1]
            return self.slots[name] if name in self.slots else rng.choice(lines(self.words[name]))[1]

        phrase = _AGREEMENT.sub(lambda m: m[2] if self.genders[m[1]] == "m" else m[3], phrase)
        return _SLOT.sub(slot, phrase)


def choose(phrase: str, rng: random.Random) -> str:
    """Settles every `[a|b]`, innermost first."""
    while _CHOICE.search(phrase):
        phrase = _CHOICE.sub(lambda m: rng.choice(m[1].split("|")), phrase)
    return phrase


def tidy(text: str) -> str:
    """One space between words, none before punctuation, no doubled full stops, Arabic prefixes joined to their word."""
    text = re.sub(r"([بل])ـ(?=[ء-ي])", r"\1", text)
    text = re.sub(r"\s+([.,;:!?،؛؟])", r"\1", re.sub(r"[ \t]+", " ", text)).strip()
    return re.sub(r"(?<!\.)([.!?؟])\.(?!\.)", r"\1", text)


def sentences(text: str) -> str:
    """Capital letters where English sentences begin."""
    return re.sub(r"(^|[.!?]\s+|\n)([a-z])", lambda m: m[1] + m[2].upper(), text)
