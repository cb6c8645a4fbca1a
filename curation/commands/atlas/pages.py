"""What the browser is given: the page of the map, what the map is drawn from, and a page for each row.

Rows come one by one, when somebody asks for them, and masked. The words of the data reach a page only through the
template, which escapes, or as text; the only script is ours.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import jinja2
import polars as pl
import yaml
from markupsafe import Markup, escape

from curation.commands.atlas.facets import FACETS, facet
from curation.core.record.ledger import FINDING
from curation.core.text.folding import folded
from curation.decisions.answers import Answer
from curation.privacy.shown import Shown
from curation.report.blocks import Cell, Turn
from curation.report.data_sections import explanation
from curation.report.evidence import told
from curation.report.examples import highlight
from curation.report.results import Results
from curation.report.words import Words, flat, languages

HERE = Path(__file__).parent
STYLES = (Path(__file__).parents[2] / "report" / "style.css", HERE / "atlas.css")


@dataclass(frozen=True)
class Seen:
    """A finding as the page of its row shows it; what `decides` stands against the row in the ledger."""

    title: Cell
    explanation: Cell
    measured: str  # the value and the policy's limit
    evidence: Cell
    turn: int | None  # from 1
    decides: bool


@dataclass
class Atlas:
    """The raw set as a map; `rows` and `spots` have a row each in the same order, the number by which pages ask."""

    results: Results
    answers: Sequence[Answer]
    shown: Shown
    rows: pl.DataFrame
    spots: pl.DataFrame

    def page(self, language: str) -> str:
        """The page of the map."""
        others = [words for words in languages() if words.code != language]
        return _template("atlas").render(words=self.words[language], others=others)

    def map(self, language: str) -> dict[str, Any]:
        """What the page draws: places in ten thousandths of the map's side, ids, facets and words."""
        words = self.words[language]
        texts = {key.removeprefix("atlas."): words(key) for key in words.keys if key.startswith("atlas.")}
        return {
            "x": (self.spots["x"] * 10_000).round().cast(pl.Int32).to_list(),
            "y": (self.spots["y"] * 10_000).round().cast(pl.Int32).to_list(),
            "rows": self.rows["row_id"].to_list(),
            "facets": [facet(self.rows, name, words) for name in FACETS],
            "words": texts,
        }

    def found(self, wanted: str) -> list[int]:
        """The numbers of rows whose words, row_id or conversation_id hold a text, however it is spelt."""
        text = pl.select(folded(pl.lit(wanted, pl.String))).item()
        holds = pl.any_horizontal(pl.all().str.contains(text, literal=True))
        return self._texts.select(holds.fill_null(False)).to_series().arg_true().to_list()

    def row(self, number: int, language: str) -> str:
        """The page of a row: what became of it, what was found, who answered what, and its words."""
        words = self.words[language]
        row_id, conversation_id = self.rows.row(number)[:2]
        messages, findings = self._messages(row_id), self._findings(row_id, conversation_id)
        evidence = [{"role": "user", "content": finding["evidence"] or ""} for finding in findings]
        masked = self.shown.messages([*messages, *evidence])  # together: the same tags in what is quoted
        turns, quoted = masked[: len(messages)], [m["content"] for m in masked[len(messages) :]]
        own = ["\n".join(filter(None, (m["content"], m.get("tool_calls")))) for m in turns]
        seen = [_seen(*each, own, words, self.shown) for each in zip(findings, quoted, strict=True)]
        shown = [
            Turn(m["role"], _marked(text, n, seen, quoted), any(s.decides and s.turn == n for s in seen))
            for n, (m, text) in enumerate(zip(turns, own, strict=True), 1)
        ]
        return _template("row").render(
            words=words,
            row_id=row_id,
            facts=[*self._facts(number, words)],
            seen=seen,
            turns=shown,
            answers=[a for a in self.answers if a.conversation_id == conversation_id],
        )

    @cached_property
    def words(self) -> dict[str, Words]:
        """The catalogue by language, with what the checks and this page say."""
        return {words.code: self.results.worded(words).knowing(_own_words(words.code)) for words in languages()}

    @cached_property
    def _texts(self) -> pl.DataFrame:
        """A column of words and one of each id, folded; in the order of `rows`."""
        said = pl.col("messages").list.eval(
            pl.concat_str(
                pl.element().struct.field("content"),
                pl.element().struct.field("tool_calls"),
                separator=" ",
                ignore_nulls=True,
            )
        )
        read = self.results["ingested/conversations"].select("row_id", words=said.list.join(" ", ignore_nulls=True))
        unread = self.results["ingested/quarantine"].select("row_id", words="raw")
        texts = pl.concat([read, unread]).unique("row_id", keep="first")
        ids = self.rows.select("row_id", "conversation_id")
        return ids.join(texts, on="row_id", how="left", maintain_order="left").select(folded(pl.all()))

    def _messages(self, row_id: str) -> list[dict[str, Any]]:
        read = self.results["ingested/conversations"].filter(row_id=row_id)["messages"]
        if len(read):
            return list(read[0].to_list())
        unread = self.results["ingested/quarantine"].filter(row_id=row_id)["raw"].drop_nulls()
        return [{"role": "raw", "content": text} for text in unread]

    def _findings(self, row_id: str, conversation_id: str | None) -> list[dict[str, Any]]:
        """What was found: first what the ledger holds against the row, where a check saw it in what turn."""
        events = self.results["ledger"].filter(row_id=row_id).to_dicts()
        against = {event["code"]: event for event in events if event["code"]}
        checked = self.results["scored/findings"].filter(conversation_id=conversation_id or "").to_dicts()
        limits = {event["code"]: event["threshold"] for event in events if event["outcome"] == FINDING}
        scored = [
            {**finding, "threshold": limits.get(finding["code"]), "decides": finding["code"] in against}
            for finding in checked
        ]
        known = {finding["code"] for finding in checked}
        others = [{**event, "turn": None, "decides": True} for code, event in against.items() if code not in known]
        return sorted([*others, *scored], key=lambda finding: not finding["decides"])

    def _facts(self, number: int, words: Words) -> Iterator[tuple[str, Sequence[str]]]:
        """The row's values by facet, as the page calls them."""
        titles = {"outcome": "outcome", "language": "languages", "split": "split"}
        for name, values in self.rows.select(FACETS).row(number, named=True).items():
            if values and name != "code":
                kind = titles.get(name)
                yield words(f"facet.{name}"), [words.name_of(kind, v) if kind else v for v in values]


