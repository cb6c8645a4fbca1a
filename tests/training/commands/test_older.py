"""Models that transformers 5 saved, read by servers on transformers 4."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders import ROOT
from tests.training.commands.older_reader import CHAT
from tests.training.rehearsal.models import made
from tests.training.tiny import tokenizer
from training.commands.older import older_config, older_tokenizer, write_for_older

# `make older` installs it: the oldest transformers that vLLM 0.11 takes.
OLDER = os.environ.get("OLDER", "")


def turned(**own: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": "default", "rope_theta": 500_000.0, **own}}


STRETCHED = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip
LONG = {"rope_type": "longrope", "short_factor": [1.5] * 8, "long_factor": [3.0] * 8}
NEAR = {"rope_type": "default", "rope_theta": 5_000.0}
KINDS: dict[str, dict[str, Any]] = {
    "llama": turned(**STRETCHED),
    "phi3": turned(**LONG) | {"original_max_position_embeddings": 32},
    "gemma3_text": {
        "rope_parameters": {"full_attention": {**NEAR, "rope_theta": 2e6}, "sliding_attention": NEAR},
        "layer_types": ["sliding_attention", "full_attention"] * 2,
    },
    "gpt_neox": turned(partial_rotary_factor=0.5),
    "stablelm": turned(partial_rotary_factor=0.5),
    "gpt_oss": {"max_position_embeddings": 131_072},
    **{kind: turned() for kind in ("qwen2", "qwen3", "qwen3_moe", "mistral", "cohere2", "smollm3", "lfm2", "olmo2")},
}


def test_how_positions_are_turned_is_told_in_both_ways() -> None:
    told = older_config({"model_type": "llama", "dtype": "bfloat16", **turned(**STRETCHED)})
    assert (told["rope_theta"], told["rope_scaling"], told["torch_dtype"]) == (500_000.0, STRETCHED, "bfloat16")
    assert told["rope_parameters"] == turned(**STRETCHED)["rope_parameters"]
    assert older_config({"model_type": "gemma3", "text_config": turned()})["text_config"]["rope_theta"] == 500_000.0


def test_what_a_model_says_itself_is_not_written_over() -> None:
    told = {"model_type": "llama", "rope_theta": 7.0, "dtype": "float32", **turned()}
    assert older_config(told) == {**told, "torch_dtype": "float32"}
    assert older_config({"model_type": "opt", "rope_parameters": None}) == {
        "model_type": "opt",
        "rope_parameters": None,
    }


def test_words_have_the_class_and_the_special_tokens_of_both() -> None:
    told = older_tokenizer({"tokenizer_class": "TokenizersBackend", "extra_special_tokens": ["<|user|>"]})
    assert told == {"tokenizer_class": "PreTrainedTokenizerFast", "additional_special_tokens": ["<|user|>"]}
    assert older_tokenizer({"tokenizer_class": "Qwen2Tokenizer"}) == {"tokenizer_class": "Qwen2Tokenizer"}


def written(kind: str, place: Path, **own: Any) -> None:
    """As `export` does it, with the class of words that the library has for such a model."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, words = made(kind, **own), tokenizer()
    ids = torch.tensor([[(37 * n + 7) % 500 + 20 for n in range(60)]])
    with torch.no_grad():
        logits = model(ids).logits
    model.save_pretrained(place)
    words.add_special_tokens({"extra_special_tokens": ["<|user|>"]})
    words.save_pretrained(place)
    words = AutoTokenizer.from_pretrained(place)
    words.save_pretrained(place)
    chat = words.apply_chat_template(CHAT, add_generation_prompt=True, return_dict=False)
    write_for_older(place)
    loaded: Any = AutoModelForCausalLM.from_pretrained(place)
    with torch.no_grad():
        assert torch.equal(loaded.eval()(ids).logits, logits)
    again = AutoTokenizer.from_pretrained(place)
    assert again.apply_chat_template(CHAT, add_generation_prompt=True, return_dict=False) == chat
    assert again.all_special_tokens == words.all_special_tokens
    save_file({"ids": ids, "logits": logits, "chat": torch.tensor(chat)}, place / "given.safetensors")


@pytest.mark.parametrize("kind", ["gemma4_text", "gemma4", "lfm3"])
def test_settings_that_would_be_read_otherwise_are_left(kind: str, tmp_path: Path) -> None:
    from transformers import AutoConfig

    AutoConfig.for_model(kind).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    written = (tmp_path / "config.json").read_bytes()
    write_for_older(tmp_path)
    assert (tmp_path / "config.json").read_bytes() == written


@pytest.mark.parametrize("kind", ["llama", "phi3", "gemma3_text"])
def test_transformers_5_reads_what_it_wrote(kind: str, tmp_path: Path) -> None:
    written(kind, tmp_path, **KINDS[kind])


@pytest.mark.skipif(not OLDER, reason="`make older` installs transformers 4 beside, half a minute")
def test_transformers_4_answers_alike(tmp_path: Path) -> None:
    for kind, own in KINDS.items():
        written(kind, tmp_path / kind, **own)
    command = [sys.executable, str(ROOT / "tests/training/commands/older_reader.py"), str(tmp_path)]
    path = {"PYTHONPATH": str(ROOT / OLDER)}
    ran = subprocess.run(command, env={**os.environ, **path}, capture_output=True, text=True, check=False)
    assert not ran.returncode, ran.stderr[-2000:]
    found = json.loads(ran.stdout)
    assert found["version"].startswith("4.")
    assert {kind: said["off"] for kind, said in found["read"].items() if said["off"] > 1e-5} == {}
    assert {kind for kind, said in found["read"].items() if said["chat"] != said["chat_given"]} == set()
    assert {said["end"] for said in found["read"].values()} == {tokenizer().eos_token}
