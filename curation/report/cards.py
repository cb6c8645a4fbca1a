"""The cards of data set and model: Markdown with the front matter that model hubs read."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import polars as pl
import yaml

from curation.core.record.conversation import canonical_json
from curation.core.record.ledger import OUTCOMES, counts
from curation.harness.errors import showable
from curation.report.blocks import count, share
from curation.report.model_sections import used
from curation.report.page import environment
from curation.report.results import USED, Results
from curation.report.words import languages

NO_LANGUAGE = {"mixed", "und", "other", "unknown"}  # what stands where a code would
SPLITS = ("train", "dev", "test")
LONGEST = 200  # characters of a value from the data
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def dataset_card(results: Results, said: Mapping[str, Any] | None = None, licence: str = "") -> str:
    """reports/dataset_card.md; of a set that is published, with what is `said` in front and the licence that it has."""
    data = results.tables.get("curated/conversations")
    known = sorted(_counted(data, "language").keys() - NO_LANGUAGE)
    front = {
        "pretty_name": "Curated support conversations",
        "language": known,
        "license": "other",
        "task_categories": ["text-generation"],
        "tags": ["conversational"],
        "size_categories": [_size(data.height)] if data is not None else [],
        **(said or {}),
    }
    closed = counts(results["ledger"]) if not results.missing("ledger") else {}
    return _render(
        "dataset_card.md.jinja",
        front,
        closed=closed,
        outcomes=OUTCOMES,
        clean=sum(closed.get(outcome, 0) for outcome in USED),
        reasons=_reasons(results),
        languages=_counted(data, "language"),
        licences=_counted(data, "licence"),
        licence=licence,
        splits={name: results[f"splits/{name}"].height for name in SPLITS if not results.missing(f"splits/{name}")},
        version=_version(data),
    )


def model_card(results: Results) -> str:
    """reports/model_card.md"""
    learnt = _learnt(results)
    spoken, test = _counted(learnt, "language"), _counted(results.tables.get("splits/test"), "language")
    front = {
        "base_model": results.base_model,
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "language": sorted(spoken.keys() - NO_LANGUAGE),
        "license": "other",
        "tags": ["lora", "qirat"],
    }
    arms, compared = results.tables.get("evaluated/arms"), results.tables.get("evaluated/comparisons")
    lost = results.tables.get("evaluated/forgetting")
    sliced = results.tables.get("evaluated/slices")
    return _render(
        "model_card.md.jinja",
        front,
        base=results.base_model,
        provenance=results.provenance,
        identity=hashlib.sha256(canonical_json(results.provenance).encode()).hexdigest(),
        licences=_counted(learnt, "licence"),
        masked=_masked(results, learnt),
        cost=results.cost,
        notes=results.notes,
        preference=results.preference,
        forgetting=[] if lost is None else lost.drop_nulls("against").sort("language").to_dicts(),
        memorised=_counted(results.tables.get("evaluated/memorised"), "what"),
        training=results.provenance.get("training", {}),
        arguments=json.dumps(results.provenance.get("template", {}).get("arguments", {})),
        recipe=results.provenance.get("params", {}).get("recipe", {}),
        verdict=results.verdict,
        arms=[] if arms is None else arms.filter(language="all").to_dicts(),
        comparisons=[] if compared is None else compared.filter(language="all").to_dicts(),
        slices=[] if sliced is None else sliced.drop_nulls("difference").to_dicts(),
        spoken=spoken,
        serves=_judged(results, spoken),
        test=test,
        tested=_judged(results, test),
        curated=0 if results.missing("curated/conversations") else results["curated/conversations"].height,
        raw=0 if results.missing("ledger") else counts(results["ledger"])["raw"],
        used="" if arms is None else used(results),
    )


def further(template: Path, **values: Any) -> str:
    """Sections of a card out of a template elsewhere."""
    text = template.read_text("utf-8")
    return f"{_environment().from_string(text).render(**values).strip()}\n"


def _environment() -> jinja2.Environment:
    templates = environment(autoescape=False)  # Markdown; nothing out of a conversation comes into it
    templates.filters |= {"count": count, "plain": plain}
    return templates


def _render(template: str, front: Mapping[str, Any], **values: Any) -> str:
    body = _environment().get_template(template).render(share=share, **values)
    said = {key: value for key, value in front.items() if value}
    return f"---\n{yaml.safe_dump(said, sort_keys=False, allow_unicode=True)}---\n\n{body.strip()}\n"


def plain(value: object) -> str:
    """A value from the data, such as a label, as text that cannot break out of its table cell or become a link."""
    text = showable(" ".join(str(value).split())).replace("`", "'").replace("|", "/") or " "
    return f"`{text if len(text) <= LONGEST else text[:LONGEST] + '…'}`"


def _reasons(results: Results) -> list[dict[str, Any]]:
    if results.missing("ledger", "ingested/conversations"):
        return []
    table = results.reasons().group_by("outcome", "code").len("rows")
    english = results.worded(languages()[0])
    ordered = table.sort("rows", "outcome", "code", descending=[True, False, False])
    return [row | {"means": english.name_of("codes", row["code"])} for row in ordered.iter_rows(named=True)]


def _learnt(results: Results) -> pl.DataFrame | None:
    """The rows that the adapter saw, of the training split."""
    train = results.tables.get("splits/train")
    if train is None or results.trained_on is None:
        return train
    return train.join(results.trained_on, on="row_id", how="semi")


def _masked(results: Results, learnt: pl.DataFrame | None) -> dict[str, int]:
    """Kind of personal data -> values that stand masked in these rows."""
    if learnt is None or results.missing("ledger"):
        return {}
    # The evidence reads "2 phone, 1 iban".
    evidence = results["ledger"].filter(code="masked").join(learnt, on="row_id", how="semi")["evidence"]
    values = [part.split(" ", 1) for text in evidence for part in text.split(", ")]
    return {kind: sum(int(n) for n, k in values if k == kind) for kind in sorted({kind for _, kind in values})}


def _judged(results: Results, spoken: Mapping[str, int]) -> dict[str, int]:
    """Without the languages of the test in which nothing was asked."""
    return {code: rows for code, rows in spoken.items() if results.languages.get(code, {"judged": True})["judged"]}


def _counted(table: pl.DataFrame | None, column: str) -> dict[str, int]:
    if table is None:
        return {}
    found = table[column].fill_null("unknown").value_counts().sort("count", column, descending=[True, False])
    return dict(found.iter_rows())


def _version(data: pl.DataFrame | None) -> str:
    """SHA-256 of the sorted ids, which are hashes of the words: the same words, the same version."""
    ids = [] if data is None else sorted(data["conversation_id"])
    return hashlib.sha256("\n".join(ids).encode()).hexdigest() if ids else ""


def _size(rows: int) -> str:
    return next((name for limit, name in SIZES if rows < limit), "n>1M")
