"""Rules that a set of conversations suggests."""

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from curation.core.record.conversation import as_taught
from curation.core.record.draw import lot
from curation.core.record.playbook import Rule
from curation.core.statistics.intervals import FEW
from curation.core.text.folding import fold
from curation.decisions.decisions import Decision
from curation.proposals.answers import AGREE, SURE, agreement, answers, triggers
from curation.proposals.evidence import NO_LANGUAGE, Proposal, Row, Tally, confirmed, pieces, replies_of, tallies
from curation.proposals.forbidden import forbidden
from curation.proposals.labels import of_labels
from curation.proposals.phrases import Phrases, shared_phrases
from curation.proposals.search import FEWEST, Texts, covering, spelled_out
from curation.proposals.wording import impersonal, wording, written

if TYPE_CHECKING:
    import numpy as np

LONGEST, LONGEST_ASKED = 8, 3  # words of a phrase of replies, of customers
SPELLED = 4  # words below which a phrase of a place is told in all its forms: customers name the company as well
LENGTH = 0.99  # share of the conversations whose longest reply is within max_words
MOST_ROWS = 4000  # of a language, drawn by their ids; more take longer and tell no more
FEWEST_ROWS = 10  # that say an answer, and a share of all; what is rarer is told by too few
RAREST = {"handover": 0.01, "answer": 0.02}  # one that hands over has its words to speak for it as well
HANDS_OVER = (
    "team manager officer supervisor specialist department escalate transfer فريق مدير مديره مسوول مسووله قسم مختص"
)


@dataclass(frozen=True)
class Proposed:
    """What a set suggests. `too_few`: languages with so few conversations that nothing is proposed of them."""

    company: str | None  # where greetings name one
    max_words: int
    longer: Sequence[str]  # rows with a longer reply
    rules: Sequence[Proposal]
    too_few: Mapping[str, int]


@dataclass(frozen=True)
class Half:
    """Conversations of one language in which rules are looked for."""

    rows: Sequence[Row]
    countries: Sequence[str]

    @cached_property
    def replies(self) -> list[tuple[int, str]]:
        """(number of the conversation, text) of each reply, or piece of a single one."""
        return [(n, text) for n, row in enumerate(self.rows) for text in pieces(replies_of(row))]

    def whole(self, role: str, longest: int) -> tuple[list[str], Phrases]:
        """All that one side says, a text a conversation."""
        import numpy as np

        texts = [" | ".join(_said(row, role)) for row in self.rows]
        rare = len(texts) // (1000 if role == "user" else 150)
        return texts, shared_phrases(texts, np.arange(len(texts)), longest, max(FEWEST, rare))

    def saying(self, rule: Rule, language: str) -> "np.ndarray":
        """In which conversations a reply says what a rule asks for."""
        import numpy as np

        found = (rule.said.first(list(enumerate(replies_of(row))), language) for row in self.rows)
        return np.array([one is not None for one in found], bool)


def proposed(
    conversations: pl.DataFrame,
    countries: Sequence[str],
    read: pl.DataFrame | None = None,
    decisions: Sequence[Decision] = (),
) -> Proposed:
    """Rules for a table of conversations, each found in one half of them and borne out by the other.

    read: all conversations, also those that were not accepted, in which forbidden turns are looked for.
    """
    rows = [row for row in _rows(conversations) if replies_of(row)]
    by_language: dict[str, list[Row]] = {}
    for row in rows:
        by_language.setdefault(row["language"], []).append(row)
    spoken = {name: of[:MOST_ROWS] for name, of in sorted(by_language.items()) if name not in NO_LANGUAGE}
    rules: list[Rule] = []
    for language, of in spoken.items():
        if len(of) >= 2 * FEW:
            found = list(_of_language(Half([r for r in of if _first_half(r)], countries), language))
            borne_out = confirmed(found, [row for row in of if not _first_half(row)])
            rules += _completed(borne_out, Half(of, countries), language)
    proposals = list(_joined(rules, {row["row_id"]: row for of in spoken.values() for row in of}))
    heard = rows if read is None else [row for row in _rows(read) if replies_of(row)]
    proposals += forbidden(heard, decisions, countries)
    longest, longer = _length(rows)
    few = {language: len(of) for language, of in spoken.items() if len(of) < 2 * FEW}
    return Proposed(_company([one.rule for one in proposals]), longest, longer, proposals, few)


