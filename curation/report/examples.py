"""Examples to judge the machine by: what was dropped and why, and which copies were merged."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup, escape
from pydantic import Field

from curation.core.text.folding import fold
from curation.harness.params import Params
from curation.privacy import covered, masked
from curation.report.blocks import Block, Cell, Examples, Excerpt, Note, Turn, code, count
from curation.report.data_sections import anchor, explanation
from curation.report.evidence import told
from curation.report.results import Results
from curation.report.words import Words
from curation.similarity.difference import steps

Texts = dict[str, list[dict[str, Any]]]

FINDINGS_SHOWN = 3
_WORD = re.compile(r"\S+")
_EDGE = " .,;:!?()[]{}\"'«»“”…،؛؟"


class Report(Params):
    """The section `report` of params.yaml."""

    seed: int = 1  # picks the examples
    examples: int = Field(default=2, ge=0)  # conversations shown for each reason
    reasons: int = Field(default=20, ge=0)  # reasons shown with examples, the most frequent first
    pairs: int = Field(default=4, ge=0)  # near copies shown beside what stands for them
    turns: int = Field(default=8, ge=2)  # turns shown of a conversation
    characters: int = Field(default=500, ge=50)  # characters shown of a turn


class Picking(Report):
    """How much is shown of what, the seed that picks it, and the countries that phone numbers are read for."""

    countries: tuple[str, ...]


def dropped(results: Results, words: Words, picking: Picking) -> list[Block]:
    """For each reason a few conversations that left the road by it, in more than one language where there are."""
    left = results.reasons().filter(pl.col("outcome") != "duplicate")
    if left.is_empty():
        return [Note(words("examples.none"), "good")]
    reasons = left.group_by("outcome", "code").len().sort("len", "outcome", "code", descending=[True, False, False])
    blocks: list[Block] = []
    for outcome, reason, number in reasons.head(picking.reasons).iter_rows():
        picked = _pick(left.filter(outcome=outcome, code=reason), picking)
        if picked.is_empty():
            continue
        texts = _texts(results, picked["row_id"], picking.countries)
        shown = [_example(row, texts, _seen(results, row), words, picking) for row in picked.iter_rows(named=True)]
        left = left.join(picked, on="row_id", how="anti", maintain_order="left")  # no row is shown twice
        heading = Markup("{}: {}").format(words(f"outcome.{outcome}"), words.titled_code(reason))
        of = words("examples.of", number=count(number))
        blocks.append(Examples(heading, f"{explanation(reason, words)} {of}", shown, anchor(outcome, reason)))
    return blocks


def near_pairs(results: Results, words: Words, picking: Picking) -> list[Block]:
    """Near copies beside the conversation that stands for them, with the words that differ marked."""
    copies = results["dedup/clusters"].filter(kind="near").sort("row_id")
    if copies.is_empty():
        return [Note(words("pairs.none"))]
    chosen = copies.sample(min(picking.pairs, copies.height), seed=picking.seed, shuffle=True)
    texts = _texts(results, pl.concat([chosen["row_id"], chosen["duplicate_of"]]), picking.countries)
    examples = [
        Excerpt(
            title=code(row["row_id"]),
            facts=[
                (words("pairs.survivor"), code(row["duplicate_of"])),
                (words("pairs.similarity"), f"{row['similarity']:.2f}"),
            ],
            columns=_side_by_side(texts.get(row["duplicate_of"], []), texts.get(row["row_id"], []), picking),
        )
        for row in chosen.iter_rows(named=True)
    ]
    of = words("examples.of", number=count(copies.height))
    return [Examples(words("pairs.heading"), f"{words('pairs.text')} {of}", examples)]


def highlight(text: str, evidence: str | None) -> Markup:
    """The text with the evidence marked where its words stand, whatever their case or Arabic spelling."""
    words = [match.span() for match in _WORD.finditer(text)]
    whole = evidence or ""
    without_kind = whole.partition(": ")[2]  # some checks name the kind first: "price: 5 SAR"
    for said in (whole, without_kind):
        wanted = fold(said).strip(_EDGE)
        size = len(wanted.split())
        for first in range(len(words) - size + 1 if size else 0):
            start, end = words[first][0], words[first + size - 1][1]
            if wanted in fold(text[start:end]):
                return escape(text[:start]) + _mark(text[start:end]) + escape(text[end:])
    return escape(text)


def difference(left: str, right: str) -> tuple[Markup, Markup]:
    """Both texts with the words marked that the other does not have there."""
    a, b = re.split(r"(\s+)", left), re.split(r"(\s+)", right)
    marked: tuple[list[Markup], list[Markup]] = ([], [])
    for kind, a1, a2, b1, b2 in steps(a, b):
        for side, part in zip(marked, ("".join(a[a1:a2]), "".join(b[b1:b2])), strict=True):
            side.append(escape(part) if kind == "equal" or not part.strip() else _mark(part))
    return Markup("").join(marked[0]), Markup("").join(marked[1])


def _example(
    row: Mapping[str, Any], texts: Texts, seen: Sequence[Mapping[str, Any]], words: Words, picking: Picking
) -> Excerpt:
    facts: list[tuple[str, Cell]] = []
    if row["language"]:
        facts.append((words("examples.language"), words.name_of("languages", row["language"])))
    messages = texts.get(row["row_id"], [])
    own = [m["content"] or m.get("tool_calls") or "" for m in messages]
    for finding in seen or [row]:
        facts.extend(_measured(finding, own, words, picking))
    if row["contributing"]:
        others = [code(name) for name in row["contributing"]]
        facts.append((words("examples.contributing"), Markup(words("comma")).join(others)))
    evidence = {finding["turn"]: finding["evidence"] for finding in seen}
    pointed = sorted(turn for turn in evidence if turn is not None)
    first = max(0, pointed[0] - picking.turns + 2) if pointed else 0
    last = min(first + picking.turns, len(messages))
    if last - first < len(messages):
        facts.append((words("examples.turns"), f"{first + 1}–{last} / {len(messages)}"))
    turns = [
        Turn(m["role"], highlight(_shown(m, picking), evidence.get(number, evidence.get(None))), number in pointed)
        for number, m in enumerate(messages[first:last], first)
    ]
    return Excerpt(code(row["row_id"]), facts, [turns])


def _measured(
    finding: Mapping[str, Any], own: Sequence[str], words: Words, picking: Picking
) -> Iterator[tuple[str, Cell]]:
    """The evidence, and the value beside the policy's limit where there is more to it than that it was seen."""
    value, limit = finding["value"], finding["threshold"]
    if evidence := told(finding["evidence"], own, words, picking.countries):
        yield words("examples.evidence"), evidence
    if value is None or (value == 1 and limit in (None, 1)):
        return
    yield words("examples.value"), f"{value:.4g}"
    if limit is not None:
        yield words("examples.threshold"), f"{limit:.4g}"


