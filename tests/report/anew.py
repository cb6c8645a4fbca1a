"""What the policy makes of every row, worked out anew as docs/policy.md says it, and what is told of it."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from curation.core.record.ledger import outcomes
from curation.report.words import Words, languages

UNUSED = ("dropped", "held", "duplicate", "quarantined")


@dataclass(frozen=True)
class Reason:
    """How a row is closed, and by what."""

    outcome: str
    code: str | None = None
    value: float | None = None
    limit: float | None = None
    contributing: frozenset[str] = frozenset()
    found: frozenset[tuple[str, float | None]] = frozenset()  # all that speaks against the row, each with its limit


def reasons_anew(root: Path) -> dict[str, Reason]:
    """row_id -> Reason of every survivor, as if nobody had decided on any."""
    told = json.loads((root / "data/scored/codes.json").read_text("utf-8"))
    route = yaml.safe_load((root / "params.yaml").read_text("utf-8"))["route"]
    limits = {name: code.get("limit", {}) | route.get("limits", {}).get(name, {}) for name, code in told.items()}
    treated = {f"pii_{kind}": treatment for kind, treatment in route["pii"].items()}
    seen: dict[str, list[tuple[str, float, float | None]]] = defaultdict(list)
    for row in pl.read_parquet(root / "data/scored/findings.parquet").iter_rows(named=True):
        seen[row["conversation_id"]].append((row["code"], row["value"], row["threshold"]))
    rows = pl.read_parquet(root / "data/dedup/clusters.parquet").filter("survivor")
    serious = {
        key: [(kind, *one) for one in seen[key] if (kind := severity(*one[:2], seen[key], limits, treated)) != "info"]
        for key in rows["conversation_id"]
    }
    doubted = Counter(code for found in serious.values() for code in {one[1] for one in found if one[0] == "doubt"})
    excused = {
        code
        for code, n in doubted.items()
        if limits[code].get("note_if_common") and n / rows.height > route["too_common"]
    }
    return {
        row_id: reason([one for one in serious[key] if one[0] == "fatal" or one[1] not in excused], limits)
        for row_id, key in rows.select("row_id", "conversation_id").iter_rows()
    }


def reason(serious: Sequence[tuple[str, str, float, float | None]], limits: Mapping[str, Any]) -> Reason:
    """The cause among (severity, code, value, the check's own limit): a fault before a doubt, then the most precise."""
    if not serious:
        return Reason("accepted")

    def first(one: tuple[str, str, float, float | None]) -> tuple[bool, float, str, float]:
        kind, code, value, _ = one
        return (
            kind != "fatal",
            -limits[code].get("precision", 0.5),
            code,
            value if limits[code].get("below") else -value,
        )

    def limit(one: tuple[str, str, float, float | None]) -> float | None:
        named: float | None = limits[one[1]].get(one[0])
        return one[3] if named is None else named

    cause = min(serious, key=first)
    others = frozenset(one[1] for one in serious) - {cause[1]}
    outcome = "dropped" if cause[0] == "fatal" else "held"
    return Reason(outcome, cause[1], cause[2], limit(cause), others, frozenset((one[1], limit(one)) for one in serious))


def severity(
    code: str,
    value: float,
    beside: Sequence[tuple[str, float, Any]],
    limits: Mapping[str, Any],
    treated: Mapping[str, str],
) -> str:
    """A fault that lists alone tell counts where another check doubts the row too."""

    def crossed(name: str, limit: Mapping[str, Any], value: float) -> bool:
        least = limit.get(name)
        return least is not None and (value < least if limit.get("below") else value >= least)

    limit = limits[code]
    needed = limit.get("fatal_with") or ()
    agreed = not needed or any(other in needed and crossed("doubt", limits[other], seen) for other, seen, _ in beside)
    if (crossed("fatal", limit, value) and agreed) or treated.get(code) == "reject":
        return "fatal"
    return "doubt" if crossed("doubt", limit, value) or treated.get(code) == "review" else "info"


# -- what is told ------------------------------------------------------------------------------------------------------


def assert_told(root: Path) -> None:
    """The ledger's rows, and the cells of page and card, are what the policy says when it is applied anew.

    Rows that people, dedup or ingest closed are taken from the ledger.
    """
    anew = reasons_anew(root)
    closed = outcomes(pl.read_parquet(root / "data/ledger.parquet"))
    by_policy = closed.filter(stage="route")
    assert by_policy.height
    for row in by_policy.iter_rows(named=True):
        one = anew[row["row_id"]]
        told = Reason(
            row["outcome"], row["code"], row["value"], row["threshold"], frozenset(row["contributing"]), one.found
        )
        assert told == one, row["row_id"]
    expected = {
        row["row_id"]: anew[row["row_id"]] if row["stage"] == "route" else _closed(row)
        for row in closed.iter_rows(named=True)
    }
    _assert_page(root, {key: one for key, one in expected.items() if one.outcome in UNUSED})
    _assert_card(root, {key: one for key, one in expected.items() if one.outcome in UNUSED})


def _closed(row: Mapping[str, Any]) -> Reason:
    return Reason(
        row["outcome"], row["code"], row["value"], row["threshold"], frozenset(row["contributing"] or ()), frozenset()
    )


def _assert_page(root: Path, unused: Mapping[str, Reason]) -> None:
    page = Page()
    page.feed((root / "reports/index.html").read_text("utf-8"))
    meanings = json.loads((root / "data/scored/codes.json").read_text("utf-8"))
    for words in languages():
        rows: dict[tuple[str, str | None], list[str]] = {
            (row[1], row[0].split()[-1]): row for row in page.tables[f"{words.code}-reasons"][0]
        }
        assert rows.keys() == {(words(f"outcome.{one.outcome}"), one.code) for one in unused.values()}
        for (outcome, code), cells in _counted(unused, words).items():
            assert tuple(rows[outcome, code][3:6]) == cells, code
            if code in meanings:
                assert rows[outcome, code][2] == meanings[code]["words"][words.code]
        _assert_examples(page.facts[f"{words.code}-examples"], unused, words)


def _counted(unused: Mapping[str, Reason], words: Words) -> dict[tuple[str, str | None], tuple[str, str, str]]:
    """Outcome and code -> the limits, how many rows it kept out, and in how many it stood beside another cause."""
    kept_out = Counter((one.outcome, one.code) for one in unused.values())
    also: Counter[tuple[str, str | None]] = Counter(
        (one.outcome, code) for one in unused.values() for code in one.contributing
    )
    limits = {
        key: {one.limit for one in unused.values() if (one.outcome, one.code) == key and one.limit is not None}
        for key in kept_out
    }
    return {
        (words(f"outcome.{outcome}"), code): (
            words("comma").join(f"{limit:.4g}" for limit in sorted(limits[outcome, code])),
            f"{number:,}",
            f"{also[outcome, code]:,}",
        )
        for (outcome, code), number in kept_out.items()
    }


def _assert_examples(facts: Sequence[Sequence[Sequence[str]]], unused: Mapping[str, Reason], words: Words) -> None:
    """Each example names the limit that decided, shows a value that crossed it, and what else spoke against the row."""
    assert facts
    for (_, row_id), *told in facts:
        one, shown = unused[row_id], [(label.removesuffix(":"), text.strip()) for label, text in told]
        limits = {text for label, text in shown if label == words("examples.threshold")}
        assert limits == (set() if one.limit is None or one.value == one.limit == 1 else {f"{one.limit:.4g}"}), row_id
        values = {text for label, text in shown if label == words("examples.value")}
        assert not limits or f"{one.value:.4g}" in values, row_id
        others = {text for label, text in shown if label == words("examples.contributing")}
        assert others == ({words("comma").join(sorted(one.contributing))} if one.contributing else set()), row_id


def _assert_card(root: Path, unused: Mapping[str, Reason]) -> None:
    card = (root / "reports/dataset_card.md").read_text("utf-8")
    cells = re.findall(rf"^\| `(\S+)` \| ({'|'.join(UNUSED)}) \| ([\d,]+) \| \S", card, re.MULTILINE)
    kept_out = Counter((one.code, one.outcome) for one in unused.values())
    assert sorted(cells) == sorted((code, outcome, f"{number:,}") for (code, outcome), number in kept_out.items())


def assert_story(story: str, row_id: str, one: Reason) -> None:
    """What `qirat why` tells of a row that the policy closed."""
    first, *rest = story.splitlines()
    others = f" and also for {', '.join(sorted(one.contributing))}" if one.contributing else ""
    assert first.partition(" (")[0] == f"{row_id}: {one.outcome}" + (f" for {one.code}{others}" if one.code else "")
    found = re.findall(r"^  score found (\w+) \(value [^,)]*(?:, limit ([^)]*))?\)", "\n".join(rest), re.MULTILINE)
    assert set(found) == {(code, "" if limit is None else f"{limit:g}") for code, limit in one.found}, story


class Page(HTMLParser):
    """The cells of all tables' bodies, and the facts beside examples as (label, value), by the id of their section."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[list[str]]]] = defaultdict(list)
        self.facts: dict[str, list[list[list[str]]]] = defaultdict(list)
        self._section, self._body = "", False
        self._command = False  # whether the line to copy follows, which is no part of what a cell tells
        self._cell: list[str] | None = None  # the pieces of the cell that is being read
        self._spans: list[str] | None = None  # the classes of the spans that are open, within facts

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._command |= given.get("class") == "rows"
        if tag == "section":
            self._section = given["id"]
        elif tag == "tbody":
            self._body = True
            self.tables[self._section].append([])
        elif tag == "tr" and self._body:
            self.tables[self._section][-1].append([])
        elif tag in ("th", "td") and self._body:
            self._cell = []
        elif given.get("class") == "facts":
            self._spans = []
            self.facts[self._section].append([])
        elif tag == "span" and self._spans is not None:
            if not self._spans:
                self.facts[self._section][-1].append(["", ""])
            self._spans.append(given.get("class", ""))

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not (self._command and data.startswith("qirat ")):
            self._cell.append(data)
        elif self._spans:
            fact = self.facts[self._section][-1][-1]
            fact["soft" not in self._spans] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "tbody":
            self._body = False
        elif tag == "details":
            self._command = False
        elif tag in ("th", "td") and self._cell is not None:
            self.tables[self._section][-1][-1].append("".join(self._cell).strip())
            self._cell = None
        elif tag == "p":
            self._spans = None
        elif tag == "span" and self._spans:
            self._spans.pop()
