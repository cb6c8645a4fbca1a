"""qirat review: doubtful conversations before people in Argilla, and their decisions back."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from curation.stage import QiratError

if TYPE_CHECKING:
    from curation.review.argilla_client import ReviewServer
    from curation.review.form import Review
    from curation.review.records import Countries

app = typer.Typer(no_args_is_help=True, help="Doubtful conversations before people in Argilla, decisions back.")
users = typer.Typer(no_args_is_help=True, help="The people who review.")
app.add_typer(users, name="users")


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="On 127.0.0.1; 0 takes any free port.")] = 6900,
    background: Annotated[bool, typer.Option("--background", help="Return once the server answers.")] = False,
    show_credentials: Annotated[bool, typer.Option("--show-credentials", help="Print the owner's password.")] = False,
) -> None:
    """Start the embedded Argilla server; the first start makes its environment (a minute or two)."""
    from curation.review.server import process

    if show_credentials and not background:
        raise typer.BadParameter("--show-credentials goes with --background")
    with _errors_told():
        if not background:
            process.serve(port)  # does not return
        typer.echo(f"Argilla answers at {process.serve_in_background(port)}")
        typer.echo(f"The owner's user name and password are in {process.HOME / 'credentials.json'}")
        if show_credentials:
            owner = process.credentials()
            typer.echo(f"user name: {owner['username']}\npassword: {owner['password']}")


@app.command()
def stop() -> None:
    """Stop the embedded Argilla server."""
    from curation.review.server import process

    with _errors_told():
        typer.echo("stopped" if process.stop() else "no server was running")


@app.command()
def push() -> None:
    """Bring the review queue to Argilla. Again and again: only what changed is written, answers are never touched."""
    from curation.review.push import push

    with _errors_told():
        server, params = _server()
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

    with _errors_told():
        server, params = _server()
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

    with _errors_told():
        server, _ = _server()
        found = status(server.present(), server.usernames())
    typer.echo(f"{found.pending:,} pending, {found.completed:,} completed")
    for name, answers in found.annotators.items():
        typer.echo(f"{name}: {', '.join(f'{count:,} {kind}' for kind, count in sorted(answers.items()))}")


@users.command()
def add(name: str) -> None:
    """Add an annotator. The password is printed this once and kept nowhere."""
    with _errors_told():
        password = _server()[0].add_annotator(name)
    typer.echo(f"user name: {name}\npassword: {password}")


def _server() -> "tuple[ReviewServer, Review]":
    from curation.review.argilla_client import ReviewServer
    from curation.review.form import Review
    from curation.review.server.process import address
    from curation.stage import load_params

    params = load_params("review", Review)
    return ReviewServer(address(), params), params


def _countries(params: "Review") -> "Countries":
    """The countries for which the checks read phones; None where personal data is not covered."""
    from curation.checks import Score
    from curation.stage import load_params

    if not params.mask_personal_data:
        return None
    return load_params("score", Score).countries


@contextlib.contextmanager
def _errors_told() -> Iterator[None]:
    try:
        yield
    except QiratError as error:
        sys.exit(f"review: {error}")


if __name__ == "__main__":
    app()
