"""Write the table of docs/formats.md from the registered formats and their docstrings.

python -m benchmarks.document_formats
"""

import inspect
from collections.abc import Iterator

from benchmarks.corruption.tables import head, row
from benchmarks.document import with_section
from benchmarks.results import ROOT
from curation.ingest.formats import Format, formats

PAGE = ROOT / "docs/formats.md"


def main() -> None:
    PAGE.write_text(page(), "utf-8")


def page() -> str:
    """The whole page, its table as the formats are now."""
    table = "\n".join([*head("format", "what it reads", "how"), *map(_row, formats().values())])
    return with_section(PAGE.read_text("utf-8"), "formats", f"{table}\n")


def _row(form: Format) -> str:
    module = inspect.getmodule(form.read)
    first = (inspect.getdoc(module) or "").split("\n\n")[0]
    return row(f"`{form.name}`", " ".join(first.split()), ", ".join(_how(form)))


def _how(form: Format) -> Iterator[str]:
    if form.mail:
        yield "mails"
    if form.whole_file:
        yield "as a whole"


if __name__ == "__main__":
    main()
