"""The page: every section in every language, in one file that loads nothing.

Both languages stand in the page; a few lines of script show one. Without script, both are readable one after another.
The content security policy lets the page fetch nothing and run no script but that one.
"""

import base64
import hashlib
from functools import partial
from pathlib import Path

import jinja2

from curation.report import data_sections, examples, model_sections, review_section, verdict_sections
from curation.report.blocks import Block, Builder, Note, Section
from curation.report.examples import Picking
from curation.report.headline import tiles, verdict_notes
from curation.report.results import Results
from curation.report.words import Words, languages

HERE = Path(__file__).parent
READ = ("ingested/conversations", "ingested/quarantine")


def render(results: Results, picking: Picking) -> str:
    """The whole page as HTML."""
    script = (HERE / "switch.js").read_text("utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            articles=[
                (words, tiles(results, words), verdict_notes(results, words), sections(results, words, picking))
                for words in (catalogue.of(results.codes) for catalogue in languages())
            ],
            style=(HERE / "style.css").read_text("utf-8"),
            script=script,
            script_hash=digest,
        )
    )


def sections(results: Results, words: Words, picking: Picking) -> list[Section]:
    """The sections in the order of the page; one whose tables are not there says which stage is still to run."""
    plan: dict[str, tuple[Builder, tuple[str, ...]]] = {
        "funnel": (data_sections.funnel, ("ledger",)),
        "files": (data_sections.files, ("ledger", *READ)),
        "reasons": (data_sections.reasons, ("ledger", *READ)),
        "examples": (partial(examples.dropped, picking=picking), ("ledger", *READ)),
        "pairs": (partial(examples.near_pairs, picking=picking), ("dedup/clusters", *READ)),
        "distributions": (
            partial(data_sections.distributions, countries=picking.countries),
            ("curated/conversations", *READ),
        ),
        "review": (data_sections.review, ("routed/verdicts", "routed/queue", "ledger")),
        "people": (review_section.people, ("routed/verdicts", "routed/queue", "scored/findings")),
        "validation": (data_sections.validation, ("validated/results",)),
        "gate": (data_sections.gate, ()),
        "readiness": (verdict_sections.readiness, ()),
        "budget": (model_sections.budget, ("tokenized/budget",)),
        "training": (model_sections.training, ("training/log",)),
        "arms": (model_sections.arms, ("evaluated/arms",)),
        "comparisons": (model_sections.comparisons, ("evaluated/comparisons",)),
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


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["a"] = lambda block, kind: type(block).__name__ == kind
    return environment
