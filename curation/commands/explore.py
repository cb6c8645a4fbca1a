"""The whole raw set as a map in the browser: `qirat explore`."""

from collections.abc import Callable
from threading import Thread

from curation.commands.atlas.facets import SPLITS, rows_of
from curation.commands.atlas.pages import Atlas
from curation.commands.atlas.places import places
from curation.commands.atlas.server import Server
from curation.core.record.codes import read_codes
from curation.decisions.answers import read_answers
from curation.harness.files import finished_table, table_path
from curation.privacy.shown import Shown
from curation.report.results import Results, is_current, passed_stops

NEEDED = ("ledger", "ingested/conversations", "ingested/quarantine", "dedup/clusters", "scored/findings")
FURTHER = tuple(f"splits/{name}" for name in SPLITS)


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
    """The map of what the stages left; a table that must be there and is not is told with the stage that makes it."""
    tables = {name: finished_table(name) for name in NEEDED}
    passed = passed_stops()
    tables |= {name: finished_table(name) for name in FURTHER if is_current(table_path(name), passed)}
    results = Results(tables=tables, codes=read_codes())
    answers = read_answers()
    rows = rows_of(results, answers, shown)
    vectors = finished_table("embedded/vectors", ["conversation_id", "vector"])
    return Atlas(results, answers, shown, rows, places(rows, vectors, tables["dedup/clusters"]))
