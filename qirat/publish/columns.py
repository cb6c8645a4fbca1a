"""What the columns of each published set hold, for its card, its Croissant metadata and its Arrow files."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from qirat.publish.rows import Row

if TYPE_CHECKING:
    from datasets import Features

SAID = ("messages", "prompt", "chosen", "rejected", "completion")  # columns that hold messages
_REPLY_ROW = {
    "id": "hash of the words and the turn",
    "prompt": "messages before the reply",
}
_BESIDE = {
    "tools": "tools that the assistant could call, null where none",
    "language": "ISO 639-1 code, mixed, other or und",
    "source": "kind of system that it was exported from",
    "licence": "under which the source gave it, null where it does not say",
    "reasons": "why a person decided so",
    "split": "train, dev or test; nothing alike stands in two",
}
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "conversations": {
        "id": "hash of the words",
        "messages": "role and content, tool_calls, tool_call_id, name and reasoning_content where a message has them",
        "tools": _BESIDE["tools"],
        "label": "intent, null where the source gave none",
        "language": _BESIDE["language"],
        "source": _BESIDE["source"],
        "licence": _BESIDE["licence"],
        "facts": "places in messages of facts that nothing before states, and how Qirat's own training treats them",
        "untaught": "turns (0-based) of replies that are context and not to be learnt",
        "split": _BESIDE["split"],
    },
    "preference": {
        **_REPLY_ROW,
        "chosen": "the reply as a person corrected it",
        "rejected": "the reply before that",
        **_BESIDE,
    },
    "kto": {**_REPLY_ROW, "completion": "the reply", "label": "whether people liked the reply", **_BESIDE},
}


def features(name: str, rows: Iterable[Row]) -> "Features":
    """The types of a set's columns.

    Messages are structs of role and content where no message says more. Else they are JSON objects: in a struct every
    message would have every key, and templates ask whether a key is there.
    """
    from datasets import Features, Json, List, Value

    text, number = Value("string"), Value("int32")
    bare = all({*m} <= {"role", "content"} for row in rows for said in SAID for m in row.get(said, ()))
    messages = List({"role": text, "content": text}) if bare else List(Json())
    fact = {"turn": number, "field": text, "start": number, "end": number, "kind": text, "treatment": text}
    special: dict[str, Any] = {
        **dict.fromkeys(SAID, messages),
        "tools": List(Json()),
        "facts": List(fact),
        "untaught": List(number),
        "reasons": List(text),
    }
    types = {column: special.get(column, text) for column in COLUMNS[name]}
    return Features(types | ({"label": Value("bool")} if name == "kto" else {}))
