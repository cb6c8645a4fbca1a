"""JSON documents that hold chats: Telegram, Discord, Messenger, Instagram, Teams. Their messages are raw rows."""

from collections.abc import Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]
Chats = Sequence[tuple[Document, Sequence[Any]]]  # what is said of a chat -> its messages

LISTS = ("chats", "left_chats")  # of a whole Telegram account, {"list": [...]} each
SIGNS = (  # fields of messages, any of which one sort of chat has
    ("date", "type", "id"),  # Telegram
    ("timestamp", "author", "content"),  # Discord
    ("sender_name", "timestamp_ms"),  # Messenger, Instagram
    ("senderName", "timestamp"),  # Messenger, its encrypted chats
    ("messageType", "createdDateTime"),  # Teams
)


def chats_in(document: Document) -> Chats:
    """The chats of a document, each with its messages; none in a document of another sort."""
    one = _messages(document)
    if one:
        return [one]
    lists = [document[key].get("list") for key in LISTS if isinstance(document.get(key), dict)]
    found = [chat for chats in lists if isinstance(chats, list) for chat in chats if isinstance(chat, dict)]
    return [chat for chat in map(_messages, found) if chat]


def about_all(document: Document) -> Document:
    """What stands in a document beside its chats."""
    return {key: value for key, value in document.items() if key not in (*LISTS, "messages", "value")}


def _messages(chat: Document) -> tuple[Document, Sequence[Any]] | None:
    for key in ("messages", "value"):
        messages = chat.get(key)
        if isinstance(messages, list) and messages and isinstance(messages[0], dict) and _are_of_chat(messages[0]):
            return {name: value for name, value in chat.items() if name != key}, messages
    return None


def _are_of_chat(message: Mapping[str, Any]) -> bool:
    return "role" not in message and any(all(field in message for field in sign) for sign in SIGNS)
