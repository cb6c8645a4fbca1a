from pathlib import Path

import pytest

from curation.decisions.forget import write_rules
from tests.builders import ROOT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with the params that ship."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    for folder in ("data/raw", "data/evaluation"):
        (tmp_path / folder).mkdir(parents=True)
    write_rules([], tmp_path / "data/forget.jsonl")
    monkeypatch.chdir(tmp_path)
    return tmp_path
