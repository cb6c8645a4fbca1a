"""Which languages each annotator reads, and which of the line lack people."""

from pathlib import Path

import pytest

from curation.harness.errors import QiratError
from curation.review.backend import Annotator
from curation.review.embedded.hosting.languages import languages_of
from curation.review.readers import choose, lacking, parsed, read_readers, tell


def test_a_choice_is_kept_told_to_the_server_and_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    choose("sara", ("ar",))
    choose("omar", ("en", "ar"))
    people = [Annotator(f"id-{name}", name, "annotator", True) for name in ("sara", "omar", "nour")]
    tell(tmp_path, people, read_readers())
    told = {one.name: languages_of(tmp_path, one.id) for one in people}
    assert told == {"sara": ["ar", "und"], "omar": ["en", "ar", "mixed", "und"], "nour": []}
    assert (tmp_path / "languages.json").stat().st_mode & 0o077 == 0
    choose("sara", ())
    assert read_readers() == {"omar": ("en", "ar")}


def test_a_language_that_too_few_people_read_is_told() -> None:
    line, readers = ["ar", "en", "en", "fr", "mixed", "und"], {"sara": ("ar",), "omar": ("ar", "en")}
    told = [sentence.split(" ")[:2] for sentence in lacking(line, ["sara", "omar"], readers, 1)]
    assert told == [["fr:", "1"]]
    assert [one[:3] for one in lacking(line, ["sara", "omar"], readers, 2)] == ["en:", "fr:", "mix"]
    assert lacking(line, ["sara", "omar", "nour"], readers, 1) == [], "who chose none reads all"


def test_a_language_that_no_conversation_has_is_told() -> None:
    assert parsed(" AR, en,ar", {"ar", "en"}) == ("ar", "en")
    with pytest.raises(QiratError, match="no conversation is in de; the data set has ar, en"):
        parsed("ar,de", {"ar", "en"})
