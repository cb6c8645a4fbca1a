import re
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from curation.harness.errors import QiratError
from qirat.cli import app
from tests.builders import talk
from tests.training.model.template.families import FAMILIES, renderer
from tests.training.tiny import tokenized
from training.commands import preview
from training.model.template import IGNORED


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tokenized(tmp_path_factory.mktemp("preview"))


@pytest.fixture
def arabic(ready: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A conversation_id of train, in the folder where it is."""
    monkeypatch.chdir(ready)
    table = pl.read_parquet("data/splits/train.parquet").filter(pl.col("language") == "ar")
    return str(table["conversation_id"].sort()[0])


@pytest.mark.parametrize("name", FAMILIES)
def test_the_pieces_are_the_text_and_none_is_torn_out_of_a_letter(name: str) -> None:
    template = renderer(name)
    said = talk("أين طلبي؟ 👩‍👩‍👧", "شكراً لتواصلك معنا 👋🏽", "ok", "  spaced \n\n out")
    if "thinking" in name:
        said = [
            {**m, "content": f"<think>\nأم\n</think>\n\n{m['content']}"} if m["role"] != "user" else m for m in said
        ]
    for example in template.examples(said):
        pieces = preview.pieces(template.tokenizer, example.input_ids, example.labels)
        assert "".join(p.text for p in pieces) == template.tokenizer.decode(example.input_ids)
        assert [n for p in pieces for n in p.ids] == example.input_ids
        assert sum(len(p.ids) for p in pieces if p.learnt) == sum(label != IGNORED for label in example.labels)
        assert not [p for p in pieces if "\N{REPLACEMENT CHARACTER}" in p.text]
        assert pieces[-1].special and pieces[-1].learnt


def test_what_is_learnt_stands_in_brackets_where_there_is_no_colour(arabic: str) -> None:
    shown = CliRunner().invoke(app, ["preview", arabic[:12], "--split", "train"]).output
    assert shown.startswith(arabic)
    assert "\x1b" not in shown
    (learnt,) = re.findall(r"⟦(.*?)⟧", shown.partition("\n")[2], re.DOTALL)
    assert learnt.startswith("شكراً لتواصلك") and learnt.endswith("؟<|im_end|>")
    assert re.search(r"train: \d+ tokens, \d+ learnt \(\d+%\): the replies of turns 2\n", shown)


def test_colours_part_what_is_learnt_from_what_is_not(arabic: str) -> None:
    whole, shown = preview.preview(arabic, None)
    text = preview.as_text(whole, shown, coloured=True)
    assert re.search("\x1b\\[1;32mشكراً[^\x1b]*\x1b\\[0m\x1b\\[1;35m<\\|im_end\\|>", text)
    assert re.search("\x1b\\[2m\n?أين طلبي[^\x1b]*\x1b", text) or re.search("\x1b\\[2muser\nأين", text)


def test_the_page_stands_alone_and_lays_each_line_out_in_its_own_direction(arabic: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["preview", arabic, "--html", str(tmp_path / "page.html")])
    page = (tmp_path / "page.html").read_text("utf-8")
    assert result.exit_code == 0, result.output
    assert not re.search(r"https?:|<script|<link|src=", page)
    assert '<p dir="auto">' in page
    assert '<bdi dir="ltr" class="learnt special" title="3">&lt;|im_end|&gt;</bdi>' in page


def test_an_id_that_is_nowhere_or_has_no_tokens_is_told_why(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ready)
    with pytest.raises(QiratError, match="no conversations of dev are called"):
        preview.preview("ffffffffff", "dev")
    with pytest.raises(QiratError, match="give at least 6 digits"):
        preview.preview("", None)
    excluded = {"conversation_id": ["ffffffffff"], "split": ["dev"], "reason": ["no assistant turn"]}
    path = Path("data/tokenized/excluded.parquet")
    before = path.read_bytes()
    pl.DataFrame(excluded).write_parquet(path)
    with pytest.raises(QiratError, match="ffffffffff is in dev, but has no tokens: no assistant turn"):
        preview.preview("ffffff", None)
    path.write_bytes(before)


def test_facts_that_are_not_learnt_are_shown_apart() -> None:
    template = renderer("chatml")
    said = talk("How much?", "It is 31 SAR, نعم.")
    said[1] = {**said[1], "unlearnt": [(6, 12)]}
    (example,) = template.examples(said)
    pieces = preview.pieces(template.tokenizer, example.input_ids, example.labels, example.unlearnt)
    shown = preview.PreviewedExample("train", example.turns, pieces)
    text = preview.as_text("a", [shown], coloured=False)
    assert re.search(r"⟦It is ?⟧‹ ?31 SAR›⟦, نعم\.<\|im_end\|>⟧", text)
    assert preview.COLOURS["fact"] in preview.as_text("a", [shown], coloured=True)
    assert "of facts" in shown.heading
