"""From messages as they were read or typed to messages of the record: repaired text, id, language.

Repairs change how text is written down, never its words.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from curation.conversation import conversation_id
from curation.language import language_of

_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]")
LONE_SURROGATES = re.compile(r"[\ud800-\udfff]")


def repair(text: str) -> str:
    """NFC, \\n line ends, no control characters, no white space around. Idempotent.

    Lone surrogates, which no file can hold, become U+FFFD so that the encoding check sees them.
    """
    text = LONE_SURROGATES.sub("\ufffd", text)
    text = _CONTROLS.sub("", _LINE_ENDS.sub("\n", text))
    return unicodedata.normalize("NFC", text).strip()


def spoken_record(messages: Sequence[dict[str, Any]], merge: bool) -> dict[str, Any]:
    """The columns of the record that follow from the words: messages, conversation_id, language."""
    repaired = repair_messages(messages, merge)
    said = "\n".join(m["content"] for m in repaired if m["role"] in ("user", "assistant"))
    return {"messages": repaired, "conversation_id": conversation_id(repaired), "language": language_of(said)}


def repair_messages(messages: Sequence[dict[str, Any]], merge: bool) -> list[dict[str, Any]]:
    """Repaired messages; with `merge`, neighbours of one user or assistant become one message, as people type them."""
    repaired = [{**m, "content": repair(m["content"])} for m in messages]
    if not merge:
        return repaired
    return [joined for _, run in groupby(repaired, key=_mergeable) for joined in _joined(list(run))]


def _mergeable(message: dict[str, Any]) -> Any:
    plain = message["role"] in ("user", "assistant") and not message["tool_calls"]
    return (message["role"], message["name"]) if plain else id(message)


def _joined(run: list[dict[str, Any]]) -> list[dict[str, Any]]:
    said = [m["content"] for m in run if m["content"]]
    return [{**run[0], "content": "\n".join(said)}]
