"""Records for Argilla out of the line of rows to review: what is shown of each conversation, and why it is shown."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import polars as pl

from curation.consensus.consensus import Unusable
from curation.consensus.corrections import NUMBER_LINE
from curation.core.text.markdown import as_plain, as_strong
from curation.decisions.answers import Countries
from curation.harness.files import progress
from curation.policy.queue import purpose
from curation.privacy import covered, masked
from curation.review.asked_again import note
from curation.review.chat import bubbles
from curation.review.form import VECTORS
from curation.review.why import Meanings, Seen, seen, why

# external_id, fields and metadata as Argilla takes them, `corrected` (text to edit in place, or None), and `vectors`
Record = dict[str, Any]

_PREFILLED = 8_000  # characters; more are no help to anybody who edits in a small box
_RANKS = 100  # by so many a rank must move to be written again
_DIGITS = 4  # of vectors: enough for "find similar", at half the size


@dataclass(frozen=True)
class Shown:
    """What is shown beside the words of conversations.

    `findings` tell which replies are doubted, `vectors` (conversation_id, vector, reply) what is similar, `meanings`
    what doubts mean, `again` by conversation whose answers could not be used. `give_back`: what such an answer had in
    the box for corrections stands there again, which would lead others who are asked for the same record.
    """

    findings: pl.DataFrame | None = None
    vectors: pl.DataFrame | None = None
    meanings: Meanings = field(default_factory=Meanings)
    again: Mapping[str, Sequence[Unusable]] = field(default_factory=dict)
    give_back: bool = False


def records(
    line: pl.DataFrame, conversations: pl.DataFrame, countries: Countries, beside: Shown = Shown()
) -> list[Record]:
    """One record for each row of the line, in the order of rank.

    A record's id is the conversation's, which is a hash of its words, and the round after the first: an answer stays
    with the words that were read, whatever becomes of the doubt, and other words are another record.
    """
    if "round" not in line.columns:  # the queue itself: every row for the first time
        line = line.with_columns(purpose=purpose(), round=1, group=pl.lit(None, pl.String))
    shown = line.join(conversations.unique("conversation_id", keep="first", maintain_order=True), on="conversation_id")
    found = seen(line, beside.findings) if beside.findings is not None else {}
    similar = _Vectors(beside.vectors)
    rows = progress(shown.sort("rank").iter_rows(named=True), "review: making records", shown.height)
    return [_record(row, countries, found.get(row["conversation_id"], []), similar, beside) for row in rows]


def _record(
    row: Mapping[str, Any], countries: Countries, findings: Sequence[Seen], similar: "_Vectors", beside: Shown
) -> Record:
    messages = row["messages"] if countries is None else covered(row["messages"], countries)
    language = "ar" if row["language"] == "ar" else "en"
    metadata = {
        "language": row["language"],
        "source": row["source"],
        "intent": row["label"] and _masked(row["label"], countries),
        "rank": row["rank"],
        "purpose": row["purpose"],
        "round": row["round"],
    }
    if row["purpose"] == "doubt":  # what would tell samples and gold from one another, too
        metadata |= {"codes": list(row["codes"]), "priority": row["priority"], "group": row["group"]}
    doubts = _doubts(findings, language, beside.meanings)
    again = beside.again.get(row["conversation_id"], ())
    notes = [f"{as_strong(note(one, language))}\n" for one in again]
    written = next((one.answer.corrected for one in again if one.answer.corrected.strip()), None)
    reasons = "\n".join([*notes, why(row, language, countries, beside.meanings, findings)])
    record: Record = {
        "external_id": row["conversation_id"] if row["round"] == 1 else f"{row['conversation_id']}.{row['round']}",
        "fields": {
            "why": reasons,
            "conversation": bubbles(messages, language, doubts, reasons.count("\n")),
        },
        "metadata": {name: value for name, value in metadata.items() if value not in (None, [])},
        "corrected": (written if beside.give_back else None) or _prefilled(messages, sorted(doubts)),
        "vectors": similar.of(row["conversation_id"]),
    }
    record["metadata"]["digest"] = digest(record)
    return record


def digest(record: Record) -> str:
    """Tells whether a record is as Argilla has it. Each decision moves all ranks behind it on, which is no change."""
    stable = record | {"metadata": record["metadata"] | {"rank": record["metadata"]["rank"] // _RANKS}}
    plain = orjson.dumps(stable, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    return hashlib.sha256(plain).hexdigest()[:16]


# -- what is there to be edited ----------------------------------------------------------------------------------------


def _doubts(findings: Sequence[Seen], language: str, meanings: Meanings) -> dict[int, list[str]]:
    """0-based turn -> the titles of what was seen in it."""
    found: dict[int, dict[str, None]] = {}
    for one in findings:
        if one.turn is not None:
            found.setdefault(one.turn, {})[meanings.title(one.code, language)] = None
    return {turn: list(titles) for turn, titles in found.items()}


def _prefilled(messages: Sequence[Mapping[str, Any]], doubted: Sequence[int]) -> str | None:
    """The doubted replies under their numbers, for people to edit in place; None where that would be no help."""
    replies = {
        turn: as_plain(messages[turn]["content"]).strip() for turn in doubted if messages[turn]["role"] == "assistant"
    }
    text = "\n\n".join(f"[{turn + 1}]\n{content}" for turn, content in replies.items() if content)
    looks_numbered = any(NUMBER_LINE.search(content) for content in replies.values())
    return text if text and len(text) <= _PREFILLED and not looks_numbered else None


# -- what is similar ---------------------------------------------------------------------------------------------------


class _Vectors:
    """Rows of the embeddings by conversation, in the form in which they travel."""

    def __init__(self, vectors: pl.DataFrame | None) -> None:
        self._places: dict[str, int] = {}
        if vectors is not None:
            self._places = {key: place for place, key in enumerate(vectors["conversation_id"])}
            columns = zip(VECTORS, ("vector", "reply"), strict=True)
            self._matrices = {name: np.round(vectors[column].to_numpy(), _DIGITS) for name, column in columns}

    def of(self, conversation_id: str) -> dict[str, Any]:
        """A text of nothing has no direction, and Elasticsearch refuses a vector without one."""
        place = self._places.get(conversation_id)
        rows = {} if place is None else {name: matrix[place] for name, matrix in self._matrices.items()}
        return {name: row for name, row in rows.items() if row.any()}


def _masked(text: str, countries: Countries) -> str:
    return text if countries is None else masked(text, countries)
