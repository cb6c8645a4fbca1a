"""How commands end for the person at the terminal."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from curation.harness.damage import explained


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
