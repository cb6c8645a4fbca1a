"""serve, stop and users: the embedded Argilla server and the people on it."""

from typing import Annotated

import typer

from curation.review.commands.connection import connected, errors_told

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
    from curation.review.server import process

    if show_credentials and not background:
        raise typer.BadParameter("--show-credentials goes with --background")
    with errors_told():
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

    with errors_told():
        typer.echo("stopped" if process.stop() else "no server was running")


@users.command()
def add(name: str) -> None:
    """Add an annotator. The password is printed this once and kept nowhere."""
    with errors_told():
        password = connected()[0].add_annotator(name)
    typer.echo(f"user name: {name}\npassword: {password}")
