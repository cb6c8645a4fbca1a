"""A model that finds names: read from a folder or the hub, safetensors only. Tried on one with random weights."""

from pathlib import Path

import pytest

from curation.harness.errors import QiratError
from curation.privacy import names
from curation.privacy.names import model_names, name_finder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A token classifier of one layer that calls every word a person: its bias says so."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("model")
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)
    config = BertConfig(
        vocab_size=2,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        id2label={0: "O", 1: "I-PER"},
        label2id={"O": 0, "I-PER": 1},
    )
    made = BertForTokenClassification(config)
    with torch.no_grad():
        made.classifier.bias.copy_(torch.tensor([-50.0, 50.0]))
    made.save_pretrained(folder, safe_serialization=True)
    return folder


def test_a_model_s_persons_are_names(model: Path):
    text = "رهف قباني"
    assert [text[find.start : find.end] for find in model_names(str(model))(text)] == [text]
    assert [find.kind for find in name_finder("model", str(model))("zzyx")] == ["name"]
    assert model_names(str(model))("123 !") == []


def test_a_model_that_is_not_named_or_not_there_is_told_with_the_line_to_mend(tmp_path: Path):
    with pytest.raises(QiratError, match=r"privacy\.name_model"):
        name_finder("model", None)("Sara")
    with pytest.raises(QiratError, match=r"privacy\.name_model"):
        name_finder("model", str(tmp_path))("Sara")


@pytest.mark.parametrize("label", ["PER", "B-PERS", "PERSON", "FIRSTNAME", "I-LAST_NAME", "B-per"])
def test_labels_of_persons_are_known(label: str):
    assert names._PERSON_LABEL.fullmatch(label)
