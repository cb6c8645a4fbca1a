"""export and import: review without a server, in any spreadsheet."""

from pathlib import Path
from typing import Annotated

import typer

from curation.review.commands.connection import countries, print_undecided

app = typer.Typer()


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help=".csv for spreadsheets, .jsonl for programs.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many of the line-up.")] = None,
) -> None:
    """Write what is to be reviewed to a file that people fill in without a server."""
    from curation.consensus.consensus import Review
    from curation.harness.params import load_params
    from curation.review.offline import export

    params = load_params("review", Review)
    count = export(file, params, countries(params), limit)
    typer.echo(f"{count:,} conversations in {file}; a row with a decision (keep, edit or drop) is an answer")


@app.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(help="An exported file that somebody filled in.")],
    annotator: Annotated[str, typer.Option(help="Who filled it in.")],
) -> None:
    """Bring the answers of a filled file to data/review, as pull does; the same file again changes nothing."""
    from curation.consensus.consensus import Review
    from curation.decisions.decisions import PATH
    from curation.harness.params import load_params
    from curation.review.offline import take_in

    params = load_params("review", Review)
    done = take_in(file, annotator, params, countries(params))
    print_undecided(done.pulled.consensus)
    if done.half_filled:
        shown = ", ".join(map(str, done.half_filled[:10]))
        typer.echo(f"{len(done.half_filled):,} rows have no decision and were left out (first: {shown})", err=True)
    typer.echo(
        f"{done.answers:,} answers, {done.pulled.answers:,} of them new; {done.pulled.written:,} new decisions; "
        f"{PATH} holds {done.pulled.total:,}"
    )