def _rows(conversations: pl.DataFrame) -> list[Row]:
    columns = ["conversation_id", "row_id", "messages", "label", "language", "customer"]
    return list(as_taught(conversations).sort("conversation_id").select(columns).iter_rows(named=True))


def _said(row: Row, role: str) -> list[str]:
    return [m["content"] for m in row["messages"] if m["role"] == role and m["content"]]


def _first_half(row: Row) -> bool:
    """By customer, so that the other half has none of the same people."""
    return int(lot(f"playbook:{row['customer'] or row['conversation_id']}")[:8], 16) % 2 == 0


def _of_language(half: Half, language: str) -> Iterator[Rule]:
    yield from _of_places(half, language)
    told, replies = half.whole("assistant", LONGEST)
    asked, customers = half.whole("user", LONGEST_ASKED)
    proper, theirs = impersonal(replies, told, half.countries), impersonal(customers, asked, half.countries)
    how = wording(replies, told)

    def own(phrase: str) -> bool:
        return how(phrase) and proper(phrase)

    for n, answer in enumerate(answers(customers, replies, theirs, own), 1):
        say, calls = written(answer.say, replies, told), written(answer.triggers, customers, asked)
        kind = "handover" if set(" ".join(answer.say).split()) & set(HANDS_OVER.split()) else "answer"
        yield Rule(id=f"{kind}_{language}_{n}", kind="escalation", customer_says={language: calls}, say={language: say})
    for n, rule in enumerate(of_labels(customers, replies, [row["label"] for row in half.rows], own), 1):
        phrases = {language: written(rule.say, replies, told)}
        yield Rule(id=f"phrase_{language}_{n}", kind="required", labels=rule.labels, say=phrases)


def _completed(rules: Sequence[Rule], whole: Half, language: str) -> Iterator[Rule]:
    """The rules, with what customers say before an answer from all rows: one half does not hold all their words.

    What replies to one label say is an answer as well where customers' words tell when it is due.
    """
    asked, customers = whole.whole("user", LONGEST_ASKED)
    allowed = impersonal(customers, asked, whole.countries)
    for rule in rules:
        if rule.kind != "escalation" and len(rule.labels) != 1:
            yield rule
            continue
        said = whole.saying(rule, language)
        calls = triggers(customers, said, SURE, allowed)
        agree = bool(calls) and agreement(customers.holding(calls), said) >= AGREE
        name = _name(rule.say[language], rule.id)
        if agree and said.sum() >= max(FEWEST_ROWS, len(said) * RAREST[name.partition("_")[0]]):
            asking = {language: written(calls, customers, asked)}
            answer = {"id": name, "kind": "escalation", "labels": (), "where": "any_reply", "customer_says": asking}
            yield rule.model_copy(update=answer)
        elif rule.kind == "required":
            yield rule


def _name(say: Sequence[str], whose: str) -> str:
    hands_over = set(fold(" ".join(say)).split()) & set(fold(HANDS_OVER).split())
    return f"{'handover' if hands_over else 'answer'}_{whose}"


