"""data/review/annotators.jsonl: by which name each account of Argilla answers in this project, kept in git.

    {"qirat": "annotators", "version": 1}
    {"name": "sara", "user": "1f3c…"}

An account may be renamed in Argilla. Answers, decisions and what is known of how good a person is stand under the name
the account had when its first answer came, so that one person is never counted as two.
"""

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from curation.core.record.json_lines import read_lines, write_lines
from curation.decisions.answers import alone
from curation.harness.params import Params

Place = TypeVar("Place", bound=Hashable)

PATH = Path("data/review/annotators.jsonl")
HEADER = {"qirat": "annotators", "version": 1}


class Account(Params):
    """One account of Argilla, which may be gone there, and its name here."""

    user: str = Field(min_length=1)  # Argilla's id
    name: str = Field(min_length=1)


def read_accounts(path: Path = PATH) -> dict[str, str]:
    """User id -> name in this project; nothing where there is no file."""
    accounts = read_lines(path, HEADER, Account.model_validate, lambda account: account.user)
    return {account.user: account.name for account in accounts}


def names_here(
    usernames: Mapping[str, str], given: Iterable[tuple[str, Place]], taken: Mapping[Place, str]
) -> dict[str, str]:
    """User id -> name in this project, of everybody on the server and everybody who answered; new ones are noted.

    `usernames`: id -> name there now. `given`: of each answer on the server the id of who gave it, and what it is about
    with its microsecond. `taken`: by the same, the names of the answers that were taken: one that the server has under
    another name only is of the same person, who was renamed before accounts were noted. A name that another account of
    the server bears here is told apart; one whose account is gone is taken by who bears it now: the same person, with a
    new account.
    """
    said, users = {*given}, {name: user for user, name in usernames.items()}
    former = {
        user: name
        for user, place in said
        if (name := taken.get(place)) is not None and (users.get(name), place) not in said
    }
    with alone():
        before = read_accounts()
        found = dict(before)
        new = {user for user, _ in said} - before.keys()
        for user in sorted(new, key=lambda user: (user not in former, user)):
            name = former.get(user) or usernames.get(user, user)
            borne = {found[other] for other in found if other in usernames}
            while name in borne:
                name = f"{name}-{user[:8]}"
            found[user] = name
        if found != before:
            write_lines(PATH, HEADER, ({"user": user, "name": name} for user, name in sorted(found.items())))
    return {**usernames, **found}
