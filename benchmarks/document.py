"""Write into docs/ what the code says of itself and what was measured, as sections between two marks each.

python -m benchmarks.document [PAGE ...]
"""

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping

from benchmarks import document_checks
from benchmarks.corruption.tables import head, row
from benchmarks.results import RESULTS, ROOT
from curation.ingest.formats import Format, formats
from training.judge.metrics import Metric, metrics

Sections = Iterator[tuple[str, str]]  # name and Markdown
NEEDS = {
    "likelihood": "the team's own replies under each arm's prompt",
    "replies": "written replies, each turn with the true turns before it",
    "corpus": "all written replies together",
}


def main() -> None:
    for name in sys.argv[1:] or PAGES:
        (ROOT / "docs" / name).write_text(page(name), "utf-8")


def page(name: str) -> str:
    """A page of docs/, its sections as code and results are now."""
    text = (ROOT / "docs" / name).read_text("utf-8")
    for section, markdown in PAGES[name]():
        text = with_section(text, section, markdown)
    return text


def with_section(page: str, name: str, text: str) -> str:
    """The page with the text between `<!-- name: measured -->` and `<!-- name: end -->`."""
    begin, end = f"<!-- {name}: measured -->", f"<!-- {name}: end -->"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if len(found.findall(page)) != 1:
        raise ValueError(f"the page needs {begin} and {end}, once each")
    return found.sub(lambda _: f"{begin}\n\n{text}\n{end}", page)


def of_benchmarks() -> Sections:
    """Tables of every benchmark that has been run."""
    from benchmarks.corruption import tables
    from benchmarks.labels import __main__ as labels
    from benchmarks.playbook import __main__ as playbook
    from benchmarks.review import server as review_server
    from benchmarks.review import simulation as review_simulation
    from benchmarks.speed import __main__ as speed
    from benchmarks.training import adapter_wins, bad_slice, curation_pays, facts, generation, verdict_errors

    benchmarks = {
        "corruption": tables,
        "labels": labels,
        "playbook": playbook,
        "speed": speed,
        "review_simulation": review_simulation,
        "review_server": review_server,
        "curation_pays": curation_pays,
        "adapter_wins": adapter_wins,
        "bad_slice": bad_slice,
        "facts": facts,
        "generation": generation,
        "verdict_errors": verdict_errors,
    }
    for name, benchmark in benchmarks.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            yield name, benchmark.markdown(json.loads(path.read_text("utf-8")))


def of_formats() -> Sections:
    columns = head("format", "what it reads", "what it keeps", "how")
    yield "formats", "\n".join([*columns, *map(_format, formats().values())]) + "\n"


def of_training() -> Sections:
    """Metrics, those that may decide first; what is counted of cards."""
    from benchmarks.training import cards, traffic

    columns = head("metric", "what", "on", "may decide", "margin")
    yield "metrics", "\n".join([*columns, *map(_metric, metrics().values())]) + "\n"
    for name, counted in (("cards", cards), ("traffic", traffic)):
        yield name, counted.markdown(json.loads(counted.PLACE.read_text("utf-8")))


def _format(form: Format) -> str:
    told = [" ".join(part.split()) for part in (inspect.getdoc(inspect.getmodule(form.read)) or "").split("\n\n")]
    keeps = next((part.removeprefix(KEEPS) for part in told if part.startswith(KEEPS)), "")
    how = ["mails"] * form.mail + ["as a whole"] * form.whole_file
    return row(f"`{form.name}`", told[0], keeps, ", ".join(how))


def _metric(metric: Metric) -> str:
    what = f"{metric.title['en']}. {metric.explanation['en']}"
    margin = "" if metric.margin is None else f"{metric.margin:g}"
    return row(f"`{metric.name}`", what, NEEDS[metric.needs], "yes" if metric.decides else "no", margin)


KEEPS = "Keeps: "  # what begins the paragraph of a format on that


def of_growth() -> Sections:
    """What each stage costs on more and more rows."""
    from benchmarks.speed import growth

    results = json.loads((RESULTS / "growth.json").read_text("utf-8"))
    yield "growth", growth.markdown(results)


PAGES: Mapping[str, Callable[[], Sections]] = {
    "benchmarks.md": of_benchmarks,
    "checks.md": document_checks.sections,
    "formats.md": of_formats,
    "scaling.md": of_growth,
    "training.md": of_training,
}

if __name__ == "__main__":
    main()
