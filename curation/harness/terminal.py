"""How commands end for the person at the terminal."""

import sys
from typing import Any

from typer.core import TyperGroup

from curation.harness.errors import QiratError


class Commands(TyperGroup):
    """Commands of which an error that a user can mend is told in its sentence, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except QiratError as error:
            sys.exit(f"{self.name}: {error}")
