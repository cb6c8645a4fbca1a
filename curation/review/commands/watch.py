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
    webhook: Annotated[int | None, typer.Option(help="Port of 127.0.0.1 where Argilla may call; 0 takes any.")] = None,
) -> None:
    """Pull on a schedule until Ctrl-C or SIGTERM. An outage of Argilla is told once and waited out."""
    import contextlib
    import threading

    from curation.review import watch
    from curation.review.embedded.process import address

    called = threading.Event()

    def changed() -> None:
        if repro:
            watch.repro(_say)

    watcher = watch.Watcher(_pulled, changed, every, called, _say)
    with watch.interrupted_by_signals(), watch.alone(), contextlib.ExitStack() as meanwhile:
        if webhook is not None:
            port = meanwhile.enter_context(watch.webhook(webhook, address(), called))
            _say(f"Argilla calls 127.0.0.1:{port}")
        _say(f"pulling every {every:g} seconds")
        changed()  # what an earlier pull brought and nobody applied
        watcher.run()
    _say("stopped")


def _pulled() -> "Pulled":
    from curation.review.pull import pull

    server, params = connected()
    return pull(server, params, countries(params))


def _say(text: str) -> None:
    typer.echo(f"watch: {text}", err=True)
