"""Does `qirat playbook propose` find the rules that the example's author wrote, without having read them?

    python -m benchmarks.playbook PROJECT [PROJECT ...]

Each PROJECT is the example after `dvc repro curate` (`qirat sample --seed N` for another one). What its tables
suggest is compared with its playbook.yaml, language by language, by what the rules do in all conversations that were
read: which replies hold a phrase that a rule asks for or forbids, and in which conversations it is due. Two rules are
one where both sets have at least half of their members in common (Jaccard); each is matched once, best pairs first.
Results go to benchmarks/results/playbook.json, `python -m benchmarks.document` shows them.
"""

import argparse
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.corruption.tables import head, row
from benchmarks.results import RESULTS
from curation.commands.playbook import as_read, suggested
from curation.core.record.playbook import Playbook, Rule
from curation.harness.errors import QiratError
from curation.proposals.evidence import Row, replies_of

SAME = 0.5  # Jaccard of what two rules do, from which they are one
LANGUAGES = ("en", "ar")


@dataclass(frozen=True)
class Deeds:
    """What a rule does: the rows in which it asks for something, and the replies, by row and number, that say it."""

    due: frozenset[str]
    said: frozenset[tuple[str, int]]

    def like(self, other: "Deeds") -> float:
        """Jaccard of what they do, the lower of both; 0 where neither is ever said."""
        return min(_jaccard(self.said, other.said), _jaccard(self.due, other.due) if self.due | other.due else 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", type=Path, nargs="+", metavar="PROJECT")
    found = {str(n): of_project(project) for n, project in enumerate(parser.parse_args().projects, 1)}
    (RESULTS / "playbook.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(markdown(found))


def of_project(project: Path) -> dict[str, Any]:
    """language -> the author's rules and the proposed ones, each with its match."""
    with contextlib.chdir(project):
        table = as_read()
        if table is None:
            raise QiratError(f"{project} has no data/ingested; run `dvc repro curate` there")
        proposals, _ = suggested()
        author = Playbook.load(Path("playbook.yaml")).rules
    rows = list(table.iter_rows(named=True))
    return {language: matched(author, [one.rule for one in proposals.rules], rows, language) for language in LANGUAGES}


def matched(author: Sequence[Rule], proposed: Sequence[Rule], rows: Sequence[Row], language: str) -> dict[str, Any]:
    """`author` and `proposed`: rule id -> the rule that does the same, or null; `agreement` of those pairs."""
    there = [row for row in rows if row["language"] == language]
    ours, theirs = (
        {rule.id: (rule, deeds(rule, there, language)) for rule in rules if language in rule.say}
        for rules in (proposed, author)
    )
    pairs = sorted(
        (-one.like(other), name, their)
        for name, (rule, one) in ours.items()
        for their, (written, other) in theirs.items()
        if (rule.kind == "forbidden") == (written.kind == "forbidden")
    )
    match, agreement = dict[str, str](), dict[str, float]()
    for negative, name, their in pairs:
        if -negative >= SAME and name not in match and their not in match.values():
            match[name], agreement[f"{their} = {name}"] = their, round(-negative, 3)
    found = {their: name for name, their in match.items()}
    return {
        "author": {name: found.get(name) for name in theirs},
        "proposed": {name: match.get(name) for name in ours},
        "agreement": agreement,
    }


def deeds(rule: Rule, rows: Sequence[Row], language: str) -> Deeds:
    """What a rule does in conversations of a language."""
    mine = [row for row in rows if not rule.labels or row["label"] in rule.labels]
    due = frozenset(row["row_id"] for row in mine if _due(rule, row, language))
    places = {"first_reply": slice(0, 1), "last_reply": slice(-1, None), "any_reply": slice(None)}[rule.where]
    said = frozenset(
        (row["row_id"], number)
        for row in mine
        for number, text in list(enumerate(replies_of(row)))[places]
        if rule.said.find(text, language)
    )
    return Deeds(due, said)


def _due(rule: Rule, row: Row, language: str) -> bool:
    if rule.kind == "escalation":
        said = [(turn, m["content"]) for turn, m in enumerate(row["messages"]) if m["role"] == "user" and m["content"]]
        return rule.triggered.first(said, language) is not None
    return rule.kind == "required"


def _jaccard(one: frozenset[Any], other: frozenset[Any]) -> float:
    return len(one & other) / max(len(one | other), 1)


def markdown(results: Mapping[str, Any]) -> str:
    """The table of docs/benchmarks.md."""
    lines = head("example", "language", "proposed", "the author's", "in both", "precision", "recall", "not found")
    return "\n".join([*lines, *_lines(results)]) + "\n"


def _lines(results: Mapping[str, Any]) -> Iterator[str]:
    for name, languages in results.items():
        for language, one in languages.items():
            ours, theirs = one["proposed"], one["author"]
            right = len(one["agreement"])
            missed = ", ".join(f"`{rule}`" for rule, other in theirs.items() if other is None)
            shares = (f"{right / max(len(of), 1):.0%}" for of in (ours, theirs))
            yield row(name, language, str(len(ours)), str(len(theirs)), str(right), *shares, missed)


if __name__ == "__main__":
    main()
