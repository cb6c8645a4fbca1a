"""What is remembered is worth something as long as the code that made it says the same."""

import os
import py_compile
import shutil
from pathlib import Path

import polars as pl
import pytest

from curation.harness import memory, parts
from curation.harness.dvc import listed, stages
from curation.harness.memory import Memory, code_version
from tests.builders import ROOT

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


def test_what_a_file_does_is_its_version(code: Path) -> None:
    others = ["rate = 1", "rate = 1.0", "rate = True", "rate = '1'", "rate = 1\nassert rate", "rates = 1"]
    others += [f"def rate({given}): return {said}" for given in ("", "a", "*, a", "a, /", "a=1") for said in (1, 2)]
    others += [f"def rate(given): return given in {{'a', '{other}'}}" for other in "bc"]
    versions = []
    for other in others:
        for written in (other, f"\n# so far\n{other}  # here\n\n"):
            (code / "curation/read/step.py").write_text(written)
            versions.append(version("read", code))
    assert versions[::2] == versions[1::2]
    assert len(set(versions)) == len(others)


def bytecode_of(source: Path, changed: float, written: float) -> None:
    """What Python keeps beside a source, with the times at which either was written."""
    os.utime(source, (changed, changed))
    kept = py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    os.utime(str(kept), (written, written))


@pytest.mark.parametrize("written", [1000.9, 1001.0, 2000.0])
def test_bytecode_beside_a_source_tells_its_version(code: Path, written: float) -> None:
    before = version("read", code)
    bytecode_of(code / "curation/read/step.py", 1000.3, written)
    assert version("read", code) == before


@pytest.mark.parametrize("changed", [1000.5, 1000.9, 999.0, 1001.0])
def test_bytecode_of_what_a_source_said_before_tells_nothing(code: Path, changed: float) -> None:
    before = version("read", code)
    source = code / "curation/read/step.py"
    bytecode_of(source, 1000.3, 1000.4)
    source.write_text("rate = 2")  # as long, and perhaps in the same second
    os.utime(source, (changed, changed))
    assert version("read", code) != before


def test_every_stage_of_the_pipeline_has_a_version() -> None:
    assert len({code_version(stage) for stage in stages()}) == len(stages())


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own code, to be changed."""
    root = tmp_path_factory.mktemp("copy")
    for name in ("curation", "training", "expectations"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "dvc.yaml", root)
    return root


@pytest.fixture(scope="module")
def before(copy: Path) -> dict[str, str]:
    """By stage, the version of its code as it is."""
    return {stage: version(stage, copy) for stage in stages(copy)}


def forgetting(root: Path, before: dict[str, str], changed: str, addition: str) -> list[str]:
    """The stages that forget what they remember when a file of ours is changed so, and was then put back."""
    path, was = root / changed, (root / changed).read_text("utf-8")
    path.write_text(was + addition, "utf-8")
    after = {stage: version(stage, root) for stage in stages(root)}
    path.write_text(was, "utf-8")
    return [stage for stage in before if after[stage] != before[stage]]


@pytest.mark.parametrize(
    "room", ["checks/length.py", "ingest/mail.py", "core/record/repair.py", "core/text/folding.py"]
)
def test_a_comment_anywhere_forgets_nothing(copy: Path, before: dict[str, str], room: str) -> None:
    assert forgetting(copy, before, f"curation/{room}", "\n# so far\n") == []


def test_a_real_change_in_a_check_leaves_what_was_read_and_embedded(copy: Path, before: dict[str, str]) -> None:
    forgot = forgetting(copy, before, "curation/checks/length.py", "\nMOST = 1\n")
    assert forgot == ["score", "curate"]


def test_a_string_of_the_report_is_the_report_s_alone(copy: Path, before: dict[str, str]) -> None:
    assert forgetting(copy, before, "curation/report/strings/ar.yaml", "\n# so far\n") == ["report"]


def test_how_a_stage_runs_is_no_stage_s_dependency(copy: Path, before: dict[str, str]) -> None:
    assert forgetting(copy, before, "curation/harness/local_backend.py", "\nMOST_EVER = 1\n") == []
    assert not [name for name, stage in stages().items() if "machine" in listed(stage, "params")]


def test_what_is_kept_in_parts_comes_back_in_parts_and_where_it_is_torn_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for module in (memory, parts):
        monkeypatch.setattr(module, "ROWS_A_GROUP", 10)
    rows = pl.DataFrame({"text": [f"{n} says" for n in range(45)]})
    kept = Memory("embed")
    kept.keep_parts("vectors", "v", rows.iter_slices(7), rows.schema)
    recalled = list(kept.recall_parts("vectors", "v"))
    assert [part.height for part in recalled] == [10, 10, 10, 10, 5]
    assert pl.concat(recalled).equals(rows)
    assert not list(kept.recall_parts("vectors", "another"))
    path = kept.folder / "vectors.parquet"
    whole = path.read_bytes()
    for torn in (whole[:-100], whole[:4] + bytes(60) + whole[64:]):
        path.write_bytes(torn)
        assert not list(kept.recall_parts("vectors", "v"))


def test_of_what_is_kept_the_rows_of_some_conversations_come_back_and_where_it_is_torn_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(parts, "ROWS_A_GROUP", 10)
    rows = pl.DataFrame({"conversation_id": [f"{n * 37 % 45:02}" for n in range(45)], "said": range(45)})
    kept = Memory("tokenize")
    with kept.keeping("train", "v", rows.schema) as keep:
        for part in rows.iter_slices(7):
            keep(part)
    wanted = pl.Series(["31", "07", "absent", "08"])
    found = kept.recall_of("train", "v", wanted)
    assert found is not None and found.equals(rows.filter(pl.col("conversation_id").is_in(wanted.implode())))
    assert kept.recall_of("train", "another", wanted) is kept.recall_of("train", "v", wanted.clear()) is None
    with pytest.raises(RuntimeError), kept.keeping("train", "w", rows.schema) as keep:
        keep(rows)
        raise RuntimeError
    path = kept.folder / "train.parquet"
    whole = path.read_bytes()
    for torn in (whole[:-100], whole[:4] + bytes(60) + whole[64:]):
        path.write_bytes(torn)
        assert kept.recall_of("train", "v", pl.Series(["00", "44"])) is None
