"""What speaks for a proposed rule, and what against it: the playbook's own judgement of every row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.core.record.playbook import Playbook, Rule
from curation.core.statistics.intervals import Interval, holm, share
from curation.core.text.sentences import sentences

Row = Mapping[str, Any]
NO_LANGUAGE = ("mixed", "other", "und")  # mined in none; a playbook judges mixed ones by the phrases of all
KEPT_FROM = 0.6  # share of the rows of the other half that keep a rule
ANSWERED_FROM = 0.75  # share of the rows of the other half that ask for an answer and get it; and of those that get it
CHANCE = 0.01  # of any rule at all being proposed where there is none


@dataclass
class Tally:
    """Rows by what a rule says of them. Keys of rows, in the order of the rows."""

    kept: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    undue: list[str] = field(default_factory=list)  # said though nothing called for it
    quiet: int = 0  # neither asked for nor said
    elsewhere: tuple[int, int] = (
        0,
        0,
    )  # replies of other places, or rows of other labels: how many say it, of how many
    cut: list[str] = field(default_factory=list)  # rows with it that people dropped, or wrote anew
    left: list[str] = field(default_factory=list)  # rows in which people let it stand

    @property
    def share(self) -> Interval:
        return share(len(self.kept), max(len(self.kept) + len(self.broken), 1))

    @property
    def said(self) -> Interval:
        """Of all rows, those that say what is forbidden."""
        return share(len(self.broken), max(len(self.kept) + len(self.broken), 1))

    @property
    def precise(self) -> Interval:
        """Of the rows that say it, those in which something called for it."""
        return share(len(self.kept), max(len(self.kept) + len(self.undue), 1))


@dataclass(frozen=True)
class Proposal:
    """A rule with what speaks for it in each language, by language code."""

    rule: Rule
    evidence: Mapping[str, Tally]


def replies_of(row: Row) -> list[str]:
    """The texts of its replies."""
    return [m["content"] for m in row["messages"] if m["role"] == "assistant" and m["content"]]


def tallies(rules: Sequence[Rule], rows: Sequence[Row]) -> dict[str, Tally]:
    """Rule id -> what it says of these rows. A row has row_id, messages, language and label."""
    playbook = Playbook(company="", max_words=1_000_000, rules=tuple(rules))
    found = {rule.id: Tally() for rule in rules}
    for row in rows:
        for judgement in playbook.judge(row["messages"], row["language"], row["label"]):
            if judgement.rule in found:
                _count(found[judgement.rule], judgement.kind, judgement.ok, row["row_id"])
    for rule in rules:
        if rule.kind == "required":
            said = [bool(rule.said.first(unit, language)) for unit, language in _elsewhere(rule, rows)]
            found[rule.id].elsewhere = sum(said), len(said)
    return found


def _count(tally: Tally, kind: str, ok: bool, row_id: str) -> None:
    if kind == "escalation_undue":
        tally.quiet += ok
        tally.undue += [] if ok else [row_id]
    else:
        (tally.kept if ok else tally.broken).append(row_id)


def pieces(replies: Sequence[str]) -> list[str]:
    """The replies of a conversation; a single one in two, by sentences, so that a greeting is told from a farewell."""
    if len(replies) != 1:
        return list(replies)
    said = sentences(replies[0])
    half = (len(said) + 1) // 2
    return [" ".join(part) for part in (said[:half], said[half:]) if part]


def _elsewhere(rule: Rule, rows: Sequence[Row]) -> Iterator[tuple[list[tuple[int, str]], str]]:
    """The texts that a required rule says nothing of."""
    for row in rows:
        if row["language"] not in rule.say:
            continue
        said = pieces(replies_of(row))
        if rule.labels:
            if row["label"] and row["label"] not in rule.labels:
                yield list(enumerate(said)), row["language"]
        else:
            others = said[1:] if rule.where == "first_reply" else said[:-1]
            yield from (([(0, text)], row["language"]) for text in others)


def confirmed(rules: Sequence[Rule], rows: Sequence[Row]) -> list[Rule]:
    """Those rules that rows which proposed none of them bear out: kept by most, and not by chance.

    Each is tested once, exactly (Fisher), and the p-values are adjusted for their number (Holm).
    """
    from scipy.stats import fisher_exact

    if not rules:
        return []
    found = tallies(rules, rows)
    p_values = [float(fisher_exact(_table(rule, found[rule.id]), alternative="greater").pvalue) for rule in rules]
    adjusted = holm(p_values)
    return [r for r, p in zip(rules, adjusted, strict=True) if p <= CHANCE and _holds(r, found[r.id])]


def _table(rule: Rule, tally: Tally) -> list[list[int]]:
    kept, broken = len(tally.kept), len(tally.broken)
    if rule.kind == "escalation":
        return [[kept, broken], [len(tally.undue), tally.quiet]]
    said, of = tally.elsewhere
    return [[kept, broken], [said, of - said]]


def _holds(rule: Rule, tally: Tally) -> bool:
    if rule.kind == "escalation":
        return min(tally.share.value, tally.precise.value) >= ANSWERED_FROM and tally.share.low >= KEPT_FROM / 2
    said, of = tally.elsewhere
    return tally.share.value >= max(KEPT_FROM, 2 * said / max(of, 1))
