import json
from pathlib import Path

import pytest

from curation.harness.errors import QiratError
from curation.ingest.evaluation import read_evaluation_sets
from tests.builders import talk


def test_every_readable_file_counts_and_names_its_rows(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a.jsonl").write_text("\n".join(json.dumps({"messages": talk(t, "b")}) for t in ("x", "y")))
    (tmp_path / "b.json").write_text(json.dumps([{"messages": talk("z", "b")}]))
    assert read_evaluation_sets(tmp_path)["row_id"].to_list() == ["b.json:1", "deep/a.jsonl:1", "deep/a.jsonl:2"]


def test_an_empty_folder_protects_nothing_and_is_no_error(tmp_path: Path):
    assert read_evaluation_sets(tmp_path).is_empty()


@pytest.mark.parametrize(("name", "text"), [("set.txt", "hello"), ("set.jsonl", "{broken"), ("set.jsonl", '{"q": 1}')])
def test_a_set_that_cannot_be_read_stops_rather_than_protect_nothing(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text)
    with pytest.raises(QiratError, match=name):
        read_evaluation_sets(tmp_path)
