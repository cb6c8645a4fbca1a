"""Two versions of a small data set, kept by the real git and the real DVC."""

import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from curation.commands.diff import as_text, changed, diff, revisions_of, states
from curation.core.record.ledger import FINDING, SCHEMA
from curation.curate.fates import CURATED
from curation.harness.errors import QiratError

# row_id -> outcome, code; the words of a row are the first letter of its name
Fates = dict[str, tuple[str, str | None]]
BEFORE: Fates = {
    "a1": ("accepted", None),
    "b1": ("held", "outlier"),
    "c1": ("accepted", None),
    "d1": ("accepted", None),
    "e1": ("accepted", None),
    "f1": ("kept", "human_keep"),
    "f2": ("duplicate", "exact"),
    "q1": ("quarantined", "unreadable"),
}
AFTER: Fates = {
    "a7": ("accepted", None),  # the same words elsewhere
    "b1": ("accepted", None),
    "d1": ("dropped", "forgotten"),
    "e1": ("dropped", "pii_card"),
    "f2": ("kept", "human_keep"),  # its copy f1 is gone, the words are still there
    "g1": ("edited", "wrong_tone"),
    "q1": ("accepted", None),
}
UNREAD = ("quarantined", "forgotten")


def ledger(fates: Fates) -> pl.DataFrame:
    rows = [
        {
            "row_id": row_id,
            "conversation_id": None if {outcome, code} & {*UNREAD} else row_id[0],
            "stage": "route",
            "outcome": outcome,
            "code": code,
        }
        for row_id, (outcome, code) in fates.items()
    ]
    noise = {"row_id": "a1", "conversation_id": "a", "stage": "score", "outcome": FINDING, "code": "outlier"}
    return pl.DataFrame([*rows, noise], schema=SCHEMA)


def curated(fates: Fates, **reworded: str) -> pl.DataFrame:
    """The used rows; `reworded` says under which id the words of a row went in."""
    used = [row_id for row_id, (outcome, _) in fates.items() if outcome in ("accepted", "kept", "edited")]
    rows = [
        {"row_id": r, "conversation_id": reworded.get(r, r[0]), "parent_id": r[0] if r in reworded else None}
        for r in used
    ]
    return pl.DataFrame(rows, schema=CURATED)


def told(before: pl.DataFrame, after: pl.DataFrame) -> dict[str, tuple[str, str]]:
    return {
        row: (old, new) for row, old, new in changed(before, after).select("row_id", "state", "state_now").iter_rows()
    }


def test_every_conversation_is_followed_by_its_words():
    found = told(states(ledger(BEFORE), curated(BEFORE)), states(ledger(AFTER), curated(AFTER, g1="g'")))
    assert found == {
        "b1": ("held for outlier", "accepted"),
        "c1": ("accepted", "gone from raw"),
        "d1": ("accepted", "forgotten"),
        "e1": ("accepted", "dropped for pii_card"),
        "g1": ("not there", "edited"),
        "q1": ("quarantined", "accepted"),
    }


def test_a_version_differs_from_itself_in_nothing():
    same = states(ledger(BEFORE), curated(BEFORE))
    assert told(same, same) == {}


def test_rows_that_were_and_are_unreadable_are_no_change():
    one: Fates = {"q1": ("quarantined", "unreadable"), "q2": ("dropped", "forgotten")}
    assert told(states(ledger(one), curated(one)), states(ledger(one), curated(one))) == {}


def test_copies_that_are_forgotten_together_are_one_conversation():
    before: Fates = {"a1": ("accepted", None), "a2": ("duplicate", "exact"), "a3": ("duplicate", "exact")}
    after: Fates = dict.fromkeys(before, ("dropped", "forgotten"))
    assert told(states(ledger(before), curated(before)), states(ledger(after), curated(after))) == {
        "a1": ("accepted", "forgotten")
    }


def test_a_copy_that_is_forgotten_while_its_words_stand_elsewhere_is_no_change():
    before: Fates = {"a1": ("accepted", None), "a2": ("duplicate", "exact")}
    after: Fates = {"a1": ("accepted", None), "a2": ("dropped", "forgotten")}
    assert told(states(ledger(before), curated(before)), states(ledger(after), curated(after))) == {}


def test_words_that_were_masked_since_are_told_as_other_words():
    one: Fates = {"a1": ("accepted", None)}
    before, after = states(ledger(one), curated(one)), states(ledger(one), curated(one, a1="a-masked"))
    assert changed(before, after)["words_now"].to_list() == ["a-masked"]


