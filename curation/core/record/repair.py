"""From messages as they were read or typed to messages of the record: repaired text, id, language.

Repairs change how text is written down, never its words.
"""

import operator
import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from curation.core.record.conversation import conversation_id, is_untaught
from curation.core.text.language import language_of

_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]")
LONE_SURROGATES = re.compile(r"[\ud800-\udfff]")


def repair(text: str) -> str:
    """NFC, \\n line ends, no control characters, no white space around. Idempotent.

    Lone surrogates, which no file can hold, become U+FFFD so that the encoding check sees them.
    """
    if text.isprintable() and unicodedata.is_normalized("NFC", text):
        return text.strip()  # nearly all: printable text has no line ends, controls or surrogates
    text = LONE_SURROGATES.sub("\ufffd", text)
    text = _CONTROLS.sub("", _LINE_ENDS.sub("\n", text))
    return unicodedata.normalize("NFC", text).strip()


def repaired_record(messages: Sequence[dict[str, Any]], merge: bool) -> dict[str, Any]:
    """The columns of the record that follow from the words: messages, conversation_id, language."""
    repaired = repair_messages(messages, merge)
    said = "\n".join(m["content"] for m in repaired if m["role"] in ("user", "assistant"))
    return {"messages": repaired, "conversation_id": conversation_id(repaired), "language": language_of(said)}


def repair_messages(messages: Sequence[dict[str, Any]], merge: bool) -> list[dict[str, Any]]:
    """Repaired messages; with `merge`, neighbours of one user or assistant become one message, as people type them."""
    repaired = [_repaired(m) for m in messages]
    roles = [m["role"] for m in repaired]
    if not merge or not any(map(operator.eq, roles, roles[1:])):
        return repaired
    turns = [list(run) for _, run in groupby(repaired, _side)]
    return [run[0] if len(run) == 1 else _joined(run) for run in turns]


def _repaired(message: dict[str, Any]) -> dict[str, Any]:
    text = repair(message["content"])
    if message.get("reasoning"):
        message = {**message, "reasoning": repair(message["reasoning"])}
    return message if text is message["content"] else {**message, "content": text}


def _side(message: dict[str, Any]) -> object:
    """What neighbours that make one turn have in common; nothing where it says more than words of one side."""
    spoken = message["role"] in ("user", "assistant") and not message["tool_calls"]
    return (message["role"], message["name"], is_untaught(message)) if spoken else object()


def _joined(run: Sequence[dict[str, Any]]) -> dict[str, Any]:
    thoughts = "\n".join(m["reasoning"] for m in run if m.get("reasoning")) or None
    train = next((m["train"] for m in run if m.get("train") is not None), None)
    words = "\n".join(m["content"] for m in run if m["content"])
    return {**run[0], "content": words, "reasoning": thoughts, "train": train}
