"""`qirat`: what people ask of the pipeline. The pipeline itself is dvc.yaml; run it with `dvc repro`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from curation.review.commands import app as review

app = typer.Typer(
    name="qirat",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Turn raw conversations into a data set worth fine-tuning on, prove it, and fine-tune.\n\n"
    "1. Drop your exports into data/raw (or run `qirat sample` for an example).\n\n"
    "2. Run `dvc repro`; read reports/index.html.\n\n"
    "3. Ask `qirat why ROW` about any row; let people decide the doubtful ones with `qirat review`.",
)
app.add_typer(review, name="review", help="Doubtful rows to people in Argilla, and their decisions back.")


@app.command()
def sample(
    root: Annotated[Path, typer.Option(help="Project folder to write data/raw into.")] = Path(),
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 7,
) -> None:
    """Write the example: a fictional company's support export with planted, labelled defects."""
    from curation.sample import write

    told(lambda: "\n".join(f"{name:<28} {count:>6,}" for name, count in write(root, seed).items()))


@app.command()
def why(
    row: Annotated[str | None, typer.Argument(help="A row_id, a conversation_id, or the beginning of one.")] = None,
    outcome: Annotated[str | None, typer.Option(help="List rows with this outcome, e.g. dropped or held.")] = None,
    code: Annotated[str | None, typer.Option(help="List rows that carry this code, e.g. pii_email.")] = None,
    sample: Annotated[int, typer.Option(help="How many rows to list.")] = 10,
) -> None:
    """Tell what happened to a row and why; or list rows by outcome and code."""
    from curation.why import listed
    from curation.why import why as story

    if row is None and outcome is None and code is None:
        raise typer.BadParameter("name a row, or give --outcome or --code")
    told(lambda: story(row) if row is not None else listed(outcome, code, sample))


@app.command()
def results() -> None:
    """Say where the report, the ledger and the adapter are, with the main figures."""
    from curation.results import results as lines

    told(lines)


def told(answer: Callable[[], str]) -> None:
    """Prints the answer; an error that a user can mend is one sentence, without a traceback."""
    from curation.stage import QiratError

    try:
        print(answer())
    except QiratError as error:
        sys.exit(f"qirat: {error}")


if __name__ == "__main__":
    app()
