"""What stands on top of the page: the numbers everybody asks for, and the verdict."""

from dataclasses import dataclass

from curation.record.ledger import counts
from curation.report.blocks import Cell, Note, count, share
from curation.report.data_sections import gate_notes
from curation.report.results import USED, Results
from curation.report.verdict_sections import reasons
from curation.report.words import Words


@dataclass(frozen=True)
class Tile:
    """A number that stands on top of the page."""

    label: str
    value: Cell
    note: Cell = ""


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
        notes.append(Note(words("headline.kept", **values)))
    notes += gate_notes(results, words)
    base = results.base_model
    notes.append(Note(words("headline.trained", model=base) if base else words("headline.not_trained")))
    if verdict := results.verdict.get("verdict"):
        notes.append(Note(words.name_of("verdict_means", verdict), "good" if verdict == "promote" else "warning"))
        notes += [Note(reason) for reason in reasons(results, words)[:1]]  # the others: comparisons
    return notes


def _raw_and_clean(results: Results) -> tuple[int, int]:
    closed = counts(results["ledger"])
    return closed["raw"], sum(closed[outcome] for outcome in USED)
