"""qirat review status: how far the review has come."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from curation.review.argilla_client import Present


@dataclass(frozen=True)
class Status:
    """Records by status, and each annotator's answers by status."""

    pending: int
    completed: int
    aside: int  # pending, but nobody needs them any more
    annotators: dict[str, Counter[str]]


def status(present: Collection[Present], usernames: Mapping[str, str]) -> Status:
    """Counts of what Argilla holds."""
    records = Counter("aside" if record.is_aside and not record.responses else record.status for record in present)
    annotators: dict[str, Counter[str]] = {}
    for record in present:
        for response in record.responses:
            name = usernames.get(response["user_id"], response["user_id"])
            annotators.setdefault(name, Counter())[response["status"]] += 1
    return Status(records["pending"], records["completed"], records["aside"], dict(sorted(annotators.items())))
