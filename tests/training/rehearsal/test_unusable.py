"""Bases that people name and nobody can train on: each is a sentence with its cure, before anything runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curation.harness.errors import QiratError
from tests.training.tiny import CHATML, model, renderer, tokenizer
from training.model.base import Model, load_config, load_model, load_tokenizer
from training.model.template import Renderer
from training.model.unusable import refuse_foreign_tokens, untrained_end


def named(name: object) -> Model:
    return Model(name=str(name), dtype="float32", template_arguments={})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound base."""
    place = tmp_path / "base"
    model().save_pretrained(place)
    tokenizer().save_pretrained(place)
    load_model(named(place)), load_tokenizer(named(place))
    return place


def with_settings(path: Path, **settings: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | settings), "utf-8")


def everything(folder: Path) -> None:
    load_tokenizer(named(folder)), load_config(named(folder)), load_model(named(folder))


# -- files -------------------------------------------------------------------------------------------------------------

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 538090408\n"


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_what_git_lfs_has_not_fetched_is_told(folder: Path, name: str) -> None:
    (folder / name).write_bytes(LFS)
    with pytest.raises(QiratError, match=rf"{name} is a Git LFS pointer.*git lfs pull"):
        everything(folder)


@pytest.mark.parametrize("left", [0.0, 0.001, 0.5, 0.999])
def test_torn_weights_are_told_by_their_file(folder: Path, left: float) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: int(left * len(whole))])
    with pytest.raises(QiratError, match=r"model.safetensors is torn .*download it again"):
        everything(folder)


