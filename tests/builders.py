"""Data for tests in a line or two."""

import json
import os
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from curation.checks.check import Context, Score
from curation.checks.codes import codes
from curation.core.record.codes import CODES, as_json
from curation.core.record.conversation import SCHEMA, conversations
from curation.core.record.playbook import Playbook
from curation.policy.limits import Policy, Route, in_force
from curation.privacy.params import Privacy
from curation.similarity.vectors import Vectors

ROOT = Path(__file__).resolve().parent.parent
# What processes that tests start read first: libraries in other versions, where tests run with such, and this code.
CHILDREN_PATH = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT)])


def talk(*contents: str, system: str | None = None) -> list[dict[str, Any]]:
    """Messages of a customer and an agent who take turns, the customer first."""
    said = [{"role": "user" if turn % 2 == 0 else "assistant", "content": text} for turn, text in enumerate(contents)]
    return [{"role": "system", "content": system}, *said] if system else said


def record(*talks: list[dict[str, Any]], **columns: Any) -> pl.DataFrame:
    """A table of conversations; row_id is file:1, file:2, ... and the language English unless told."""
    rows = [
        {"row_id": f"file:{n}", "source_file": "file", "source_row": n, "language": "en", "messages": said}
        for n, said in enumerate(talks, 1)
    ]
    table = conversations(rows)
    return table.with_columns(pl.Series(name, values, SCHEMA[name]) for name, values in columns.items())


def save(root: Path, name: str, table: pl.DataFrame) -> None:
    """Writes a table of a project where the stages look for it."""
    path = root / "data" / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path)


def params(section: str) -> dict[str, Any]:
    """A section of the params.yaml that ships."""
    return deepcopy(dict(_shipped_params()[section]))


@cache  # a twelfth of a second, which most tests would take
def _shipped_params() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    return found


@cache
def _shipped_playbook() -> Playbook:
    return Playbook.load(ROOT / "playbook.yaml")


def context(evaluation: pl.DataFrame | None = None, vectors: pl.DataFrame | None = None) -> Context:
    """What checks may look at, with the params and the playbook that ship."""
    empty, known = pl.DataFrame(schema=SCHEMA), None if vectors is None else Vectors.of(vectors)
    score, privacy = Score.model_validate(params("score")), Privacy.model_validate(params("privacy"))
    return Context(score, privacy, _shipped_playbook(), known, empty if evaluation is None else evaluation)


def shipped_policy(**route: Any) -> Policy:
    """The policy that ships, with other values for some of params.yaml: route."""
    return in_force(Route.model_validate(params("route") | route), codes())


def save_codes(root: Path) -> None:
    """What score says of all codes, where it writes it."""
    (root / CODES).parent.mkdir(parents=True, exist_ok=True)
    (root / CODES).write_text(json.dumps(as_json(codes())), "utf-8")
