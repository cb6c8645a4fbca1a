"""What people decided. One JSON object a line in data/review/decisions.jsonl, sorted by conversation_id, kept in git.

    {"qirat": "decisions", "version": 1}
    {"conversation_id": "3f…", "decision": "edit", "reasons": ["wrong_tone"], "messages": [...], "label": null,
     "annotators": ["sara"], "agreement": 1.0, "decided_at": "2026-01-05T10:00:00+00:00"}

An id is a hash of the words, so a decision cannot stick to other words than those the person saw.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from curation.core.record.conversation import MESSAGE, ROLES
from curation.core.record.json_lines import read_lines, write_lines
from curation.harness.params import Params

REASONS = {
    "wrong_answer": "Wrong answer · جواب خاطئ",
    "invented_fact": "Invented or stale fact · معلومة مختلقة أو قديمة",
    "wrong_tone": "Not how we speak · ليس أسلوبنا",
    "against_playbook": "Against the playbook · مخالف لدليل العمل",
    "personal_data": "Personal data · بيانات شخصية",
    "wrong_label": "Wrong label · تصنيف خاطئ",
    "wrong_language": "Wrong language · لغة غير مناسبة",
    "incomplete": "Incomplete · غير مكتمل",
    "not_useful": "Nothing to learn from · لا فائدة منه",
}

PATH = Path("data/review/decisions.jsonl")
LATER = {"purpose", "confidence", "applied_from", "similarity"}
MESSAGE_KEYS = {field.name for field in MESSAGE.fields}
HEADER = {"qirat": "decisions", "version": 1}
Purpose = Literal["doubt", "blind_accepted", "blind_rejected", "gold"]  # why a conversation was put before people


def moment(time: str) -> datetime:
    """A time as the files of the review hold it, ISO 8601; in UTC where it does not say. Raises ValueError."""
    found = datetime.fromisoformat(time)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Decision(Params):
    """keep: use as it is. edit: use `messages` (and `label`, when given) instead. drop: never use."""

    conversation_id: str = Field(pattern="^[0-9a-f]{32}$")
    decision: Literal["keep", "edit", "drop"]
    reasons: tuple[str, ...] = ()
    messages: tuple[dict[str, Any], ...] | None = None
    label: str | None = None
    annotators: tuple[str, ...] = ()
    agreement: float | None = None  # share of annotators behind the decision, 0..1
    decided_at: str = ""  # ISO 8601
    purpose: Purpose = "doubt"
    confidence: float | None = Field(default=None, ge=0, le=1)  # chance that the decision is right, by the consensus
    applied_from: str | None = Field(
        default=None, pattern="^[0-9a-f]{32}$"
    )  # the decision that somebody applied to this row because the two are alike
    similarity: float | None = Field(default=None, ge=0, le=1)  # to the row of that decision

    @field_validator("decided_at")
    @classmethod
    def _is_a_time(cls, decided_at: str) -> str:
        if decided_at:
            moment(decided_at)
        return decided_at

    @model_validator(mode="after")
    def _edits_say_what(self) -> "Decision":
        if self.decision == "edit" and not self.messages and self.label is None:
            raise ValueError("an edit needs corrected messages or a corrected label")
        if self.applied_from and (self.decision == "edit" or self.similarity is None):
            raise ValueError("a decision applied from another is keep or drop, and says how similar the rows are")
        for turn, m in enumerate(self.messages or ()):
            if m.get("role") not in ROLES or not isinstance(m.get("content"), str) or set(m) - MESSAGE_KEYS:
                raise ValueError(
                    f"message {turn} needs a role of {', '.join(ROLES)} and a text content; "
                    "beside them it may have name, tool_calls, tool_call_id, reasoning and train"
                )
        return self


def read_decisions(path: Path = PATH) -> list[Decision]:
    """All decisions, none where there is no file; an unreadable line or a second one on the same words is an error."""
    return list(read_lines(path, HEADER, Decision.model_validate, attrgetter("conversation_id")))


def write_decisions(decisions: Iterable[Decision], path: Path = PATH) -> None:
    """One line a decision, in the order of ids."""
    write_lines(path, HEADER, map(_plain, sorted(decisions, key=attrgetter("conversation_id"))))


def _plain(decision: Decision) -> dict[str, Any]:
    """The fields of its line. Those of LATER are left out at their default: lines from before them stay as they are."""
    fields = Decision.model_fields
    dumped = decision.model_dump(mode="json")
    return {name: value for name, value in dumped.items() if name not in LATER or value != fields[name].default}
