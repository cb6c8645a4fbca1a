"""The harness of a stage, and the only place of the pipeline that touches files.

A stage reads tables and its own part of params.yaml, and writes tables and metrics. Everything is written to a
temporary neighbour and moved into place, so a stage killed at any moment leaves either the whole file or none.
What a stage reads and writes must stand in dvc.yaml: an undeclared dependency means stale results, so it stops.

Tables are named by their place below data/: "dedup/pairs" is data/dedup/pairs.parquet.
"""

import contextlib
import json
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self

import polars as pl

from curation.harness.damage import MARK, explained
from curation.harness.dvc import listed, stages
from curation.harness.engine import Machine
from curation.harness.errors import QiratError, showable
from curation.harness.files import Item, atomic, cure, progress, read_table, table_path
from curation.harness.lock import held
from curation.harness.memory import CACHE, Memory
from curation.harness.memory_limit import refuse_too_little
from curation.harness.params import AnyParams, Section, load_params
from curation.harness.parts import height_of, read_parts, scratch, write_parts
from curation.harness.rules import RULES, refuse_other_rules

LOCKS = Path(".qirat")
WAIT = "wait until it has ended"


class Stage(Generic[AnyParams]):
    """One stage of dvc.yaml while it runs: `with Stage("dedup", Dedup) as stage: ...`"""

    params: AnyParams
    machine: Machine

    def __init__(self, name: str, params: type[AnyParams]) -> None:
        self.name = name
        self.memory = Memory(name)
        self._model = params

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        self._declared: dict[str, Any] = {}
        self._alone = contextlib.ExitStack()
        try:
            self._alone.enter_context(held(LOCKS / f"{self.name}.lock", f"{{holder}} is at it already; {WAIT}"))
            self._declared = _declaration(self.name)
            if (rules := RULES / self.name) in self._declared.get("deps", ()):
                refuse_other_rules(self.name, rules)
            self.params = self.section(self.name, self._model)
            self.machine = load_params("machine", Machine)
        except Exception as error:
            self._alone.close()
            self._end(error)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._alone.close()
        if error is not None:
            self._end(error)
        else:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            self.say(f"done in {time.monotonic() - self._started:.1f} s, peak memory {peak:,.0f} MiB")

    def _end(self, error: BaseException) -> None:
        """Ends the process with what a user can mend, if that is what stopped the stage."""
        if said := explained(error, self._declared.get("deps", ())):
            sys.exit(f"{self.name}: {said}")

    # -- in ------------------------------------------------------------------------------------------------------

    def section(self, name: str, params: type[Section]) -> Section:
        """The section `name` of params.yaml, checked against its model."""
        sections = self._declared.get("params")
        if sections is not None and name not in sections and params.model_fields:
            raise QiratError(f"{self.name} reads the section {name!r} of params.yaml: list it under params in dvc.yaml")
        return load_params(name, params)

    def read(self, table: str, columns: Sequence[str] | None = None, where: pl.Expr | None = None) -> pl.DataFrame:
        """A table, or those of its columns and of its rows that are asked for."""
        return read_table(self.input(table_path(table)), columns, where)

    def parts(self, table: str, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows of a table in their order, as many at once as the machine's memory allows; at least one part."""
        return read_parts(self.input(table_path(table)), columns, self.machine.rows_at_once)

    def height(self, table: str) -> int:
        """How many rows a table has."""
        return height_of(self.input(table_path(table)))

    def schema(self, table: str) -> pl.Schema:
        return pl.Schema(pl.read_parquet_schema(self.input(table_path(table))))

    def refuse_too_little(self, table: str, a_row: int, of_group: int = 0, group: int = 0) -> None:
        """Stops where the machine's memory is too small for `a_row` bytes of each row of the table to stay in it, and
        for `of_group` bytes of each row of a `group` of them. Parts and processes have what those rows leave."""
        rows = self.height(table)
        beside = of_group * min(rows, group) + self.machine.of_ray
        refuse_too_little(self.name, rows, a_row, self.machine.most, beside)
        self.machine = self.machine.holding(rows * a_row)

    def read_json(self, path: str | Path) -> Any:
        return json.loads(self.input(path).read_text("utf-8"))

    def input(self, path: str | Path) -> Path:
        """A file or folder this stage may read; checked against dvc.yaml."""
        path = Path(path)
        self._check(path, "deps")
        if not path.exists():
            raise QiratError(f"{path} is missing; {cure(path, self.name)}")
        return path

    # -- out -----------------------------------------------------------------------------------------------------

    def write(self, table: str, rows: pl.DataFrame) -> None:
        with self.output(table_path(table)) as temporary:
            rows.write_parquet(temporary, compression="zstd", statistics=True, metadata={MARK: table})
        self.say(f"{table}: {rows.height:,} rows")

    def write_parts(self, table: str, parts: Iterable[pl.DataFrame], schema: pl.Schema) -> int:
        """Writes a table as its rows come, whole or not at all, and returns their number."""
        with self.output(table_path(table)) as temporary:
            rows = write_parts(temporary, {MARK: table}, parts, schema)
        self.say(f"{table}: {rows:,} rows")
        return rows

    def scratch(self) -> contextlib.AbstractContextManager[Path]:
        """A folder for what this stage puts away while it runs."""
        return scratch(CACHE / f"{self.name}.scratch")

    def write_json(self, path: str | Path, value: Any) -> None:
        with self.output(path) as temporary:
            temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")

    def write_metrics(self, numbers: Mapping[str, float | int]) -> None:
        """metrics/{stage}.json: flat numbers that a rerun reproduces; times belong on the terminal."""
        self.write_json(f"metrics/{self.name}.json", dict(numbers))

    def passed(self, folder: str) -> None:
        """data/{folder}/passed: the road goes on."""
        with self.output(Path("data") / folder / "passed") as marker:
            marker.write_text("passed\n", "utf-8")

    @contextlib.contextmanager
    def output(self, path: str | Path) -> Iterator[Path]:
        """A temporary path that becomes `path`, a file or a folder, when the block ends well."""
        path = Path(path)
        self._check(path, "outs")
        with atomic(path) as temporary:
            yield temporary

    # -- to the person at the terminal ---------------------------------------------------------------------------

    def say(self, text: str) -> None:
        print(f"{self.name}: {showable(text)}", file=sys.stderr, flush=True)

    def progress(
        self, items: Iterable[Item], what: str, total: int | None = None, unit: str = "rows"
    ) -> Iterable[Item]:
        return progress(items, f"{self.name}: {what}", total, unit)

    def _check(self, path: Path, kind: str) -> None:
        listed = self._declared.get(kind)
        if listed is not None and not any(path == place or place in path.parents for place in listed):
            verb = "reads" if kind == "deps" else "writes"
            raise QiratError(f"{self.name} {verb} {path}: list it under {kind} in dvc.yaml, or results go stale unseen")


def _declaration(stage: str) -> dict[str, Any]:
    """What the dvc.yaml at hand lists for a stage; empty, and so unchecked, outside a pipeline."""
    found = stages(Path.cwd()).get(stage) if Path("dvc.yaml").exists() else None
    if found is None:
        return {}
    return {
        "params": listed(found, "params"),
        "deps": [Path(p) for p in listed(found, "deps")],
        "outs": [Path(p) for p in listed(found, "outs", "metrics", "plots")],
    }