def _side_by_side(
    left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]], picking: Picking
) -> list[list[Turn]]:
    columns: tuple[list[Turn], list[Turn]] = ([], [])
    for number in range(min(max(len(left), len(right)), picking.turns)):
        pair = [side[number] if number < len(side) else None for side in (left, right)]
        texts = difference(*(_shown(m, picking) if m else "" for m in pair))
        for column, m, text in zip(columns, pair, texts, strict=True):
            if m:
                column.append(Turn(m["role"], text))
    return list(columns)


def _pick(rows: pl.DataFrame, picking: Picking) -> pl.DataFrame:
    """A seeded choice that takes the languages in turn."""
    shuffled = rows.sort("row_id").sample(fraction=1, shuffle=True, seed=picking.seed)
    return shuffled.sort(pl.int_range(pl.len()).over("language"), maintain_order=True).head(picking.examples)


def _texts(results: Results, row_ids: pl.Series, countries: Sequence[str]) -> Texts:
    """Messages by row_id, personal data covered; the raw text, as one message, of what could not be read."""
    wanted = pl.col("row_id").is_in(row_ids.implode())
    read = results["ingested/conversations"].filter(wanted).select("row_id", "messages")
    unread = results["ingested/quarantine"].filter(wanted).select("row_id", "raw")
    found: Texts = {row_id: covered(messages, countries) for row_id, messages in read.iter_rows()}
    return found | {
        row_id: [{"role": "raw", "content": masked(raw or "", countries)}] for row_id, raw in unread.iter_rows()
    }


def _seen(results: Results, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the check saw that gave a row this reason, what decided among it, and the limit by which the policy did."""
    if results.missing("scored/findings") or row["conversation_id"] is None:
        return []
    findings = results["scored/findings"].filter(conversation_id=row["conversation_id"], code=row["code"])
    limit = pl.lit(row["threshold"], pl.Float64)
    decided = pl.col("value").eq_missing(row["value"])
    shown = findings.sort(~decided, "turn", "evidence").head(FINDINGS_SHOWN).sort("turn", "evidence")
    return shown.with_columns(threshold=limit).to_dicts()


def _shown(m: Mapping[str, Any], picking: Picking) -> str:
    text = m["content"] or m.get("tool_calls") or ""
    return text if len(text) <= picking.characters else f"{text[: picking.characters].rstrip()} …"


def _mark(text: str) -> Markup:
    return Markup("<mark>{}</mark>").format(text)
