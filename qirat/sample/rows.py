"""A raw row of the sample and the truth about it."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from qirat.sample.dialogues import Author, Conversation, Message

CHANNELS = {"chat": 26, "sharegpt": 18, "tickets": 21, "pairs": 16, "helpdesk": 19}  # per cent of the rows


@dataclass
class SampleRow:
    """One raw row: what it holds and the truth about it. `row_id` is known once the files are written."""

    messages: list[Message]
    conversation: Conversation
    channel: str
    created_at: datetime
    label: str
    defect: str = "clean"
    kind: str = ""
    note: str = ""
    partner: "SampleRow | None" = None
    row_id: str = field(default="", repr=False)

    @classmethod
    def of(
        cls, written: Conversation, messages: list[Message] | None = None, kind: str = "", note: str = ""
    ) -> "SampleRow":
        """A row of the conversation as it was written, or with other messages in its place; they are the row's own."""
        scenario = written.scenario
        own = [dict(m) for m in (written.messages if messages is None else messages)]
        return cls(own, written, written.channel, scenario.created_at, scenario.intent, kind=kind, note=note)

    @property
    def language(self) -> str:
        return self.conversation.scenario.language

    @property
    def intent(self) -> str:
        return self.conversation.scenario.intent

    @property
    def half(self) -> int:
        """Files that are split hold the first or the second half of the year; the third is what came after it."""
        if self.channel == "newest":
            return 3
        return 1 if self.created_at.month <= 6 else 2


def draw(author: Author, rng: random.Random, language: str | None = None, **wanted: Any) -> Conversation:
    """A fresh clean conversation of some language and channel."""
    language = language or rng.choices(("en", "ar", "mixed"), weights=(58, 39, 3))[0]
    channel = wanted.pop("channel", None) or rng.choices(list(CHANNELS), weights=list(CHANNELS.values()))[0]
    return author.draw(language, channel, **wanted)