def _seen(finding: Mapping[str, Any], quoted: str, own: Sequence[str], words: Words, shown: Shown) -> Seen:
    value, limit = finding["value"], finding["threshold"]
    measured = "" if value is None or (value == 1 and limit in (None, 1)) else f"{value:.4g}"
    if measured and limit is not None:
        measured = f"{measured} · {words('examples.threshold')} {limit:.4g}"
    return Seen(
        title=words.titled_code(finding["code"]),
        explanation=explanation(finding["code"], words),
        measured=measured,
        evidence=told(quoted, own, words, shown.countries),
        turn=None if finding["turn"] is None else finding["turn"] + 1,
        decides=finding["decides"],
    )


def _marked(text: str, turn: int, seen: Sequence[Seen], quoted: Sequence[str]) -> Markup:
    """The text of a turn with the first evidence marked that decides and stands in it."""
    for one, evidence in zip(seen, quoted, strict=True):
        if one.decides and evidence and one.turn in (None, turn) and "<mark>" in (marked := highlight(text, evidence)):
            return marked
    return escape(text)


def _own_words(language: str) -> dict[str, Any]:
    """The words of the map; English ones where a language of the report has none for it."""
    path = HERE / "strings" / f"{language}.yaml"
    return dict(flat(yaml.safe_load((path if path.exists() else HERE / "strings" / "en.yaml").read_text("utf-8"))))


@cache
def _template(name: str) -> jinja2.Template:
    loader = jinja2.FileSystemLoader(HERE)
    found = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return found.get_template(f"{name}.html.jinja")
