"""What rows tell by themselves, on disk: of a large set there is no memory for it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from curation.checks.check import AtHand
from curation.harness.memory import Memory
from curation.harness.parts import Shelves, between

KEY = ["conversation_id", "row"]  # of a row, and of what it says and is
WORDS = pl.List(pl.Categorical)
AS_NUMBERS = pl.List(pl.UInt32)
TEXTS = pl.List(pl.String)


class Told:
    """Tables of what is told of the rows of `keys`, by name, each row in all of them; by the beginning of their ids.

    Words are numbers there, as Polars counts them while this lives.
    """

    def __init__(self, folder: Path, names: Sequence[str], keys: pl.DataFrame) -> None:
        self.names, self.keys = names, keys.sort("conversation_id")
        self._folder = folder
        self._counted = pl.Series([""], dtype=pl.Categorical)  # Polars forgets words when nobody has one
        self._shelves: dict[str, Shelves] = {}
        self._schemas: dict[str, pl.Schema] = {}

    def put(self, results: Mapping[str, pl.DataFrame]) -> None:
        for name, table in results.items():
            if name not in self._shelves:
                self._schemas[name] = table.schema
                (self._folder / name).mkdir(parents=True)
                schema = pl.Schema({n: AS_NUMBERS if t == WORDS else t for n, t in table.schema.items()})
                self._shelves[name] = Shelves(self._folder / name, schema, "conversation_id", self.keys.height)
            self._shelves[name].put(table.with_columns(_each_word(table.schema, lambda word: word.to_physical())))

    def recalled(self, memory: Memory, version: str) -> pl.DataFrame:
        """Puts away what an earlier run remembered of these rows, and returns the keys of those.

        A run that was killed may have remembered more rows under one name than under another: what all have counts.
        """
        known = self.keys
        for name in self.names:
            ids = memory.recall(name, version, KEY)
            if ids is None:
                return self.keys.clear()
            known = known.join(ids, on=KEY, how="semi", maintain_order="left")
        for name in self.names if known.height else ():
            read = 0
            for part in memory.recall_parts(name, version):
                read += part.height
                here = part.join(between(known, part, "conversation_id"), on=KEY, how="semi").drop("row")
                self.put({name: here.cast({column: WORDS for column, dtype in here.schema.items() if dtype == TEXTS})})
            if read < memory.height_of(name, version):  # torn behind its first rows
                self.clear()
                return self.keys.clear()
        return known

    def keep(self, memory: Memory, version: str) -> None:
        """Remembers all of it for the next run."""
        for name in self.names:
            of_name = {n: TEXTS if t == WORDS else t for n, t in self._schemas[name].items() if n not in KEY}
            whole = pl.Schema([("conversation_id", pl.String()), ("row", pl.UInt64()), *of_name.items()])
            memory.keep_parts(name, version, map(partial(self._with_keys, whole), self.parts(name)), whole)

    def _with_keys(self, whole: pl.Schema, part: pl.DataFrame) -> pl.DataFrame:
        here = between(self.keys, part, "conversation_id")
        return here.join(part, on="conversation_id").cast(whole)

    def clear(self) -> None:
        """Forgets all that was put away."""
        for shelves in self._shelves.values():
            shelves.clear()

    def parts(self, name: str) -> Iterator[pl.DataFrame]:
        """What was told under a name, in parts in the order of the ids; a row of nulls where that is nothing."""
        return map(partial(self._read, name), self._shelves[name].parts())

    @property
    def readings(self) -> Mapping[str, AtHand]:
        """What checks that compare rows may ask for."""
        return {name: partial(self._of, name) for name in self.names}

    def _of(self, name: str, conversations: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        schema = self._schemas[name]
        asked = [name for name in schema.names() if name == "conversation_id" or not columns or name in columns]
        parts = self._shelves[name].holding(conversations, asked)
        something = pl.any_horizontal(pl.exclude("conversation_id").is_not_null())
        found = [self._read(name, part.filter(something)) for part in parts]
        return pl.concat([pl.DataFrame(schema={one: schema[one] for one in asked}), *found])

    def _read(self, name: str, part: pl.DataFrame) -> pl.DataFrame:
        of_words = {column: dtype for column, dtype in self._schemas[name].items() if column in part.columns}
        return part.with_columns(_each_word(of_words, lambda word: word.cat.to(pl.Categorical)))


def _each_word(schema: Mapping[str, pl.DataType], made: Callable[[pl.Expr], pl.Expr]) -> list[pl.Expr]:
    return [pl.col(name).list.eval(made(pl.element())) for name, dtype in schema.items() if dtype == WORDS]
