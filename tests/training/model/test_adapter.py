"""The adapter's folder: what it tells, and what of it is never loaded."""

import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.tuners_utils import BaseTunerLayer

from curation.harness.errors import QiratError
from tests.training.adapters import trained
from tests.training.tiny import model
from training.model.adapter import FILES, in_one, load_adapter, read_provenance, refuse_damaged, write_weaker
from training.model.base import Model

TINY = Model(name="tiny", dtype="float32", template_arguments={})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    trained(tmp_path)
    return Path("models/adapter")


class Planted:
    """Writes a file as soon as it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.write_text, (Path("planted"), "run")


def test_an_adapter_is_loaded_whole(folder: Path) -> None:
    assert load_adapter(model(), folder, TINY) is not None


def test_an_adapter_in_one_with_its_base_says_the_same_and_numbers_of_few_bits_stay_apart(folder: Path) -> None:
    ids = torch.tensor([[5, 9, 3, 7, 2, 8]])
    with torch.no_grad():
        plain = model()(input_ids=ids).logits
        beside = load_adapter(model(), folder, TINY)(input_ids=ids).logits
        one = in_one(load_adapter(model(), folder, TINY))
        assert torch.allclose(one(input_ids=ids).logits, beside, atol=1e-5)
    assert (beside - plain).abs().max() > 1e-3
    few = in_one(load_adapter(model().to(torch.bfloat16), folder, TINY))
    merged = [{layer.merged for layer in tuned.modules() if isinstance(layer, BaseTunerLayer)} for tuned in (one, few)]
    assert merged == [{True}, {False}]


def test_a_pickled_adapter_is_refused_and_not_opened(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Planted()))
    with pytest.raises(QiratError, match=r"holds no adapter_model\.safetensors; pickled weights .* are never loaded"):
        load_adapter(model(), folder, TINY)
    assert not Path("planted").exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"peft_type": "PREFIX_TUNING"},
        {"auto_mapping": {"base_model_class": "Planted", "parent_library": "planted"}},
        {"megatron_config": {"tensor_model_parallel_size": 1}, "megatron_core": "planted"},
    ],
)
def test_settings_that_import_modules_by_name_are_refused(folder: Path, settings: dict[str, Any]) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | settings), "utf-8")
    with pytest.raises(QiratError, match="which import modules by name"):
        load_adapter(model(), folder, TINY)


def test_a_folder_that_training_did_not_leave_is_told(tmp_path: Path) -> None:
    with pytest.raises(QiratError, match="is no adapter that Qirat trained"):
        read_provenance(tmp_path)


def test_the_adapters_card_is_valid_and_names_the_licence_of_the_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import ModelCard

    monkeypatch.chdir(tmp_path)
    Path("tiny").mkdir()
    Path("tiny/README.md").write_text("---\nlicense: apache-2.0\n---\n", "utf-8")
    card = ModelCard.load(trained(tmp_path) / "README.md")
    data = card.data.to_dict()
    assert (data["base_model"], data["library_name"], data["tags"]) == ("tiny", "peft", ["lora", "qirat"])
    assert "| base licence | apache-2.0 |" in card.text
    assert read_provenance(Path("models/adapter"))["base"]["licence"] == "apache-2.0"


@pytest.fixture
def hashed(folder: Path) -> Path:
    """The adapter with the hashes of its files, as a stage leaves it."""
    write_weaker(Path("hashed"), folder, 1.0, {})
    return Path("hashed")


def test_every_file_of_an_adapter_that_is_torn_emptied_swapped_or_gone_is_named(hashed: Path) -> None:
    refuse_damaged(folder := hashed)
    whole = [path for path in sorted(folder.iterdir()) if path.name != FILES]
    assert len(whole) > 6
    for path in whole:
        was = path.read_bytes()
        for harm in (was[: len(was) // 2], b"", b"\0" * len(was), b"{}", was + b"\n", None):
            path.unlink() if harm is None else path.write_bytes(harm)
            with pytest.raises(QiratError, match=rf"^hashed/{re.escape(path.name)} is torn, missing or of another"):
                refuse_damaged(folder)
            path.write_bytes(was)
    refuse_damaged(folder)


@pytest.mark.parametrize("text", ["", "[", '["not", "ours"]', "3"])
def test_torn_hashes_of_an_adapter_are_named(hashed: Path, text: str) -> None:
    (hashed / FILES).write_text(text)
    with pytest.raises(QiratError, match=r"files\.json is torn; run `dvc repro`"):
        refuse_damaged(hashed)


def test_a_weaker_adapter_has_hashes_of_its_own_and_one_of_another_make_has_none(hashed: Path) -> None:
    write_weaker(Path("weaker"), hashed, 0.5, {})
    refuse_damaged(Path("weaker"))
    (hashed / FILES).unlink()
    (hashed / "adapter_config.json").write_text("{")
    refuse_damaged(hashed)
