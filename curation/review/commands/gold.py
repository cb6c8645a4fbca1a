"""gold: conversations whose right decision an expert knows."""

from typing import Annotated

import typer

app = typer.Typer()
gold = typer.Typer(no_args_is_help=True, help="Conversations whose right decision is known, to measure annotators.")
app.add_typer(gold, name="gold")


@gold.command()
def add(
    conversation: Annotated[str, typer.Argument(help="row_id, conversation_id or its beginning.")],
    decision: Annotated[str, typer.Argument(help="What a good annotator decides: keep, edit or drop.")],
    reason: Annotated[list[str] | None, typer.Option(help="As annotators tick it; may be given again.")] = None,
) -> None:
    """Write down what is right for a conversation. Annotators meet it among the others and cannot tell."""
    from curation.decisions.gold import PATH, add

    marked = add(conversation, decision, reason or ())
    typer.echo(f"{marked.conversation_id}: {marked.decision}; in {PATH}, for the next push")
