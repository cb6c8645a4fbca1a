"""The team's playbook: what its agents must say, must not say, and when they hand a case over.

`playbook.yaml` holds the rules. The same judgement scores raw conversations (the playbook check) and the replies of
every arm in the evaluation, so that what is trained and what is measured cannot drift apart.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from curation.core.text.folding import fold
from curation.harness.errors import QiratError, faults
from curation.harness.params import Params, mistyped

ARABIC_AND = "وف"  # written as one word with what follows: "وشكراً" is "and thank you"
Phrases = Mapping[str, tuple[str, ...]]  # language -> any of these
Message = Mapping[str, Any]


@dataclass(frozen=True)
class Judgement:
    """One rule applied to one conversation. `turn` is the message at fault, or that decided; evidence its words."""

    rule: str
    kind: str  # required, forbidden, escalation_missing, escalation_undue, length
    ok: bool
    turn: int | None = None
    evidence: str = ""


class Rule(Params):
    """`required`: one of `say` must stand there. `forbidden`: none may. `escalation`: `say` when the customer said
    one of `customer_says`, and only then."""

    id: str
    kind: Literal["required", "forbidden", "escalation"]
    say: Phrases
    where: Literal["first_reply", "last_reply", "any_reply"] = "any_reply"
    labels: tuple[str, ...] = ()  # only for these intents; empty: for all
    customer_says: Phrases = Field(default_factory=dict)
    why: str = ""

    @cached_property
    def said(self) -> "Patterns":
        return Patterns(self.say)

    @cached_property
    def triggered(self) -> "Patterns":
        return Patterns(self.customer_says)


class Playbook(Params):
    """See playbook.yaml for the fields with examples."""

    company: str
    max_words: int  # longest reply, in words
    rules: tuple[Rule, ...]

    @classmethod
    def load(cls, path: Path) -> "Playbook":
        try:
            return cls.model_validate(yaml.safe_load(path.read_text("utf-8")))
        except ValidationError as error:
            raise QiratError(f"{path}: {faults(error)}{mistyped(error, cls)}") from None
        except (ValueError, yaml.YAMLError) as error:
            raise QiratError(f"{path}: {faults(error)}") from None

    def judge(
        self, messages: Sequence[Message], language: str, label: str | None, *, complete: bool = True
    ) -> list[Judgement]:
        """Every rule that applies to this conversation, kept or broken.

        `complete=False`: more turns may follow, so what may still be said later is not judged.
        Rules without phrases in the conversation's language stay silent; a mixed one may use any language.
        """
        replies = [(turn, m["content"]) for turn, m in enumerate(messages) if m["role"] == "assistant" and m["content"]]
        if not replies:
            return []
        found = [
            judgement
            for rule in self.rules
            if (not rule.labels or label in rule.labels) and rule.said.knows(language)
            for judgement in _apply(rule, messages, replies, language, complete)
        ]
        longest_turn, longest = max(replies, key=lambda reply: len(reply[1].split()))
        words = len(longest.split())
        return [*found, Judgement("max_words", "length", words <= self.max_words, longest_turn, f"{words} words")]

    def speaks_as_team(self, messages: Sequence[Message], role: str, language: str) -> bool:
        """Whether someone in this role says a phrase that first replies must have: our own greeting."""
        greetings = [rule.said for rule in self.rules if rule.kind == "required" and rule.where == "first_reply"]
        said = [(turn, m["content"]) for turn, m in enumerate(messages) if m["role"] == role]
        return any(greeting.first(said, language) for greeting in greetings)


class Patterns:
    """Phrases of several languages as one folded, word-bounded pattern a language."""

    def __init__(self, phrases: Phrases) -> None:
        self._by_language = {language: _pattern(said) for language, said in phrases.items() if said}
        self._any = _pattern([p for said in phrases.values() for p in said]) if self._by_language else None

    def knows(self, language: str) -> bool:
        return self._for(language) is not None

    def find(self, text: str, language: str) -> str | None:
        """The first phrase that stands in the text, folded; None when none does."""
        pattern = self._for(language)
        match = pattern.search(fold(text)) if pattern else None
        return match.group() if match else None

    def first(self, said: Sequence[tuple[int, str]], language: str) -> tuple[int, str] | None:
        """The first of these turns in which a phrase stands, and the phrase, folded."""
        pattern = self._for(language)
        texts = [fold(text) for _, text in said]
        if pattern is None or not pattern.search("\n".join(texts)):  # one look at all, for most have none
            return None
        found = zip((turn for turn, _ in said), map(pattern.search, texts), strict=True)
        return next((turn, match.group()) for turn, match in found if match)

    def _for(self, language: str) -> re.Pattern[str] | None:
        return self._any if language == "mixed" else self._by_language.get(language)


def _pattern(phrases: Sequence[str]) -> re.Pattern[str]:
    either = "|".join(re.escape(fold(p)) for p in sorted(phrases, key=len, reverse=True))
    return re.compile(rf"(?<!\w)[{ARABIC_AND}]?(?:{either})(?!\w)")


def _apply(
    rule: Rule, messages: Sequence[Message], replies: Sequence[tuple[int, str]], language: str, complete: bool
) -> Iterator[Judgement]:
    if rule.kind == "required":
        yield from _required(rule, replies, language, complete)
    elif rule.kind == "forbidden":
        turn, found = rule.said.first(replies, language) or (None, "")
        yield Judgement(rule.id, "forbidden", turn is None, turn, found)
    else:
        yield from _escalation(rule, messages, replies, language, complete)


def _required(rule: Rule, replies: Sequence[tuple[int, str]], language: str, complete: bool) -> Iterator[Judgement]:
    if rule.where != "first_reply" and not complete:
        return
    places = {"first_reply": replies[:1], "last_reply": replies[-1:], "any_reply": replies}[rule.where]
    turn, found = rule.said.first(places, language) or (places[-1][0], "")
    yield Judgement(rule.id, "required", bool(found), turn, found)


def _escalation(
    rule: Rule, messages: Sequence[Message], replies: Sequence[tuple[int, str]], language: str, complete: bool
) -> Iterator[Judgement]:
    customer = [(turn, m["content"]) for turn, m in enumerate(messages) if m["role"] == "user"]
    asked = rule.triggered.first(customer, language)
    if asked:
        due, evidence = asked
        after = rule.said.first([reply for reply in replies if reply[0] > due], language)
        if after or complete or replies[-1][0] > due:
            yield Judgement(rule.id, "escalation_missing", bool(after), after[0] if after else due, evidence)
    elif handed := rule.said.first(replies, language):
        yield Judgement(rule.id, "escalation_undue", False, handed[0], "nothing the customer said calls for it")
    else:
        yield Judgement(rule.id, "escalation_undue", True)
