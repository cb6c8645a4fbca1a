"""Records for Argilla out of the review queue: what is shown of each conversation, and why it is shown."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from curation.personal_data import covered, masked
from curation.review.markdown import as_written
from curation.stage import progress

Record = dict[str, Any]  # external_id, fields and metadata, as Argilla takes them
Countries = Sequence[str] | None  # for which phones are read when personal data is covered; None: it is shown

_PIECE = 3_990  # characters a bubble: 5 times as many as Markdown at worst, and a number; Argilla takes 20,000
_BUBBLES = 500  # Argilla takes no more
_WORDS = {
    "en": {"empty": "(empty)", "cut": "(cut here: {} more turns)", "label": "Label from the source: {}"},
    "ar": {"empty": "(فارغ)", "cut": "(بقي {} من الأدوار لا تظهر هنا)", "label": "التصنيف من المصدر: {}"},
}


def records(queue: pl.DataFrame, conversations: pl.DataFrame, countries: Countries) -> list[Record]:
    """One record for each row of the queue, in the order of rank.

    A record's id is the conversation's, which is a hash of its words: an answer stays with the words that were read,
    whatever becomes of the doubt, and other words are another record.
    """
    shown = queue.join(conversations.unique("conversation_id", keep="first", maintain_order=True), on="conversation_id")
    rows = progress(shown.sort("rank").iter_rows(named=True), "review: making records", shown.height)
    return [_record(row, countries) for row in rows]


def _record(row: Mapping[str, Any], countries: Countries) -> Record:
    messages = row["messages"] if countries is None else covered(row["messages"], countries)
    language = "ar" if row["language"] == "ar" else "en"
    metadata = {
        "language": row["language"],
        "source": row["source"],
        "intent": row["label"] and _masked(row["label"], countries),
        "codes": list(row["codes"]),
        "priority": row["priority"],
        "rank": row["rank"],
    }
    return {
        "external_id": row["conversation_id"],
        "fields": {"why": _why(row, language, countries), "conversation": _bubbles(messages, language)},
        "metadata": {name: value for name, value in metadata.items() if value not in (None, [])},
    }


def _why(row: Mapping[str, Any], language: str, countries: Countries) -> str:
    """Each doubt in plain words with what was seen; in one language, for Argilla lays a field out in one direction.

    The queue's evidence reads `code: what was seen`.
    """
    lines: list[str] = []
    for code in row["codes"] or [row["reason"]]:
        seen = [e.removeprefix(f"{code}:").strip() for e in row["evidence"] or () if e.startswith(f"{code}:")]
        lines += [f"- {as_written(_plain_words(code, language))}"]
        lines += [f"  - {as_written(' '.join(_masked(words, countries).split()))}" for words in seen if words]
    if row["label"]:
        lines.append(f"\n{as_written(_WORDS[language]['label'].format(_masked(row['label'], countries)))}")
    return "\n".join(lines)


def _masked(text: str, countries: Countries) -> str:
    return text if countries is None else masked(text, countries)


def _plain_words(code: str, language: str) -> str:
    known = _codes().get(code)
    return known[language] if known else code.replace("_", " ")


@cache
def _codes() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yaml.safe_load(Path(__file__).with_name("codes.yaml").read_text("utf-8"))
    return found


def _bubbles(messages: Sequence[Mapping[str, Any]], language: str) -> list[dict[str, str]]:
    """Each message as one bubble or, when it is long, several. Replies carry the number by which they are corrected."""
    bubbles: list[dict[str, str]] = []
    for number, message in enumerate(messages, 1):
        text = "\n".join(part for part in (message["content"], message["tool_calls"]) if part and part.strip())
        pieces = [as_written(piece) for piece in _pieces(text)] or [as_written(_WORDS[language]["empty"])]
        if message["role"] == "assistant":
            pieces[0] = f"{as_written(f'[{number}]')}\n{pieces[0]}"
        if len(bubbles) + len(pieces) >= _BUBBLES:
            cut = _WORDS[language]["cut"].format(len(messages) - number + 1)
            return [*bubbles, {"role": "system", "content": as_written(cut)}]
        bubbles += [{"role": message["role"], "content": piece} for piece in pieces]
    return bubbles


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
