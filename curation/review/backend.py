"""Where people review: what push, pull and watch ask of a server, whichever it is.

`review.backend` in params.yaml chooses. Spreadsheets (offline.py) need none of this: their answers come in by
`pull.received`, as those of every server do.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from curation.harness.errors import QiratError
from curation.review.present import Present
from curation.review.records import Record


class Backend(Protocol):
    """The place of one data set: that of the review, or of another form."""

    # -- records out -------------------------------------------------------------------------------------------------

    def make_dataset(self) -> None:
        """The data set exists as params and form have it. Raises QiratError where it is another project's."""

    def claim(self, held: Iterable[Present], conversations: Collection[str]) -> None:
        """Raises QiratError where `held` are records of other `conversations` than this project's."""

    def make_vectors(self, dimensions: int) -> None:
        """Records can be found by similarity, where the server can do that."""

    def write(self, records: Sequence[Record]) -> None:
        """Makes records, or replaces what is shown of those that exist; answers stay."""

    def clear_suggestions(self, present: Sequence[Present]) -> None:
        """What was there to be edited goes."""

    def set_aside(self, present: Sequence[Present], rank: int) -> None:
        """Marks records that nobody needs and puts them last in line."""

    def delete_unanswered(self, ids: Sequence[str]) -> list[str]:
        """Deletes those without any response, drafts included, and returns which."""

    # -- answers in --------------------------------------------------------------------------------------------------

    def present(self) -> list[Present]:
        """Every record with its responses; none where there is no data set yet."""

    def take_back(self, record: Present, response: Mapping[str, Any]) -> bool:
        """Deletes one answer, so that the record is open again for who gave it; False where it was changed since."""

    # -- people ------------------------------------------------------------------------------------------------------

    def usernames(self) -> dict[str, str]:
        """User id -> name."""

    def add_annotator(self, name: str) -> str:
        """Makes the annotator and returns the password, which is nowhere else to be had."""

    def way_in(self) -> str:
        """Where people sign in and find the guidelines, in a sentence."""


@dataclass(frozen=True)
class Annotator:
    """A user of the server. `member`: may review; owners always may."""

    id: str
    name: str
    role: str
    member: bool


def annotator(people: Iterable[Annotator], name: str) -> Annotator:
    """The annotator of that name; QiratError where nobody has it, or somebody who is none."""
    person = next((person for person in people if person.name == name), None)
    if person is None:
        raise QiratError(f"there is no user {name!r}; `qirat review users list` tells who there is")
    if person.role != "annotator":
        raise QiratError(f"{name!r} is an {person.role}; only annotators are changed from here")
    return person


class People(Protocol):
    """Who may review. Servers delete answers with their users, so nobody is deleted."""

    def all(self) -> list[Annotator]:
        """By name."""

    def remove(self, name: str) -> None:
        """Takes the access from an annotator; the answers stay."""

    def readmit(self, name: str) -> str | None:
        """Lets one who was removed review again; the new password, or None where nobody was."""

    def reset_password(self, name: str) -> str:
        """A new password, which is nowhere else to be had."""
