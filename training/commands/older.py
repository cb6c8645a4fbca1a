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
PHI = ("phi3", "phi4_multimodal")
STRETCH_OF_PHI = ("short_factor", "long_factor")  # with `type` all that its settings may hold there


def write_for_older(folder: Path) -> None:
    """Adds the names of transformers 4 to the settings in the folder.

    A model of which transformers 5 would then read something else keeps its config.json: 4 knows no such kind.
    """
    words, sizes = folder / "tokenizer_config.json", folder / "config.json"
    _write(words, older_tokenizer(json.loads(words.read_text("utf-8"))))
    if sizes.is_file():
        written, read = sizes.read_text("utf-8"), _read(folder)
        _write(sizes, older_config(json.loads(written)))
        if not holds(_read(folder), read):
            sizes.write_text(written, "utf-8")


def older_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config.json with old names added, also for the text model within one that sees."""
    parts = {name: older_config(part) for name, part in config.items() if _is_model(name, part)}
    return {**dict(_older_names(config)), **config, **parts}


def older_tokenizer(config: Mapping[str, Any]) -> dict[str, Any]:
    """A tokenizer_config.json with the general class by its old name and further special tokens in their old place."""
    told = dict(config)
    if told.get("tokenizer_class") == "TokenizersBackend":
        told["tokenizer_class"] = "PreTrainedTokenizerFast"
    if isinstance(told.get("extra_special_tokens"), list):
        told["additional_special_tokens"] = told.pop("extra_special_tokens")
    return told


def holds(found: object, expected: object) -> bool:
    """Whether all of `expected` stands in `found` too, at every depth."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(name in found and holds(found[name], part) for name, part in expected.items())
    return found == expected


def _write(path: Path, settings: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


def _read(folder: Path) -> dict[str, Any] | None:
    """The settings as transformers understands them; None where it does not."""
    from transformers import AutoConfig

    try:
        found: dict[str, Any] = AutoConfig.from_pretrained(folder, local_files_only=True).to_dict()
    except Exception:  # each kind of model has errors of its own
        return None
    return found


def _is_model(name: str, part: object) -> bool:
    return name.endswith("_config") and isinstance(part, dict)


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
    if config.get("model_type") in PHI:
        return {"type": rotary["rope_type"], **{name: rotary[name] for name in STRETCH_OF_PHI}}
    return {name: value for name, value in rotary.items() if name not in TURN}
