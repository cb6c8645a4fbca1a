"""apply: one decision for all conversations that are like the one decided."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def apply(
    conversation: Annotated[str, typer.Argument(metavar="ID", help="Of a decision, or the beginning of it.")],
    code: Annotated[str | None, typer.Option(help="Rows that share this doubt; else those with all the same.")] = None,
    min_similarity: Annotated[float, typer.Option(min=0, max=1, help="Of both sides of the conversation.")] = 0.95,
    yes: Annotated[bool, typer.Option("--yes", help="Write the decisions; without it, only show them.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back what this decision decided elsewhere.")] = False,
) -> None:
    """Decide doubtful conversations like one that people kept or dropped. Shows what it would do; --yes does it."""
    from curation.harness.params import load_params
    from curation.privacy.params import Privacy
    from curation.privacy.shown import Shown
    from curation.review import similar

    if undo:
        typer.echo(similar.undo(conversation))
        return
    shown = Shown(load_params("privacy", Privacy).countries)
    typer.echo(similar.apply(conversation, similar.Wanted(code, min_similarity), shown, yes))
