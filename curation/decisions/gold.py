"""data/review/gold.jsonl: conversations whose right decision an expert wrote, to see how good annotators are.

One JSON object a line below a header, sorted by conversation_id, kept in git:

    {"qirat": "gold", "version": 1}
    {"conversation_id": "3f…", "decision": "edit", "reasons": ["wrong_tone"]}
"""

from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator

from curation.core.record.json_lines import read_lines, write_lines
from curation.core.record.naming import called
from curation.decisions import answers as answers_file
from curation.decisions.decisions import REASONS
from curation.harness.errors import QiratError, faults
from curation.harness.files import finished_table
from curation.harness.params import Params

PATH = Path("data/review/gold.jsonl")
HEADER = {"qirat": "gold", "version": 1}


class Gold(Params):
    """What a good annotator decides on a conversation."""

    conversation_id: str = Field(pattern="^[0-9a-f]{32}$")
    decision: Literal["keep", "edit", "drop"]
    reasons: tuple[str, ...] = ()

    @field_validator("reasons")
    @classmethod
    def _known(cls, reasons: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(reasons) - set(REASONS)):
            raise ValueError(f"{', '.join(unknown)} is no reason; expected some of {', '.join(REASONS)}")
        return tuple(sorted(set(reasons)))


def read_gold(path: Path = PATH) -> list[Gold]:
    """Every line of the file, none where there is no file; a line that cannot be used is an error with its number."""
    return list(read_lines(path, HEADER, Gold.model_validate, attrgetter("conversation_id")))


def write_gold(gold: Iterable[Gold], path: Path = PATH) -> None:
    """One line a conversation, in the order of ids."""
    ordered = sorted(gold, key=attrgetter("conversation_id"))
    write_lines(path, HEADER, (g.model_dump(mode="json", exclude_defaults=True) for g in ordered))


@answers_file.alone()
def add(wanted: str, decision: str, reasons: Iterable[str]) -> Gold:
    """Marks a conversation, given by row_id, conversation_id or its beginning; an earlier mark is replaced."""
    ids = finished_table("ingested/conversations", ["row_id", "conversation_id"])
    [whole, *_] = called(wanted, ids, "conversations", "as the report and `qirat why` show them")["conversation_id"]
    try:
        marked = Gold.model_validate({"conversation_id": whole, "decision": decision, "reasons": tuple(reasons)})
    except ValidationError as error:
        raise QiratError(faults(error, quoted=False)) from None
    write_gold([*(gold for gold in read_gold() if gold.conversation_id != marked.conversation_id), marked])
    return marked