@pytest.mark.parametrize("held", ["another's", "one less", "another size"])
def test_weights_of_another_model_are_refused_and_not_drawn_at_random(folder: Path, held: str) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    norm = "model.norm.weight"
    changed = {
        "another's": {"classifier.bias": weights[norm]},
        "one less": {name: value for name, value in weights.items() if name != norm},
        "another size": weights | {norm: weights[norm][:-1].clone()},
    }
    save_file(changed[held], folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(QiratError, match=r"params\.yaml, model\.name: (the files of .* lack|.* cannot be loaded)"):
        everything(folder)


@pytest.mark.parametrize("text", ["", "[1]", "هذا ليس نموذجا", "\0\0", '{"model": {', "3"])
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"])
def test_settings_that_are_no_object_are_told_by_their_file(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, "utf-8")
    with pytest.raises(QiratError, match=rf"{name} is torn, or no JSON object, .*download it again"):
        everything(folder)


@pytest.mark.parametrize("settings", [{}, {"added_tokens": 3}, {"model": {"type": "BPE"}}, {"model": None}])
def test_words_that_lack_what_words_need_are_refused(folder: Path, settings: dict[str, Any]) -> None:
    (folder / "tokenizer.json").write_text(json.dumps(settings), "utf-8")
    with pytest.raises(QiratError, match="cannot be loaded"):
        everything(folder)


def test_weights_that_the_index_names_and_nobody_copied_are_told(folder: Path, tmp_path: Path) -> None:
    split = tmp_path / "split"
    model().save_pretrained(split, max_shard_size="60KB")
    tokenizer().save_pretrained(split)
    everything(split)
    (lost := sorted(split.glob("*.safetensors"))[1]).unlink()
    with pytest.raises(QiratError, match=rf"lacks 1 of the \d+ files of its weights \({lost.name}\)"):
        everything(split)


# -- weights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_numbers_are_found_when_the_model_is_loaded(tmp_path: Path, value: float) -> None:
    broken = model()
    broken.model.layers[1].mlp.up_proj.weight.data[3, 5] = value
    broken.save_pretrained(tmp_path)
    with pytest.raises(QiratError, match=r"1 of the 2,048 weights in model.layers.1.mlp.up_proj.weight .* no numbers"):
        load_model(named(tmp_path))


def test_large_weights_are_numbers(tmp_path: Path) -> None:
    large = model()
    large.model.layers[0].mlp.up_proj.weight.data.fill_(3e38)  # their sum is none
    large.save_pretrained(tmp_path)
    load_model(named(tmp_path))


@pytest.mark.parametrize(
    "settings",
    [
        {"quant_method": "gptq", "bits": 4, "group_size": 128},
        {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
        {"quant_method": "awq", "bits": 4},
        {"quant_method": "fp8", "weight_block_size": [128, 128]},
    ],
)
@pytest.mark.parametrize("load", [load_config, load_model])
def test_a_quantised_base_is_refused_by_its_kind(
    folder: Path, settings: dict[str, Any], load: Callable[[Model], Any]
) -> None:
    with_settings(folder / "config.json", quantization_config=settings)
    with pytest.raises(QiratError, match=rf"quantised already \({settings['quant_method']}\); name the model"):
        load(named(folder))


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("load", [load_config, load_model])
def test_an_adapter_is_refused_with_how_to_go_on_from_it(
    folder: Path, tmp_path: Path, whole: bool, load: Callable[[Model], Any]
) -> None:
    from peft import LoraConfig, get_peft_model

    tuned: Any = get_peft_model(load_model(named(folder)), LoraConfig(r=2, target_modules="all-linear"))
    adapter = tmp_path / "adapter"
    tuned.save_pretrained(adapter)
    if whole:  # someone saved base and adapter into one folder
        model().save_pretrained(adapter)
    with pytest.raises(QiratError, match=rf"is a LoRA adapter on {folder}.*merge it first"):
        load(named(adapter))


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [("tool_use",), ("tool_use", "rag")])
def test_of_several_chat_templates_the_default_one_trains_asks_and_serves(
    folder: Path, tmp_path: Path, others: tuple[str, ...]
) -> None:
    from transformers import AutoTokenizer

    several = tokenizer()
    several.chat_template = {"default": CHATML, **dict.fromkeys(others, "{{ 'other' }}")}
    several.save_pretrained(folder)
    loaded = load_tokenizer(named(folder))
    assert loaded.chat_template == CHATML
    loaded.save_pretrained(tmp_path / "again")
    assert AutoTokenizer.from_pretrained(tmp_path / "again").chat_template == CHATML
    said = [{"role": "user", "content": "أين طلبي؟"}, {"role": "assistant", "content": "لحظة."}]
    assert Renderer(loaded).examples(said) == renderer().examples(said)


def test_several_chat_templates_without_a_default_one_are_told_by_name(folder: Path) -> None:
    several = tokenizer()
    several.chat_template = {"tool_use": CHATML, "rag": CHATML}
    (folder / "chat_template.jinja").unlink()
    several.save_pretrained(folder)
    with pytest.raises(QiratError, match=r"2 chat templates \(rag, tool_use\) and none .* \.jinja"):
        load_tokenizer(named(folder))


def test_a_tokenizer_without_an_end_token_is_refused(folder: Path) -> None:
    mute = tokenizer()
    mute.eos_token = mute.pad_token = None
    mute.save_pretrained(folder)
    with pytest.raises(QiratError, match=r"names no end token.*eos_token"):
        load_tokenizer(named(folder))


@pytest.mark.parametrize(("largest", "fits"), [(599, True), (600, False), (None, True)])
def test_a_token_that_the_model_has_no_embedding_for_is_told(largest: int | None, fits: bool) -> None:
    if fits:
        refuse_foreign_tokens("base", largest, tokenizer(), model().config.vocab_size)
        return
    with pytest.raises(QiratError, match=r"as token 600, and the model has embeddings for 600 only"):
        refuse_foreign_tokens("base", largest, tokenizer(), model().config.vocab_size)


@pytest.mark.parametrize(
    ("row", "told"), [(0.0, "embedding is zero"), (None, "3 other tokens have the same embedding"), ("own", "")]
)
def test_an_end_token_that_was_never_trained_is_told(row: float | str | None, told: str) -> None:
    asked, stop = model(), renderer().stop_id
    rows = asked.get_input_embeddings().weight.data
    if row == 0.0:
        rows[stop] = row
    if row is None:
        rows[[590, 591, 592]] = rows[stop].clone()
    assert told in untrained_end(asked, stop)
    assert bool(told) == bool(untrained_end(asked, stop))


# -- the hub -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [load_tokenizer, load_config, load_model])
def test_a_gated_model_is_told_in_the_hubs_own_words(
    load: Callable[[Model], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx
    from huggingface_hub.errors import GatedRepoError

    def gated(*_: Any, **__: Any) -> None:
        asked = httpx.Request("GET", "https://huggingface.co/meta/llama/resolve/main/config.json")
        answer: Any = httpx.Response(401, request=asked)
        raise GatedRepoError("Access to model meta/llama is restricted. Please log in.", response=answer)

    monkeypatch.setattr("training.model.base._answers", lambda address: True)
    monkeypatch.setattr("transformers.utils.hub.hf_hub_download", gated)
    monkeypatch.setattr("transformers.utils.hub.snapshot_download", gated)
    with pytest.raises(QiratError, match=r"access to it at https://huggingface.co/meta/llama.*hf auth login"):
        load(named("meta/llama"))


# -- around it ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [{"WORLD_SIZE": "4"}, {"RANK": "1"}, {"LOCAL_RANK": "0"}])
def test_what_a_launcher_left_behind_is_told(
    folder: Path, left: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in left.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(QiratError, match=rf"\({next(iter(left))}=.*`unset WORLD_SIZE RANK LOCAL_RANK"):
        load_model(named(folder))
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    load_model(named(folder))


def test_one_process_that_says_so_is_no_leftover(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    load_model(named(folder))
