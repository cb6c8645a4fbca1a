import stat
import tarfile
from pathlib import Path

import pytest

from curation.harness.errors import QiratError
from curation.review.embedded import process
from curation.review.embedded.backup import backup, restore
from tests.review.server.argilla import Api, api_of, dataset, record


def test_a_backup_taken_while_people_work_brings_answers_people_and_sessions_back(
    home: Path, owner: Api, tmp_path: Path
) -> None:
    made = dataset(owner)
    ids = [item["id"] for item in made.write(record("a", "النص الأول"), record("b", "second"))]
    sara = owner.annotator(made.workspace)
    assert sara.answer(ids[0], "keep").is_success
    file = backup(tmp_path / "kept" / "backup.tar.gz", home)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert sara.answer(ids[1], "drop").is_success  # after the backup: not in it

    other = tmp_path / "elsewhere" / "home"
    assert restore(file, other) is None
    assert stat.S_IMODE(other.stat().st_mode) == 0o700
    assert (other / "auth_secret").read_text() == (home / "auth_secret").read_text()
    url = process.serve_in_background(0, other)
    try:
        there = api_of(other)
        assert there.key == owner.key
        items = there.get(f"{made.place}/records", params={"include": "responses"})["items"]
        assert {item["external_id"]: len(item["responses"]) for item in items} == {"a": 1, "b": 0}
        found = Api(url, sara.key).ask(
            "POST", f"me/{made.place}/records/search", json={"query": {"text": {"q": "الاول"}}}
        )
        assert found.json()["total"] == 1
        with pytest.raises(QiratError, match="qirat review stop"):
            restore(file, other)
    finally:
        process.stop(other)
    aside = restore(file, other)
    assert aside and (aside / "argilla.db").exists() and aside.parent == other.parent
    assert (other / "credentials.json").exists()


@pytest.mark.parametrize("harm", ["cut", "bits", "empty", "other", "missing"])
def test_a_backup_that_is_not_whole_changes_nothing(home: Path, tmp_path: Path, harm: str) -> None:
    file, there = tmp_path / "backup.tar.gz", tmp_path / "there"
    there.mkdir()
    (there / "argilla.db").write_text("precious")
    if harm != "missing":
        whole = backup(file, home).read_bytes()
        cut, bits = whole[:-5000], whole[:3000] + b"x" * 3000 + whole[6000:]
        file.write_bytes({"cut": cut, "bits": bits, "empty": b""}.get(harm, whole))
    if harm == "other":
        with tarfile.open(file, "w:gz") as archive:
            archive.add(there, "argilla.db")
    with pytest.raises(QiratError, match="backup"):
        restore(file, there)
    assert (there / "argilla.db").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != file.name) == ["there"]


def test_without_a_server_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(QiratError, match="qirat review serve"):
        backup(home=tmp_path)
