"""Turns that agents must not say, where few of them do: kinds that support teams forbid, and what people cut out."""

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from curation.core.record.playbook import ARABIC_AND, Rule
from curation.core.statistics.intervals import FEW
from curation.core.text.folding import fold
from curation.core.text.patterns import NOTHING
from curation.decisions.decisions import Decision
from curation.harness.params import Params
from curation.proposals.cuts import Looks, cut_out, looks
from curation.proposals.evidence import NO_LANGUAGE, Proposal, Row, Tally, replies_of, tallies
from curation.proposals.search import FEWEST

MOST = 0.1  # share of a language's conversations from which what they say is this team's way of speaking
SOON = 2  # words between a negation and what it takes back, at most
CUT = "forbidden_cut"
WHY_CUT = "People dropped or rewrote most of the replies that said it."


class Kind(Params):
    """What support teams forbid, and how agents say it in each language."""

    why: str
    say: Mapping[str, tuple[str, ...]]


class Catalogue(Params):
    """See forbidden.yaml."""

    negations: Mapping[str, tuple[str, ...]]
    orders: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, Kind]


@functools.cache
def catalogue() -> Catalogue:
    """The kinds that ship."""
    return Catalogue.model_validate(yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8")))


@dataclass(frozen=True)
class Spoken:
    """All conversations of a language, a copy once, and what people decided about them."""

    language: str
    rows: Sequence[Row]
    looked: Looks

    def saying(self, rule: Rule, rows: Sequence[Row]) -> list[str]:
        """The rows, by id, in which a reply says what a rule forbids."""
        replies = ((row["row_id"], list(enumerate(replies_of(row)))) for row in rows)
        return [row_id for row_id, said in replies if rule.said.first(said, self.language)]

    def tally(self, rule: Rule) -> Tally:
        """What its rows and people's looks say of a rule."""
        tally = tallies([rule], self.rows)[rule.id]
        tally.cut, tally.left = self.saying(rule, self.looked.cut), self.saying(rule, self.looked.left)
        return tally


def forbidden(rows: Sequence[Row], decisions: Sequence[Decision], countries: Sequence[str]) -> list[Proposal]:
    """Rules of forbidden phrases, each with the rows that say one: those of the catalogue, then those of people's cuts.

    rows: all that were read, for what must not be said is seldom in rows that were accepted.
    """
    languages = list(_spoken(rows, decisions))
    rules = [rule for name, kind in catalogue().kinds.items() for rule in _of_kind(name, kind, languages)]
    for spoken in languages:
        phrases = _cut(spoken, [rule for rule in rules if spoken.language in rule.say], countries)
        rules += [_rule(CUT, spoken.language, phrases, WHY_CUT)] if phrases else []
    return list(_joined(rules, {spoken.language: spoken for spoken in languages}))


def _spoken(rows: Sequence[Row], decisions: Sequence[Decision]) -> Iterator[Spoken]:
    by_language: dict[str, list[Row]] = {}
    once = {row["conversation_id"]: row for row in sorted(rows, key=lambda row: str(row["row_id"]), reverse=True)}
    for row in sorted(once.values(), key=lambda row: str(row["row_id"])):
        by_language.setdefault(row["language"], []).append(row)
    for language, of in sorted(by_language.items()):
        if len(of) >= 2 * FEW and language not in NO_LANGUAGE:
            yield Spoken(language, of, looks(of, decisions))


def _cut(spoken: Spoken, known: Sequence[Rule], countries: Sequence[str]) -> tuple[str, ...]:
    found = {row_id for rule in known for row_id in spoken.saying(rule, spoken.rows)}

    def seldom(phrase: str) -> bool:
        """Said by few, and no kind says so already."""
        said = spoken.saying(_rule(CUT, spoken.language, [phrase], ""), spoken.rows)
        return len(said) <= MOST * len(spoken.rows) and 2 * len(found.intersection(said)) <= len(said)

    return cut_out(spoken.looked, countries, seldom)


def _of_kind(name: str, kind: Kind, languages: Sequence[Spoken]) -> list[Rule]:
    """A kind's rule in each language in which few say it; none if too few do so in all of them together."""
    chosen = [(spoken, _chosen(kind, spoken)) for spoken in languages]
    rules = [_rule(f"forbidden_{name}", one.language, phrases, kind.why) for one, phrases in chosen if phrases]
    by_language = {one.language: one for one in languages}
    said = sum(len(by_language[name].saying(rule, by_language[name].rows)) for rule in rules for name in rule.say)
    return rules if said >= FEWEST else []


def _chosen(kind: Kind, spoken: Spoken) -> list[str]:
    """The kind's phrases that few conversations hold and people did not rather let stand, the commonest first."""
    texts, cut, left = (_texts(rows) for rows in (spoken.rows, spoken.looked.cut, spoken.looked.left))
    found: Counter[str] = Counter()
    of_any, most = set[int](), MOST * len(texts)
    for phrase in kind.say.get(spoken.language, ()):
        said, unsaid = _meant(phrase, texts, spoken.language)
        stood, objected = (len(_meant(phrase, seen, spoken.language)[0]) for seen in (left, cut))
        approved = stood >= FEWEST and stood > objected
        if len(said) > len(unsaid) and len(said | unsaid) <= most and not approved:
            found[phrase] = len(said)
            of_any |= said | unsaid
    return [phrase for phrase, _ in found.most_common()] if len(of_any) <= most else []


def _texts(rows: Sequence[Row]) -> list[str]:
    return [fold(" | ".join(replies_of(row))) for row in rows]


def _meant(phrase: str, texts: Sequence[str], language: str) -> tuple[set[int], set[int]]:
    """Numbers of the folded texts that say a phrase, and of those that only say its opposite."""
    folded, pattern = fold(phrase), _with_negation(phrase, language)
    said, unsaid = set[int](), set[int]()
    for number, text in enumerate(texts):
        if folded in text and (found := [match["no"] for match in pattern.finditer(text)]):
            (unsaid if all(found) else said).add(number)
    return said, unsaid


@functools.cache
def _with_negation(phrase: str, language: str) -> re.Pattern[str]:
    no, orders = (
        "|".join(re.escape(fold(word)) for word in words.get(language, ())) or NOTHING
        for words in (catalogue().negations, catalogue().orders)
    )
    before = rf"(?P<no>(?<!\w)[{ARABIC_AND}]?(?:{no}) (?!(?:{orders}) )(?:[\w']+ ){{0,{SOON}}})?"
    return re.compile(rf"{before}(?<!\w)[{ARABIC_AND}]?{re.escape(fold(phrase))}(?!\w)")


def _rule(name: str, language: str, phrases: Sequence[str], why: str) -> Rule:
    return Rule.model_validate({"id": name, "kind": "forbidden", "say": {language: tuple(phrases)}, "why": why})


def _joined(rules: Sequence[Rule], spoken: Mapping[str, Spoken]) -> Iterator[Proposal]:
    """Rules of one name as one, with the evidence of each language."""
    by_name: dict[str, list[Rule]] = {}
    for rule in rules:
        by_name.setdefault(rule.id, []).append(rule)
    for parts in by_name.values():
        say = {language: phrases for rule in parts for language, phrases in rule.say.items()}
        evidence = {language: spoken[language].tally(rule) for rule in parts for language in rule.say}
        yield Proposal(Rule.model_validate(parts[0].model_dump() | {"say": say}), evidence)
