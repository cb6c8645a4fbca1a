"""What a user can mend is one sentence behind the name of the program; a defect keeps its traceback."""

import pytest
import typer
from typer.testing import CliRunner

from curation.harness.errors import QiratError
from curation.harness.terminal import Commands

app, part, nested = typer.Typer(name="whole", cls=Commands), typer.Typer(name="part", cls=Commands), typer.Typer()
app.add_typer(part)
part.add_typer(nested, name="deep")


@app.command()
@part.command()
@nested.command()
def fail(defect: bool = False) -> None:
    raise ValueError("a defect") if defect else QiratError("rows.csv is missing; run `dvc repro`")


@pytest.mark.parametrize(("words", "name"), [("fail", "whole"), ("part fail", "part"), ("part deep fail", "part")])
def test_an_error_that_a_user_can_mend_is_a_sentence(words: str, name: str) -> None:
    said = CliRunner().invoke(app, words.split())
    assert said.exit_code == 1
    assert said.output == f"{name}: rows.csv is missing; run `dvc repro`\n"


def test_a_defect_is_not_hidden() -> None:
    assert isinstance(CliRunner().invoke(app, ["fail", "--defect"]).exception, ValueError)
