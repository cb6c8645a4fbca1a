"""push, pull and status: the queue to Argilla, and what people decided back."""

import typer

from curation.review.commands.connection import connected, countries, print_undecided

app = typer.Typer()


@app.command()
def push() -> None:
    """Bring the review queue to Argilla. Again and again: only what changed is written, answers are never touched."""
    from curation.review.push import push

    server, params = connected()
    done = push(server, params, countries(params))
    typer.echo(
        f"{len(done.new):,} new, {len(done.changed):,} changed, {len(done.aside):,} set aside, "
        f"{len(done.gone):,} deleted, {done.unchanged:,} as they were"
    )


@app.command()
def pull() -> None:
    """Bring people's decisions to data/review/decisions.jsonl; then `dvc repro` applies them."""
    from curation.decisions.decisions import PATH
    from curation.review.pull import pull

    server, params = connected()
    done = pull(server, params, countries(params))
    print_undecided(done.consensus)
    if done.gone:
        typer.echo(f"{done.gone:,} answers on words that the data has no more were not taken", err=True)
    typer.echo(f"{done.answers:,} new answers, {done.written:,} new decisions; {PATH} holds {done.total:,}")


@app.command()
def status() -> None:
    """How far the review has come, by person too."""
    from curation.review.status import status

    server, _ = connected()
    found = status(server.present(), server.usernames())
    aside = f", {found.aside:,} set aside" if found.aside else ""
    typer.echo(f"{found.pending:,} pending, {found.completed:,} completed{aside}")
    for name, answers in found.annotators.items():
        typer.echo(f"{name}: {', '.join(f'{count:,} {kind}' for kind, count in sorted(answers.items()))}")
