"""What commands say to the person at the terminal, and how they end."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from curation.harness.damage import explained
from curation.harness.errors import steerless


def say(text: str, *, err: bool = False) -> None:
    """Prints it. Words of customers and names of files are in it: what would steer the terminal is escaped."""
    typer.echo(steerless(text), err=err)


class Commands(TyperGroup):
    """Commands of which an error that a user can mend is told in its sentence, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, TyperException):
            raise
        except Exception as error:
            if said := explained(error):
                sys.exit(f"{self.name}: {said}")
            raise
