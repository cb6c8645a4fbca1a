"""Records for Argilla out of the line of rows to review: what is shown of each conversation, and why it is shown."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import polars as pl

from curation.consensus.corrections import NUMBER_LINE
from curation.core.record.codes import Code
from curation.core.record.conversation import is_untaught
from curation.core.text.markdown import as_plain, as_written
from curation.decisions.answers import Countries
from curation.harness.files import progress
from curation.policy.queue import purpose
from curation.privacy import covered, masked
from curation.review.form import VECTORS

# external_id, fields and metadata as Argilla takes them, `corrected` (text to edit in place, or None), and `vectors`
Record = dict[str, Any]

_PIECE = 3_990  # characters a bubble: 5 times as many as Markdown at worst, and a number; Argilla takes 20,000
_BUBBLES = 500  # Argilla takes no more
_PREFILLED = 8_000  # characters; more are no help to anybody who edits in a small box
_RANKS = 100  # by so many a rank must move to be written again
_DIGITS = 4  # of vectors: enough for "find similar", at half the size
_LIKELIER = re.compile(r"given (.+), the words say (.+)", re.DOTALL)  # as the check of labels puts it
_WORDS = {
    "en": {
        "empty": "(empty)",
        "untaught": "(not learnt: its source says so)",
        "cut": "(cut here: {} more turns)",
        "label": "Label from the source: {}",
        "likelier": "It is labelled {}; its words look like {}.",
        "random": "Picked at random, whatever our checks said of it. Judge it as a whole.",
    },
    "ar": {
        "empty": "(فارغ)",
        "untaught": "(لا يُتعلَّم: هكذا جاء من المصدر)",
        "cut": "(بقي {} من الأدوار لا تظهر هنا)",
        "label": "التصنيف من المصدر: {}",
        "likelier": "تصنيفها {}، وكلامها أقرب إلى {}.",
        "random": "اختيرت عشوائياً أياً كانت نتيجة الفحص. احكم عليها كاملةً.",
    },
}


def records(
    line: pl.DataFrame,
    conversations: pl.DataFrame,
    countries: Countries,
    findings: pl.DataFrame | None = None,
    vectors: pl.DataFrame | None = None,
    codes: Mapping[str, Code] | None = None,
) -> list[Record]:
    """One record for each row of the line, in the order of rank.

    A record's id is the conversation's, which is a hash of its words, and the round after the first: an answer stays
    with the words that were read, whatever becomes of the doubt, and other words are another record. `findings` tell
    which replies are doubted, `vectors` (conversation_id, vector, reply) what is similar, `codes` what doubts mean.
    """
    if "round" not in line.columns:  # the queue itself: every row for the first time
        line = line.with_columns(purpose=purpose(), round=1, group=pl.lit(None, pl.String))
    shown = line.join(conversations.unique("conversation_id", keep="first", maintain_order=True), on="conversation_id")
    doubted = _doubted(line, findings) if findings is not None else {}
    similar = _Vectors(vectors)
    rows = progress(shown.sort("rank").iter_rows(named=True), "review: making records", shown.height)
    return [_record(row, countries, doubted.get(row["conversation_id"], []), similar, codes or {}) for row in rows]


def _record(
    row: Mapping[str, Any], countries: Countries, doubted: Sequence[int], similar: "_Vectors", codes: Mapping[str, Code]
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
    record: Record = {
        "external_id": row["conversation_id"] if row["round"] == 1 else f"{row['conversation_id']}.{row['round']}",
        "fields": {"why": _why(row, language, countries, codes), "conversation": bubbles(messages, language)},
        "metadata": {name: value for name, value in metadata.items() if value not in (None, [])},
        "corrected": _prefilled(messages, doubted),
        "vectors": similar.of(row["conversation_id"]),
    }
    record["metadata"]["digest"] = digest(record)
    return record


def digest(record: Record) -> str:
    """Tells whether a record is as Argilla has it. Each decision moves all ranks behind it on, which is no change."""
    stable = record | {"metadata": record["metadata"] | {"rank": record["metadata"]["rank"] // _RANKS}}
    plain = orjson.dumps(stable, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    return hashlib.sha256(plain).hexdigest()[:16]


# -- why it is shown ---------------------------------------------------------------------------------------------------


def _why(row: Mapping[str, Any], language: str, countries: Countries, codes: Mapping[str, Code]) -> str:
    """Each doubt in plain words with what was seen; in one language, for Argilla lays a field out in one direction.

    The queue's evidence reads `code: what was seen`.
    """
    lines: list[str] = []
    for code in row["codes"] if row["purpose"] == "doubt" else ():
        seen = [e.removeprefix(f"{code}:").strip() for e in row["evidence"] or () if e.startswith(f"{code}:")]
        means = codes[code].told_to_reviewers(language) if code in codes else code.replace("_", " ")
        lines += [f"- {as_written(means)}"]
        lines += [f"  - {as_written(_isolated(_masked(_seen(words, language), countries)))}" for words in seen if words]
    lines = lines or [as_written(_WORDS[language]["random"])]
    if row["label"]:
        label = _isolated(_masked(row["label"], countries))
        lines.append(f"\n{as_written(_WORDS[language]['label'].format(label))}")
    return "\n".join(lines)


def _isolated(quoted: str) -> str:
    """A quotation that reads in its own direction in a sentence of the other."""
    return f"\u2068{quoted}\u2069"


def _seen(evidence: str, language: str) -> str:
    """The evidence on one line; a likelier label in the language of the conversation."""
    found = _LIKELIER.fullmatch(evidence)
    return " ".join((_WORDS[language]["likelier"].format(*found.groups()) if found else evidence).split())


def _masked(text: str, countries: Countries) -> str:
    return text if countries is None else masked(text, countries)


# -- what is shown of the conversation ---------------------------------------------------------------------------------


def bubbles(messages: Sequence[Mapping[str, Any]], language: str) -> list[dict[str, str]]:
    """Each message as one bubble or, when it is long, several. Replies carry the number by which they are corrected."""
    bubbles: list[dict[str, str]] = []
    for number, message in enumerate(messages, 1):
        note = _WORDS[language]["untaught"] if is_untaught(message) else ""
        said = (note, message["content"], message["tool_calls"])
        text = "\n".join(part for part in said if part and part.strip())
        pieces = [as_written(text[start : start + _PIECE]) for start in range(0, len(text), _PIECE)]
        pieces = pieces or [as_written(_WORDS[language]["empty"])]
        if message["role"] == "assistant":
            pieces[0] = f"{as_written(f'[{number}]')}\n{pieces[0]}"
        if len(bubbles) + len(pieces) >= _BUBBLES:
            cut = _WORDS[language]["cut"].format(len(messages) - number + 1)
            return [*bubbles, {"role": "system", "content": as_written(cut)}]
        bubbles += [{"role": message["role"], "content": piece} for piece in pieces]
    return bubbles


# -- what is there to be edited ----------------------------------------------------------------------------------------


def _doubted(line: pl.DataFrame, findings: pl.DataFrame) -> dict[str, list[int]]:
    """conversation_id -> the turns, in order, in which something was seen for which the row is in the line."""
    codes = line.filter(purpose="doubt").select("conversation_id", code="codes").explode("code")
    seen = findings.filter(pl.col("turn").is_not_null()).join(codes, on=["conversation_id", "code"], how="semi")
    return dict(seen.group_by("conversation_id").agg(pl.col("turn").unique().sort()).iter_rows())


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
