"""Where the results lie and what they say in one line each: the last words of `make repro`."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from curation.harness.files import table_path
from curation.record.codes import LANGUAGES
from curation.record.ledger import OUTCOMES, PARTS


def results() -> str:
    """One line for each thing a person may want to open next."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    curate, gate = _metrics("curate"), _metrics("gate")
    if curate:
        parts = ", ".join(f"{curate[name]:,.0f} {name}" for name in OUTCOMES if curate[name])
        yield f"rows      {curate['raw']:,.0f} raw = {parts}"
        if further := sum(curate.get(name, 0) for name in PARTS):
            yield f"records   {curate['records']:,.0f} in the files = {curate['raw']:,.0f} raw + {further:,.0f} parts"
    for sentence in _of_languages():
        yield f"languages {sentence}"
    if gate:
        out = f", {gate['excluded']:,.0f} more cannot be learnt with this base model" if gate.get("excluded") else ""
        yield f"gate      {gate['clean']:,.0f} clean training examples{out}"
    verdict = Path("data/evaluated/verdict.json")
    if verdict.exists():
        found = json.loads(verdict.read_text("utf-8"))
        yield f"verdict   {found['verdict']}: {found['reasons'][0]}"
    for name, path in (
        ("report", "reports/index.html"),
        ("data docs", "reports/expectations/index.html"),
        ("ledger", "data/ledger.parquet"),
        ("adapter", "models/adapter"),
    ):
        if Path(path).exists():
            yield f"{name:<9} {path}"


def _of_languages() -> list[str]:
    """What was told of languages that the set is not meant for, or that some checks do not know."""
    path = table_path("scored/notes")
    if not path.exists():
        return []
    of_languages = pl.read_parquet(path).filter(pl.col("code").str.starts_with(LANGUAGES))
    return of_languages["evidence"].to_list()


def _metrics(stage: str) -> dict[str, float]:
    path = Path("metrics") / f"{stage}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}
