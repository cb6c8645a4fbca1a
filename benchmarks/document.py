"""Write what was measured into docs/benchmarks.md: results as tables, between two marks each.

python -m benchmarks.document
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.results import PAGE, RESULTS


def main() -> None:
    page = PAGE.read_text("utf-8")
    for name, results, markdown in measured():
        page = with_section(page, name, markdown(results))
    PAGE.write_text(page, "utf-8")


def measured() -> Iterator[tuple[str, Any, Callable[[Any], str]]]:
    """Section, results and what makes tables of them, for every benchmark that has been run."""
    from benchmarks.corruption import tables
    from benchmarks.review import server as review_server
    from benchmarks.review import simulation as review_simulation
    from benchmarks.speed import __main__ as speed
    from benchmarks.training import adapter_wins, curation_pays

    pages = {
        "corruption": tables.markdown,
        "speed": speed.markdown,
        "review_simulation": review_simulation.markdown,
        "review_server": review_server.markdown,
        "curation_pays": curation_pays.markdown,
        "adapter_wins": adapter_wins.markdown,
    }
    for name, markdown in pages.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            yield name, json.loads(path.read_text("utf-8")), markdown


def with_section(page: str, name: str, text: str) -> str:
    """The page with the text between `<!-- name: measured -->` and `<!-- name: end -->`."""
    begin, end = f"<!-- {name}: measured -->", f"<!-- {name}: end -->"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if len(found.findall(page)) != 1:
        raise ValueError(f"the page needs {begin} and {end}, once each")
    return found.sub(lambda _: f"{begin}\n\n{text}\n{end}", page)


if __name__ == "__main__":
    main()
