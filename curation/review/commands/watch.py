"""watch: people's decisions into the files as they come."""

from typing import TYPE_CHECKING, Annotated

import typer

from curation.review.commands.connection import connected, countries

if TYPE_CHECKING:
    from curation.review.pull import Pulled

app = typer.Typer()


@app.command()
def watch(
    every: Annotated[float, typer.Option(min=1, help="Seconds between two pulls.")] = 60,
    repro: Annotated[bool, typer.Option("--repro", help="Run `dvc repro` at the start and on new decisions.")] = False,
) -> None:
    """Pull on a schedule until Ctrl-C or SIGTERM. An outage of Argilla is told once and waited out."""
    from curation.review import watch

    def changed() -> None:
        if repro:
            watch.repro(_say)

    with watch.interrupted_by_signals(), watch.alone():
        _say(f"pulling every {every:g} seconds")
        changed()  # what an earlier pull brought and nobody applied
        watch.watch(_pulled, changed, every, _say)
    _say("stopped")


def _pulled() -> "Pulled":
    from curation.review.pull import pull

    server, params = connected()
    return pull(server, params, countries(params))


def _say(text: str) -> None:
    typer.echo(f"watch: {text}", err=True)
