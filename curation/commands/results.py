"""Where the results lie and what they say in one line each: the last words of `make repro`."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from curation.core.record.codes import LANGUAGES
from curation.core.record.ledger import OUTCOMES, PARTS
from curation.harness.errors import QiratError
from curation.harness.files import refuse_no_project, table_path
from curation.harness.memory import CACHE, remembered_json

COST = CACHE / "evaluate" / "cost.json"  # {"seconds": what one more conversation takes in all arms}


def results() -> str:
    """One line for each thing a person may want to open next, and for each that they may want to do."""
    if not (found := [*_lines()]):
        refuse_no_project()
        raise QiratError("nothing has run here yet; `dvc repro` runs the pipeline on what lies in data/raw")
    return "\n".join([*found, *_next()])


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
    yield from _of_verdict(Path("data/evaluated/verdict.json"))
    for name, path in (
        ("report", "reports/index.html"),
        ("data docs", "reports/expectations/index.html"),
        ("ledger", "data/ledger.parquet"),
        ("adapter", "models/adapter"),
    ):
        if Path(path).exists():
            yield f"{name:<9} {path}"


def _next() -> Iterator[str]:
    """What to do now, by what there is."""
    if doubtful := min(_metrics("route").get("review", 0), _metrics("curate").get("held", 0)):
        yield f"next      qirat review push: people look at {doubtful:,.0f} doubtful rows (first qirat review serve)"
    if table_path("ledger").exists():
        yield "next      qirat why --dropped: rows that were left out, each with its reason; qirat why ROW for any"
    verdict = Path("data/evaluated/verdict.json")
    if verdict.exists() and json.loads(verdict.read_text("utf-8"))["verdict"] == "promote":
        yield "next      qirat export merged out/model: the adapter as servers load it"
    if Path("data/gate/passed").exists():
        yield "next      qirat publish --licence LICENCE: what would leave if you gave the set away"


def _of_verdict(path: Path) -> Iterator[str]:
    """The word with its decisive reason, the others that stand open, and what it takes to decide."""
    if not path.exists():
        return
    found = json.loads(path.read_text("utf-8"))
    yield f"verdict   {found['verdict']}: {found['reasons'][0]}"
    yield from (f"          {reason}" for reason in found["reasons"][1:])
    if besides := len(found["further"]["reasons"]):
        yield f"          and {besides} more reasons in {path}"
    if found["verdict"] == "undecided" and found["more"]:
        yield f"next      {_more(found['more'], found.get('left'))}"


def _more(conversations: int, left: int | None) -> str:
    """What it takes besides to decide, how long it will run where the last run told, and whether there are so many."""
    seconds = remembered_json(COST).get("seconds", 0.0)
    minutes = f", about {max(1, round(conversations * seconds / 60)):,} minutes here" if seconds else ""
    lacking = (
        f"; the test has {left:,} more: give it others (split.test, split.test_files), or see above what asks for fewer"
        if left is not None and left < conversations
        else ""
    )
    return f"{conversations:,} more test conversations would decide it in four cases of five{minutes}{lacking}"


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
