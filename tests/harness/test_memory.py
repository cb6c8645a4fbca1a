"""What is remembered is worth something as long as the code that made it says the same."""

from pathlib import Path

import pytest

from curation.harness.dvc import stages
from curation.harness.memory import code_version

DVC = """
stages:
  read: {cmd: x, deps: [curation/read, curation/text.py, data/raw]}
  write: {cmd: x, deps: [curation/write.py]}
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    for name in ("read/__main__.py", "read/step.py", "text.py", "write.py"):
        path = tmp_path / "curation" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("rate = 1")
    (tmp_path / "curation/read/words.yaml").write_text("hello: 1")
    (tmp_path / "dvc.yaml").write_text(DVC)
    return tmp_path


def version(stage: str, root: Path) -> str:
    return code_version.__wrapped__(stage, root)


def test_a_comment_is_no_other_code(code: Path) -> None:
    before = version("read", code)
    (code / "curation/read/step.py").write_text("# so far\nrate = (\n    1\n)\n")
    assert version("read", code) == before


@pytest.mark.parametrize("changed", ["read/step.py", "read/words.yaml", "text.py"])
def test_other_code_or_words_of_the_stage_are_another_version_of_it_alone(code: Path, changed: str) -> None:
    before = version("read", code), version("write", code)
    (code / "curation" / changed).write_text("rate = 2")
    assert version("read", code) != before[0]
    assert version("write", code) == before[1]


def test_every_stage_of_the_pipeline_has_a_version() -> None:
    assert len({code_version(stage) for stage in stages()}) == len(stages())
