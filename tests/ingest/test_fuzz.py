"""A share of benchmarks/fuzz/ingest.py: damaged files of every kind, read by the real reader."""

from pathlib import Path

import pytest

from benchmarks.fuzz.ingest import HUGE, Damaged, check, damaged_files
from curation.ingest.reading import Ingest
from tests.builders import params

PARAMS = Ingest.model_validate({**params("ingest"), "max_row_bytes": HUGE - 1000})
FILES = list(damaged_files(200, seed=3, rare=0))


@pytest.mark.parametrize("start", range(0, len(FILES), 20))
def test_no_damage_to_a_file_crashes_the_reader_or_loses_a_row(tmp_path: Path, start: int):
    for damaged in FILES[start : start + 20]:
        check(damaged, tmp_path, PARAMS)


def test_the_check_notices_a_row_that_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from curation.ingest.texts import Lines

    monkeypatch.setattr(Lines, "count", lambda _: 2)
    with pytest.raises(AssertionError, match="1 outcomes of 2 rows"):
        check(Damaged("good", "a.jsonl", b'{"messages": [{"role": "user", "content": "x"}]}'), tmp_path, PARAMS)
