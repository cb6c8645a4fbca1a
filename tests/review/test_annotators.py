"""Accounts of Argilla come, go and are renamed; people stay who they are."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curation.harness.errors import QiratError
from curation.review.annotators import PATH, names_here, read_accounts

NAMES = st.sampled_from(["sara", "omar", "سارة", "Sara", "sara-u1"])
USERS = [f"u{n}" for n in range(5)]
STATES = st.lists(st.dictionaries(st.sampled_from(USERS), NAMES).filter(lambda d: len({*d.values()}) == len(d)))


@given(STATES)
@example([{"u2": "sara", "u3": "sara-u1"}, {"u2": "omar", "u3": "sara-u1", "u1": "sara"}])
def test_an_account_keeps_its_name_and_no_two_on_the_server_share_one(states: list[dict[str, str]]) -> None:
    """`states`: id -> name on the server, pull by pull; everybody there answers."""
    before, known = Path.cwd(), dict[str, str]()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for usernames in states:
                names = names_here(usernames, [(user, 1) for user in usernames], {})
                assert all(names[user] == known.get(user, names[user]) for user in usernames)
                for user in usernames.keys() - known:
                    assert names[user] not in {names[other] for other in usernames if other != user}
                known |= {user: names[user] for user in usernames}
                assert read_accounts() == known
        finally:
            os.chdir(before)


def test_an_account_that_is_gone_goes_by_the_name_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert names_here({"u1": "sara"}, [("u1", 1)], {})["u1"] == "sara"
    assert names_here({}, [("u1", 1)], {})["u1"] == "sara"
    assert names_here({"u2": "sara"}, [("u2", 2)], {})["u2"] == "sara", "the same person with a new account"


def test_a_newcomer_with_a_former_name_is_another_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names_here({"u1": "sara"}, [("u1", 1)], {})
    names = names_here({"u1": "sara.k", "u2": "sara"}, [("u1", 1), ("u2", 1)], {})
    assert names == {"u1": "sara", "u2": "sara-u2"}


def test_nobody_who_has_not_answered_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert names_here({"u1": "sara"}, [], {}) == {"u1": "sara"}
    assert not PATH.exists()


@pytest.mark.parametrize("content", ["", '{"user": "u1", "name": "sara"}\n', '{"qirat": "answers", "version": 1}\n'])
def test_a_file_that_is_torn_or_anothers_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.chdir(tmp_path)
    PATH.parent.mkdir(parents=True)
    PATH.write_text(content)
    with pytest.raises(QiratError, match=r"annotators.jsonl, line 1"):
        names_here({"u1": "sara"}, [("u1", 1)], {})
