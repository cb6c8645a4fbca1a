"""A conversation with the truth about it: what was planted in it, if anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Message = Mapping[str, Any]  # at least role and content


@dataclass(frozen=True)
class Row:
    """One conversation and the truth about it."""

    id: str
    language: str
    label: str | None
    topics: frozenset[str]  # rows that share none are about different things
    messages: tuple[Message, ...]
    defect: str | None = None  # what was planted, if anything
    traces: tuple[str, ...] = ()  # strings that mending the defect removes
    twin: str | None = None  # the row that this one copies
    replies_of: str | None = None  # the conversation that all replies are from, where it is another one

    def said(self, role: str) -> list[int]:
        """The turns of one role that say something."""
        return [turn for turn, m in enumerate(self.messages) if m["role"] == role and m["content"].strip()]

    def of(self, role: str) -> str:
        """All that one role says."""
        return "\n".join(self.messages[turn]["content"] for turn in self.said(role))

    @property
    def text(self) -> str:
        return "\n".join(m["content"] for m in self.messages)
