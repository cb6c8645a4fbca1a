"""The page: every section in every language, in one file that loads nothing.

Both languages stand in the page; a few lines of script show one. Without script, both are readable one after another.
The content security policy lets the page fetch nothing and run no script but that one.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jinja2

from curation.core.record.ledger import counts
from curation.report import (
    audit_section,
    data_sections,
    drift_section,
    examples,
    knowledge_section,
    model_sections,
    personal_section,
    prompt_section,
    review_section,
    slice_section,
    source_section,
    topic_section,
    value_section,
    verdict_sections,
)
from curation.report.blocks import Block, Builder, Cell, Note, Section, count, share
from curation.report.examples import Picking
from curation.report.results import USED, Results
from curation.report.words import Words, languages

HERE = Path(__file__).parent
READ = ("ingested/conversations", "ingested/quarantine")
# The parts of the page and the table of contents; a section stands in the group of the one that it follows.
GROUPS = {"funnel": "data", "audit": "trust", "readiness": "model"}


@dataclass(frozen=True)
class Tile:
    """A number that stands on top of the page."""

    label: str
    value: Cell
    note: Cell = ""


def render(results: Results, picking: Picking) -> str:
    """The whole page as HTML."""
    script = (HERE / "switch.js").read_text("utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    style = (HERE / "style.css").read_text("utf-8")
    articles = [
        (words, tiles(results, words), verdict_notes(results, words), grouped(sections(results, words, picking)))
        for words in map(results.worded, languages())
    ]
    page = environment(autoescape=True).get_template("page.html.jinja")
    return page.render(articles=articles, style=style, script=script, script_hash=digest)


def tiles(results: Results, words: Words) -> list[Tile]:
    """The numbers everybody asks for, as far as they are known."""
    shown: list[Tile] = []
    if not results.missing("ledger"):
        raw, clean = _raw_and_clean(results)
        shown.append(Tile(words("headline.raw"), count(raw)))
        shown.append(Tile(words("headline.clean"), count(clean), share(clean, raw)))
    if not results.missing("splits/train"):
        shown.append(Tile(words("headline.train"), count(results["splits/train"].height)))
    if verdict := results.verdict.get("verdict"):
        shown.append(Tile(words("headline.verdict"), words.name_of("verdict", verdict)))
    return shown


def verdict_notes(results: Results, words: Words) -> list[Note]:
    """What the numbers amount to, a sentence each: kept, gate, trained, promoted or not and why."""
    notes: list[Note] = []
    if not results.missing("ledger"):
        raw, clean = _raw_and_clean(results)
        values = {"clean": count(clean), "raw": count(raw), "share": share(clean, raw)}
        notes.append(Note(words("headline.kept", **values), section="funnel"))
    if not results.missing("ledger", *READ) and results["ledger"].height:
        notes += [*data_sections.reason_notes(results, words), source_section.worst_file(results, words)]
    notes += data_sections.language_notes(results, words)
    notes += data_sections.doubt_notes(results, words)
    notes += data_sections.gate_notes(results, words)
    base = results.base_model
    notes.append(Note(words("headline.trained", model=base) if base else words("headline.not_trained")))
    if verdict := results.verdict.get("verdict"):
        notes.append(Note(words.name_of("verdict_means", verdict), "good" if verdict == "promote" else "warning"))
        first = verdict_sections.reasons(results, words)[:1]  # the others: comparisons
        notes += [Note(reason, section="comparisons") for reason in first]
    return notes


def grouped(listed: Sequence[Section]) -> list[tuple[str, list[Section]]]:
    """The sections by group, in the order of the page."""
    groups: list[tuple[str, list[Section]]] = []
    for section in listed:
        if section.name in GROUPS:
            groups.append((GROUPS[section.name], []))
        groups[-1][1].append(section)
    return groups


def _raw_and_clean(results: Results) -> tuple[int, int]:
    closed = counts(results["ledger"])
    return closed["raw"], sum(closed[outcome] for outcome in USED)


def sections(results: Results, words: Words, picking: Picking) -> list[Section]:
    """The sections in the order of the page; one whose tables are not there says which stage is still to run."""
    plan: dict[str, tuple[Builder, tuple[str, ...]]] = {
        "funnel": (data_sections.funnel, ("ledger",)),
        "files": (data_sections.files, ("ledger", *READ)),
        "reasons": (data_sections.reasons, ("ledger", *READ)),
        "months": (source_section.months, ("ledger", *READ)),
        "drift": (partial(drift_section.drift, picking=picking), ("ledger", *READ)),
        "values": (value_section.values, ("scored/findings", "routed/verdicts")),
        "examples": (partial(examples.dropped, picking=picking), ("ledger", *READ)),
        "pairs": (partial(examples.near_pairs, picking=picking), ("dedup/clusters", *READ)),
        "distributions": (
            partial(data_sections.distributions, countries=picking.countries),
            ("curated/conversations", *READ),
        ),
        "thin": (partial(topic_section.thin, picking=picking), ("ledger", *READ)),
        "knowledge": (knowledge_section.knowledge, ("facts/facts",)),
        "personal": (personal_section.personal, ("ledger", *READ, "scored/findings")),
        "audit": (audit_section.audit, ("audited/recall",)),
        "review": (data_sections.review, ("routed/verdicts", "routed/queue", "ledger")),
        "people": (review_section.people, ("routed/verdicts", "routed/queue", "scored/findings")),
        "validation": (data_sections.validation, ("validated/results",)),
        "gate": (data_sections.gate, ()),
        "readiness": (verdict_sections.readiness, ()),
        "prompts": (partial(prompt_section.prompts, picking=picking), ()),
        "budget": (partial(model_sections.budget, countries=picking.countries), ("tokenized/budget",)),
        "training": (model_sections.training, ("training/log",)),
        "arms": (model_sections.arms, ("evaluated/arms",)),
        "comparisons": (model_sections.comparisons, ("evaluated/comparisons",)),
        "slices": (slice_section.slices, ("evaluated/slices",)),
        "preference": (review_section.preference, ("evaluated/arms",)),
        "rules": (verdict_sections.rules, ("evaluated/rules",)),
        "kept": (verdict_sections.kept, ("evaluated/forgetting", "evaluated/memorised")),
        "limits": (model_sections.limits, ()),
        "versions": (model_sections.versions, ()),
    }
    return [
        Section(name, _not_yet(missing, words) if (missing := results.missing(*needs)) else build(results, words))
        for name, (build, needs) in plan.items()
    ]


def _not_yet(missing: list[str], words: Words) -> list[Block]:
    return [Note(words("missing", tables=", ".join(missing)), "warning")]


def environment(*, autoescape: bool) -> jinja2.Environment:
    """The templates of page and cards."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.tests["a"] = lambda block, kind: type(block).__name__ == kind
    return found
