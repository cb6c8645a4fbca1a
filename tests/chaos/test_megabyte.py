"""A message of a megabyte made to be slow goes from ingest to curate, and holds nobody up."""

import json
import sys
from pathlib import Path

import pytest

from tests.builders import talk
from tests.chaos.project import ROAD, TRIED, run, small, whole
from tests.chaos.worst import worst

MEGABYTE = 2**20  # bytes of UTF-8
MOST = 60  # CPU seconds of all stages together, of what they import nothing
STAGES = tuple(stage for stage in ROAD[: ROAD.index("curate") + 1] if stage != "audit")
KINDS = (
    "one by one",
    "brackets",
    "harakat",
    "families",
    "letters",
    "base64",
    "quotes in quotes",
    "nested tags",
    "no address",
    "addresses",
    "arabic echo",
    "new secrets",
)


@pytest.mark.skipif(not whole(), reason="`make chaos` reads megabytes")
@pytest.mark.parametrize("kind", KINDS)
def test_a_megabyte_goes_from_ingest_to_curate_within_a_minute(kind: str, tmp_path: Path) -> None:
    """Once as what a customer says, once as what an agent does."""
    long = worst(kind, MEGABYTE).encode()[:MEGABYTE].decode("utf-8", "ignore")
    talks = (talk(long, "It is on its way."), talk("Where is it?", long))
    small(tmp_path)
    (tmp_path / "data/raw/long.jsonl").write_text(
        "".join(json.dumps({"messages": said}, ensure_ascii=False) + "\n" for said in talks), "utf-8"
    )
    script = f"from tests.chaos.project import timed; timed({STAGES!r})"
    code, said = run(tmp_path, [sys.executable, "-c", script])
    assert code == 0, said
    taken = json.loads(said.splitlines()[-1])
    TRIED[f"a megabyte, {kind}: CPU seconds {taken}"] += 1
    assert sum(taken.values()) < MOST, taken
