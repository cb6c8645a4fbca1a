"""What servers on transformers 4 look for in a model that transformers 5 saved.

vLLM 0.11 takes transformers from 4.55.2 on. Such a version passes over names that it does not know: positions would be
turned by its default base, so that every answer is another one, and the tokenizer's class would stop it.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# Beside the turn itself, which transformers 4 keeps apart from how it is stretched for long texts.
TURN = ("rope_theta", "partial_rotary_factor")
NEOX = {"rope_theta": "rotary_emb_base", "partial_rotary_factor": "rotary_pct"}
OWN_NAMES = {"gpt_neox": NEOX, "gpt_neox_japanese": NEOX}
STRETCH_OF_PHI = ("short_factor", "long_factor")  # with `type` all that its settings may hold there


def write_for_older(folder: Path) -> None:
    """Adds the names of transformers 4 to the settings in the folder; transformers 5 reads the same as before."""
    for name, older in (("config.json", older_config), ("tokenizer_config.json", older_tokenizer)):
        path = folder / name
        if path.is_file():
            told = older(json.loads(path.read_text("utf-8")))
            path.write_text(json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


def older_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config.json with old names added, also for the text model within one that sees."""
    parts = {name: older_config(part) for name, part in config.items() if name.endswith("_config") and part}
    return {**dict(_older_names(config)), **config, **parts}


def older_tokenizer(config: Mapping[str, Any]) -> dict[str, Any]:
    """A tokenizer_config.json with the general class by its old name and further special tokens in their old place."""
    told = dict(config)
    if told.get("tokenizer_class") == "TokenizersBackend":
        told["tokenizer_class"] = "PreTrainedTokenizerFast"
    if isinstance(told.get("extra_special_tokens"), list):
        told["additional_special_tokens"] = told.pop("extra_special_tokens")
    return told


def _older_names(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if "dtype" in config:
        yield "torch_dtype", config["dtype"]
    if "num_local_experts" in config:
        yield "num_experts", config["num_local_experts"]
    rotary: Mapping[str, Any] = config.get("rope_parameters") or {}
    whole: Mapping[str, Any] = rotary.get("full_attention") or rotary
    own = OWN_NAMES.get(str(config.get("model_type")), {})
    for name in TURN:
        if name in whole:
            yield own.get(name, name), whole[name]
    if near := rotary.get("sliding_attention"):
        yield "rope_local_base_freq", near["rope_theta"]
    if whole.get("rope_type", "default") != "default":
        yield "rope_scaling", _stretched(config, whole)


def _stretched(config: Mapping[str, Any], rotary: Mapping[str, Any]) -> dict[str, Any]:
    if str(config.get("model_type")).startswith("phi"):
        return {"type": rotary["rope_type"], **{name: rotary[name] for name in STRETCH_OF_PHI}}
    return {name: value for name, value in rotary.items() if name not in TURN}
