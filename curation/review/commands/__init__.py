"""qirat review: doubtful conversations before people in Argilla, and their decisions back."""

import typer

from curation.harness.terminal import Commands
from curation.review.commands import exchange, gold, offline, server, similar, watch

app = typer.Typer(
    name="review",
    cls=Commands,
    no_args_is_help=True,
    help="Doubtful conversations before people in Argilla, decisions back.",
)
for part in (server, exchange, gold, similar, offline, watch):
    app.add_typer(part.app)
