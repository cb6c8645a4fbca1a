"""serve, stop, backup, restore: the embedded Argilla server; users: the people on whichever Argilla is used."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.review.commands.connection import connected

if TYPE_CHECKING:
    from curation.review.embedded.people import People

app = typer.Typer()
users = typer.Typer(no_args_is_help=True, help="The people who review.")
app.add_typer(users, name="users")


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="On 127.0.0.1; 0 takes any free port.")] = 6900,
    background: Annotated[bool, typer.Option("--background", help="Return once the server answers.")] = False,
    show_credentials: Annotated[bool, typer.Option("--show-credentials", help="Print the owner's password.")] = False,
) -> None:
    """Start the embedded Argilla server; the first start makes its environment (a minute or two)."""
    from curation.review.embedded import process

    if show_credentials and not background:
        raise typer.BadParameter("--show-credentials goes with --background")
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
    from curation.review.embedded import process

    typer.echo("stopped" if process.stop() else "no server was running")


@app.command()
def backup(
    file: Annotated[Path | None, typer.Argument(help="Else a dated one in .qirat/argilla/backups.")] = None,
) -> None:
    """Copy the embedded server's answers, people and secrets to one file, while people work."""
    from curation.review.embedded.backup import backup

    typer.echo(f"saved in {backup(file)}; whoever reads it can sign in as the owner")


@app.command()
def restore(file: Path) -> None:
    """Go back to a backup. What is there now is kept beside it."""
    from curation.review.embedded.backup import restore

    aside = restore(file)
    typer.echo(f"restored from {file}" + (f"; what was there is in {aside}" if aside else ""))


@users.command()
def add(name: str) -> None:
    """Add an annotator, or one who was removed. The password is printed this once and kept nowhere."""
    server, _ = connected()
    server.make_dataset()
    _print_login(name, _people().readmit(name) or server.add_annotator(name))


@users.command("list")
def list_users() -> None:
    """Tell who there is and who may review."""
    for person in _people().all():
        typer.echo(f"{person.name}: {person.role if person.member else 'removed'}")


@users.command()
def remove(name: str) -> None:
    """Take an annotator's access away. The answers stay, under the name; `users add` lets the person in again."""
    _people().remove(name)
    typer.echo(f"{name} sees nothing any more; the answers stay")


@users.command()
def reset_password(name: str) -> None:
    """Give an annotator a new password. It is printed this once and kept nowhere."""
    _print_login(name, _people().reset_password(name))


def _people() -> "People":
    from curation.consensus.consensus import Review
    from curation.harness.params import load_params
    from curation.review.embedded.people import People
    from curation.review.embedded.process import address

    return People(address(), load_params("review", Review).workspace)


def _print_login(name: str, password: str) -> None:
    typer.echo(f"user name: {name}\npassword: {password}")
