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
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self

import polars as pl
import yaml

from curation.harness.errors import QiratError
from curation.harness.files import Item, _remove, atomic, progress, table_path
from curation.harness.memory import CACHE
from curation.harness.params import AnyParams, Section, load_params


class Stage(Generic[AnyParams]):
    """One stage of dvc.yaml while it runs: `with Stage("dedup", Dedup) as stage: ...`"""

    params: AnyParams

    def __init__(self, name: str, params: type[AnyParams]) -> None:
        self.name = name
        self._model = params

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        try:
            self._declared = _declaration(self.name)
            self.params = self.section(self.name, self._model)
        except QiratError as error:
            sys.exit(f"{self.name}: {error}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, QiratError):
            sys.exit(f"{self.name}: {error}")
        if error is None:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            self.say(f"done in {time.monotonic() - self._started:.1f} s, peak memory {peak:,.0f} MiB")

    # -- in ------------------------------------------------------------------------------------------------------

    def section(self, name: str, params: type[Section]) -> Section:
        """The section `name` of params.yaml, checked against its model."""
        sections = self._declared.get("params")
        if sections is not None and name not in sections and params.model_fields:
            raise QiratError(f"{self.name} reads the section {name!r} of params.yaml: list it under params in dvc.yaml")
        return load_params(name, params)

    def read(self, table: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        path = self.input(table_path(table))
        return pl.read_parquet(path, columns=None if columns is None else list(columns))

    def read_json(self, path: str | Path) -> Any:
        return json.loads(self.input(path).read_text("utf-8"))

    def input(self, path: str | Path) -> Path:
        """A file or folder this stage may read; checked against dvc.yaml."""
        path = Path(path)
        self._check(path, "deps")
        if not path.exists():
            raise QiratError(f"{path} is missing; run `dvc repro {self.name}`, which makes what comes before")
        return path

    # -- out -----------------------------------------------------------------------------------------------------

    def write(self, table: str, rows: pl.DataFrame) -> None:
        with self.output(table_path(table)) as temporary:
            rows.write_parquet(temporary, compression="zstd", statistics=True)
        self.say(f"{table}: {rows.height:,} rows")

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

    # -- what an earlier run worked out already -------------------------------------------------------------------

    def remembered(self, name: str, version: str) -> pl.DataFrame | None:
        """The table that `remember` kept under this name and version; None when there is none, or another version.

        It only saves time: what a stage writes must be the same bytes with it and without it.
        """
        path = CACHE / self.name / f"{name}.parquet"
        try:
            if pl.read_parquet_metadata(path).get("version") == version:
                return pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError):
            path.unlink(missing_ok=True)  # torn by a full disk or another hand: worked out anew
        return None

    def remember(self, name: str, version: str, table: pl.DataFrame) -> None:
        """Keeps a table for the next run, in place of the one of that name."""
        with atomic(CACHE / self.name / f"{name}.parquet", clear=False) as temporary:  # forget_but clears
            table.write_parquet(temporary, compression="zstd", compression_level=1, metadata={"version": version})

    def forget_but(self, names: Collection[str]) -> None:
        """Removes every remembered table of this stage that `names` does not hold."""
        for path in (CACHE / self.name).glob("*.parquet"):
            if path.stem not in names:
                path.unlink()
        for torn in (CACHE / self.name).glob(".*.partial"):  # of a run that was killed
            _remove(torn)

    # -- to the person at the terminal ---------------------------------------------------------------------------

    def say(self, text: str) -> None:
        print(f"{self.name}: {text}", file=sys.stderr, flush=True)

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
    """What dvc.yaml lists for a stage; empty, and so unchecked, outside a pipeline."""
    path = Path("dvc.yaml")
    stages = yaml.safe_load(path.read_text("utf-8"))["stages"] if path.exists() else {}
    if stage not in stages:
        return {}
    found = stages[stage]
    outs = [*found.get("outs", []), *found.get("metrics", []), *found.get("plots", [])]
    return {
        "params": _names(found.get("params", [])),
        "deps": [Path(p) for p in _names(found.get("deps", []))],
        "outs": [Path(p) for p in _names(outs)],
    }


def _names(entries: Sequence[str | Mapping[str, Any]]) -> list[str]:
    return [name for entry in entries for name in ([entry] if isinstance(entry, str) else entry)]