def _of_places(half: Half, language: str) -> Iterator[Rule]:
    import numpy as np

    owners = np.array([n for n, _ in half.replies], np.int64)
    texts = [text for _, text in half.replies]
    phrases = shared_phrases(texts, owners, LONGEST, max(3, len(half.rows) // 200))
    allowed = impersonal(phrases, texts, half.countries)
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    last = np.flatnonzero(np.diff(owners, append=len(half.rows)))
    for name, where, places in (("greeting", "first_reply", first), ("closing", "last_reply", last)):
        others = np.setdiff1d(np.arange(len(texts)), places)
        if len(others) < FEW:
            continue
        texts_there = Texts(phrases.among(places), phrases.shares(others))
        say = spelled_out(texts_there, covering(texts_there, allowed), allowed, SPELLED)
        if say:
            yield Rule.model_validate(
                {"id": f"{name}_{language}", "kind": "required", "where": where}
                | {"say": {language: written(say, phrases, texts)}}
            )


def _length(rows: Sequence[Row]) -> tuple[int, list[str]]:
    """max_words within which nearly all conversations stay, and the rows that do not."""
    longest = {row["row_id"]: max(len(text.split()) for text in replies_of(row)) for row in rows}
    limit = sorted(longest.values())[max(int(LENGTH * len(longest)) - 1, 0)] if longest else 0
    limit = -(-limit // 10) * 10
    return limit, [row_id for row_id, words in longest.items() if words > limit]


def _joined(rules: Sequence[Rule], rows: Mapping[str, Row]) -> Iterator[Proposal]:
    """Rules of several languages as one where they ask for the same; a mixed conversation may keep it in either."""
    found = tallies(rules, list(rows.values()))
    holding = [rule for rule in rules if _holds_all(rule, found[rule.id])]
    holding.sort(key=lambda rule: (ORDER.index(rule.id.partition("_")[0]), -len(found[rule.id].kept), rule.id))
    left = list(_apart(holding, found))
    numbers = Counter[str]()
    while left:
        parts = [left.pop(0)]
        for other in list(left):
            if not {*other.say} & {one for part in parts for one in part.say} and _same(parts[0], other, found, rows):
                parts.append(other)
                left.remove(other)
        name = parts[0].id.partition("_")[0]
        numbers[name] += 1
        rule = functools.reduce(_both, parts)
        rule = rule.model_copy(update={"id": name if rule.where in PLACES else f"{name}_{numbers[name]}"})
        yield Proposal(rule, {language: found[part.id] for part in parts for language in part.say})


def _holds_all(rule: Rule, tally: Tally) -> bool:
    return rule.kind != "escalation" or min(tally.share.low, tally.precise.low) >= SHOWS_FROM


ORDER = ("greeting", "closing", "handover", "phrase", "answer")
SHOWS_FROM = 0.7  # lower end of the shares of an answer that is given when asked for, and only then
PLACES = ("first_reply", "last_reply")
ALIKE = 0.8  # cosine of the labels under which two rules are kept, from which they are one in two languages


def _apart(rules: Sequence[Rule], found: Mapping[str, Tally]) -> Iterator[Rule]:
    """The rules in turn, but for those that the same rows keep as an earlier one of their language."""
    seen: list[tuple[set[str], set[str]]] = []
    for rule in rules:
        kept, languages = set(found[rule.id].kept), set(rule.say)
        again = any(languages & others and 2 * len(kept & rows) > len(kept | rows) for others, rows in seen)
        if rule.where in PLACES or not again:
            yield rule
            seen += [] if rule.where in PLACES else [(languages, kept)]


def _same(rule: Rule, other: Rule, found: Mapping[str, Tally], rows: Mapping[str, Row]) -> bool:
    if (rule.kind, rule.where, bool(rule.labels)) != (other.kind, other.where, bool(other.labels)):
        return False
    if rule.labels:
        return 2 * len(set(rule.labels) & set(other.labels)) >= len(set(rule.labels) | set(other.labels))
    if rule.where in PLACES:
        return True
    one, two = (Counter(label for key in found[r.id].kept if (label := rows[key]["label"])) for r in (rule, other))
    return _cosine(one, two) >= ALIKE


def _cosine(one: Counter[str], two: Counter[str]) -> float:
    sizes = [sum(n * n for n in counter.values()) ** 0.5 for counter in (one, two)]
    return sum(one[label] * two[label] for label in one) / (sizes[0] * sizes[1]) if all(sizes) else 0.0


def _both(rule: Rule, other: Rule) -> Rule:
    shared = tuple(label for label in rule.labels if label in other.labels)
    says = {"say": {**rule.say, **other.say}, "customer_says": {**rule.customer_says, **other.customer_says}}
    return Rule.model_validate(rule.model_dump() | says | {"labels": shared})


def _company(rules: Sequence[Rule]) -> str | None:
    """The words with capitals that most forms of a greeting share, but for their first words."""
    said = [phrase for rule in rules if rule.where == "first_reply" for says in rule.say.values() for phrase in says]
    named = Counter(name for phrase in said for name in _CAPITALS.findall(phrase))
    return max(named, key=lambda name: (named[name], name)) if named else None


_CAPITALS = re.compile(r"(?<=\w )[A-Z]\w*(?: [A-Z]\w*)*")
