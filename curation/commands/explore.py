"""The whole raw set as a map in the browser: `qirat explore`."""

from collections.abc import Callable, Iterator, Mapping
from threading import Thread

import polars as pl

from curation.commands.atlas.facets import rows_of
from curation.commands.atlas.pages import Atlas
from curation.commands.atlas.places import places
from curation.commands.atlas.server import Server
from curation.core.record.codes import read_codes
from curation.decisions.answers import read_answers
from curation.harness.files import finished_table, table_path
from curation.privacy.shown import Shown
from curation.report.results import Results, is_current, passed_stops


class Finished(Mapping[str, pl.DataFrame]):
    """The tables of this run, each read when asked for; a missing one is told with the stage that makes it."""

    def __init__(self) -> None:
        self._passed, self._read = passed_stops(), dict[str, pl.DataFrame]()

    def __contains__(self, table: object) -> bool:
        return is_current(table_path(str(table)), self._passed)

    def __getitem__(self, table: str) -> pl.DataFrame:
        if table not in self._read:
            self._read[table] = finished_table(table)
        return self._read[table]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


def explore(port: int, shown: Shown, say: Callable[[str], None]) -> None:
    """Serves the map until it is interrupted; `say` is told the address."""
    seen = atlas(shown)
    with Server(seen, port) as server:
        Thread(target=seen.found, args=("",), daemon=True).start()  # folds the words before the first search
        say(f"the map of the conversations, on this machine only (Ctrl+C ends it):\n\n    {server.address}\n")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("ended; the address leads nowhere now")


def atlas(shown: Shown) -> Atlas:
    """The map of what the stages left. Raises QiratError where there is no table yet that it needs."""
    results = Results(tables=Finished(), codes=read_codes())
    answers = read_answers()
    rows = rows_of(results, answers, shown)
    vectors = finished_table("embedded/vectors", ["conversation_id", "vector"])
    for asked_later in ("ingested/quarantine", "scored/findings"):
        results[asked_later]
    return Atlas(results, answers, shown, rows, places(rows, vectors, results["dedup/clusters"]))
