"""data/review/project.jsonl: the name that this project's data sets bear in Argilla, drawn once and kept in git.

    {"qirat": "project", "version": 1}
    {"id": "0f…"}

Two projects may use one server, and both call their data sets by the default names. A push deletes what its own data
has no more, so it must know whose records it looks at: the data set bears the name of the project that made it.
"""

import secrets
from pathlib import Path
from typing import Any

from pydantic import Field

from curation.core.record.json_lines import read_lines, write_lines
from curation.decisions.answers import alone
from curation.harness.params import Params

PATH = Path("data/review/project.jsonl")
HEADER = {"qirat": "project", "version": 1}


class Project(Params):
    """`id`: 32 hex digits that nobody else has drawn."""

    id: str = Field(pattern="^[0-9a-f]{32}$")


def read_project(path: Path = PATH) -> str | None:
    """The id; None where this project has put nothing into Argilla yet."""
    found = [project.id for project in read_lines(path, HEADER, Project.model_validate, lambda _: "this project")]
    return found[0] if found else None


def make_project(path: Path = PATH) -> str:
    """The id, drawn and written where there is none."""
    with alone():
        if (known := read_project(path)) is not None:
            return known
        drawn = secrets.token_hex(16)
        write_lines(path, HEADER, [{"id": drawn}])
        return drawn


def marked(dataset: Any) -> str | None:
    """The id of the project that a data set of Argilla bears; None where it bears none."""
    found = (dataset.get("metadata") or {}).get("qirat")
    return found if isinstance(found, str) else None