def test_words_that_look_masked_as_they_are_read_are_a_conversation_of_their_own():
    two: Fates = {"a1": ("accepted", None), "b1": ("held", "outlier")}
    assert states(ledger(two), curated(two, a1="b")).select("row_id", "state", "words").rows() == [
        ("a1", "accepted", "b"),
        ("b1", "held for outlier", None),
    ]


# -- kept by git and DVC -----------------------------------------------------------------------------------------------

PIPELINE = """stages:
  curate:
    cmd: mkdir -p data/curated && cp made/ledger.parquet data/ && cp made/conversations.parquet data/curated/
    deps: [made]
    outs: [data/ledger.parquet, data/curated]
"""


def run(root: Path, *command: str) -> None:
    executable = Path(sys.executable).parent / command[0]
    program = str(executable) if executable.exists() else command[0]
    subprocess.run([program, *command[1:]], cwd=root, check=True, capture_output=True)


def make(root: Path, fates: Fates) -> None:
    (root / "made").mkdir(exist_ok=True)
    ledger(fates).write_parquet(root / "made/ledger.parquet")
    curated(fates).write_parquet(root / "made/conversations.parquet")
    run(root, "dvc", "repro", "--quiet")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return versions(tmp_path_factory.mktemp("versions"), "")


def versions(top: Path, folder: str, *init: str) -> Path:
    """A project in that folder of a git repository; v1 and v2 are tagged, the workspace is v2."""
    root = top / folder
    root.mkdir(parents=True, exist_ok=True)
    run(top, "git", "init", "--quiet")
    run(top, "git", "config", "user.email", "a@b.c")
    run(top, "git", "config", "user.name", "a")
    run(root if init else top, "dvc", "init", "--quiet", *init)
    run(root, "dvc", "config", "core.analytics", "false")
    (root / ".gitignore").write_text("/made\n/data\n", "utf-8")
    run(top, "git", "add", ".")
    run(root, "git", "commit", "--quiet", "-m", "empty")
    run(root, "git", "tag", "v0")
    (root / "dvc.yaml").write_text(PIPELINE, "utf-8")
    for tag, fates in (("v1", BEFORE), ("v2", AFTER)):
        make(root, fates)
        run(root, "git", "add", ".")
        run(root, "git", "commit", "--quiet", "-m", tag)
        run(root, "git", "tag", tag)
    return root


@pytest.mark.parametrize("new", [None, "v2"])
def test_two_revisions_are_compared_out_of_dvcs_cache(kept: Path, monkeypatch: pytest.MonkeyPatch, new: str | None):
    monkeypatch.chdir(kept)
    answer = diff("v1", new)
    assert answer["curated"] == [5, 5]
    assert (answer["entered"], answer["left"], answer["reworded"]) == (3, 3, 0)
    gone = {"from": "accepted", "to": "forgotten", "matters": True, "rows": 1, "examples": ["d1"]}
    assert gone in answer["changes"]
    assert "held for outlier -> accepted" in as_text(answer)
    assert "No row fared otherwise" in as_text(diff("v2", new))


@pytest.mark.parametrize("init", [(), ("--subdir",)])
@pytest.mark.parametrize("folder", ["teams/support data", "الدعم"])
def test_a_project_in_a_folder_of_a_larger_repository_is_compared_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, init: tuple[str, ...]
):
    monkeypatch.chdir(versions(tmp_path, folder, *init))
    assert diff("v1")["curated"] == diff("v1", "v2")["curated"] == [5, 5]
    assert revisions_of("data/ledger.parquet")
    with pytest.raises(QiratError, match=r"has no data/ledger\.parquet"):
        diff("v0")


@pytest.mark.parametrize(
    ("revision", "said"), [("v0", "has no data/ledger.parquet"), ("nonsense", "knows no revision")]
)
def test_a_revision_without_a_version_is_told(kept: Path, monkeypatch: pytest.MonkeyPatch, revision: str, said: str):
    monkeypatch.chdir(kept)
    with pytest.raises(QiratError, match=said):
        diff(revision)


def test_a_version_that_the_cache_has_lost_names_the_cure(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copytree(kept, tmp_path / "clone")
    shutil.rmtree(tmp_path / "clone/.dvc/cache")
    monkeypatch.chdir(tmp_path / "clone")
    with pytest.raises(QiratError, match="dvc fetch -A"):
        diff("v1")


def test_outside_git_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QiratError, match="git and DVC"):
        diff("v1")


def test_earlier_versions_of_an_output_are_found_once_each(kept: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(kept)
    first = subprocess.run(["git", "rev-parse", "--short", "v1"], cwd=kept, capture_output=True, text=True, check=True)
    assert revisions_of("data/curated") == [first.stdout.strip()]
    assert revisions_of("data/nothing") == []
