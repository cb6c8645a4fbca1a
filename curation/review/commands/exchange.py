"""push, pull and status: the queue to Argilla, and what people decided back."""

from typing import TYPE_CHECKING

import typer

from curation.review.commands.connection import connected, errors_told

if TYPE_CHECKING:
    from curation.review.form import Review
    from curation.review.records import Countries

app = typer.Typer()


@app.command()
def push() -> None:
    """Bring the review queue to Argilla. Again and again: only what changed is written, answers are never touched."""
    from curation.review.push import push

    with errors_told():
        server, params = connected()
        done = push(server, _countries(params))
    typer.echo(
        f"{len(done.new):,} new, {len(done.changed):,} changed, {len(done.retired):,} retired, "
        f"{done.unchanged:,} as they were"
    )


@app.command()
def pull() -> None:
    """Bring people's decisions to data/review/decisions.jsonl; then `dvc repro` applies them."""
    from curation.decision import PATH
    from curation.review.pull import pull

    with errors_told():
        server, params = connected()
        done = pull(server, params.min_submitted)
    for fault in done.consensus.unusable:
        typer.echo(f"not usable: {fault}", err=True)
    for disagreement in done.consensus.disagreements:
        typer.echo(f"undecided until one more person answers or one of these changes: {disagreement}", err=True)
    typer.echo(f"{done.written:,} new decisions; {PATH} holds {done.total:,}")


@app.command()
def status() -> None:
    """How far the review has come, by person too."""
    from curation.review.status import status

    with errors_told():
        server, _ = connected()
        found = status(server.present(), server.usernames())
    typer.echo(f"{found.pending:,} pending, {found.completed:,} completed")
    for name, answers in found.annotators.items():
        typer.echo(f"{name}: {', '.join(f'{count:,} {kind}' for kind, count in sorted(answers.items()))}")


def _countries(params: "Review") -> "Countries":
    """The countries for which the checks read phones; None where personal data is not covered."""
    from curation.checks import Score
    from curation.stage import load_params

    if not params.mask_personal_data:
        return None
    return load_params("score", Score).countries
