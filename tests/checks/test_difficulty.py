"""How hard a language model finds replies, on a model of a few thousand weights."""

import math
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from curation.checks import checks
from curation.harness.errors import QiratError
from curation.score.models import Losses
from tests.builders import context, record, talk
from tests.training.tiny import model, tokenizer


def measured(folder: Path, *talks) -> pl.DataFrame:
    return checks()["difficulty"](record(*talks), replace(context(), losses=Losses(str(folder))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    model().save_pretrained(path)
    tokenizer().save_pretrained(path)
    return path


def test_it_is_off_unless_a_model_is_named():
    assert checks()["difficulty"](record(talk("Hi", "Hello.")), context()).is_empty()


def test_the_loss_is_that_of_the_last_reply_alone(folder: Path):
    said = talk("Hi", "One moment.", "And?", "Thank you for contacting Zaafaran Home.")
    found = {r["code"]: r for r in measured(folder, said).iter_rows(named=True)}
    assert set(found) == {"reply_perplexity", "ifd"}
    assert found["ifd"]["turn"] == 3
    loss = math.log(found["reply_perplexity"]["value"])
    assert 0 < loss < 2 * math.log(len(tokenizer()))
    assert found["ifd"]["value"] == pytest.approx(1, abs=0.3)  # weights at random make nothing of the question


def test_neither_other_rows_nor_length_break_it(folder: Path):
    alone = measured(folder, talk("Hi", "هل هناك شيء آخر؟"))
    among = measured(folder, talk("Hi", "هل هناك شيء آخر؟"), talk("very long " * 600, "words " * 900), talk("Hi", ""))
    key = alone["conversation_id"][0]
    assert among.filter(pl.col("conversation_id") == key).equals(alone)
    assert among["conversation_id"].n_unique() == 2


def test_a_folder_without_a_model_is_an_error_with_its_place(tmp_path: Path):
    with pytest.raises(QiratError, match=r"score\.difficulty_model"):
        measured(tmp_path, talk("Hi", "Hello."))
