"""Attention over several conversations in one row, each seeing only itself, without a T x T mask.

`varlen` is torch's own kernel for rows of documents (torch.nn.attention.varlen, a flash attention that needs no
package beside torch); without a GPU it is the same sum, document by document. `sdpa` and `eager` are transformers',
which keeps documents apart by position ids, with a mask that grows with the square of the row.
"""

from collections.abc import Callable
from inspect import signature
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, cast

from curation.harness.errors import QiratError

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedModel

Attention = Literal["auto", "varlen", "sdpa", "eager"]
VARLEN = "qirat_varlen"
WHERE = "params.yaml, train: attention"
# What models hand to attention beside its tensors and what changes no score; whatever else has a value is refused.
HARMLESS = {
    "position_ids", "cu_seq_lens_k", "max_length_k", "seq_idx", "is_causal", "use_cache", "cache_position",
    "num_items_in_batch", "logits_to_keep", "labels",
}  # fmt: skip
ASKED_BACK = ("output_", "return_")  # beginnings of arguments that ask for more results, and change none


def use_attention(model: "PreTrainedModel", wanted: Attention, packed: bool) -> str:
    """Sets how the model attends, and returns the name that was chosen.

    `auto` is varlen for packed rows of a model that it can compute, else what the model came with.
    """
    unfit = _unfit_for_varlen(model.config)
    if wanted == "varlen" and unfit:
        raise QiratError(f"params.yaml, train: attention varlen cannot compute this model ({unfit}); use auto or sdpa")
    chosen = ("varlen" if packed and not unfit else "") if wanted == "auto" else wanted
    if not chosen:
        return str(model.config._attn_implementation)
    if chosen == "varlen":
        _register()
    model.set_attn_implementation(VARLEN if chosen == "varlen" else chosen)
    return chosen


def ways_to_attend(model: "PreTrainedModel", wanted: Attention) -> list[str]:
    """What to try for packed rows, the fastest first: varlen where it may fit, then what the model came with."""
    if wanted != "auto":
        return [wanted]
    return ["varlen"] * (not _unfit_for_varlen(model.config)) + [str(model.config._attn_implementation)]


def _unfit_for_varlen(config: "PretrainedConfig") -> str:
    """What in the model varlen knows nothing of; "" when nothing."""
    text: Any = config.get_text_config()
    if others := set(getattr(text, "layer_types", None) or ()) - {"full_attention"}:
        return f"it has layers of {', '.join(sorted(others))}"
    if getattr(text, "sliding_window", None) and getattr(text, "use_sliding_window", True):
        return "it attends to a window only"
    if getattr(text, "attn_logit_softcapping", None):
        return "it caps its attention scores"
    return ""


def _register() -> None:
    import torch
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    def mask(**sizes: Any) -> Any:
        """Padded batches, as in evaluation, need one; rows of documents bring where each begins instead."""
        return None if sizes.get("attention_mask") is None else sdpa_mask(**sizes)

    # Compiled layers leave attention as it is: where documents begin differs from row to row.
    as_it_is: Any = torch.compiler.disable
    AttentionInterface.register(VARLEN, as_it_is(_attend))
    AttentionMaskInterface.register(VARLEN, mask)


def _attend(  # noqa: PLR0913 - transformers' signature
    module: Any,
    query: "Tensor",
    key: "Tensor",
    value: "Tensor",
    attention_mask: "Tensor | None",
    scaling: float | None = None,
    dropout: float = 0.0,
    cu_seq_lens_q: "Tensor | None" = None,
    max_length_q: int | None = None,
    **rest: Any,
) -> "tuple[Tensor, None]":
    """query (1, heads, tokens, size), key and value (1, key heads, tokens, size) -> (1, tokens, heads, size)."""
    given = {name for name, value in rest.items() if value is not None and not name.startswith(ASKED_BACK)}
    if unknown := sorted(given - HARMLESS):
        raise QiratError(f"attention varlen does not compute {', '.join(unknown)}; use auto or eager ({WHERE})")
    if cu_seq_lens_q is None or max_length_q is None or query.shape[0] != 1:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, is_causal=rest.get("is_causal")
        )
    if dropout or not rest.get("is_causal", getattr(module, "is_causal", True)):
        what = "attention dropout" if dropout else "attention to later tokens"
        raise QiratError(f"attention varlen knows no {what}; use sdpa for this model ({WHERE})")
    if compute_capability(query):
        return _by_kernel(query, key, value, cu_seq_lens_q.to(query.device), max_length_q, scaling)[None], None
    return _document_by_document(query, key, value, cu_seq_lens_q.tolist(), scaling), None


def _by_kernel(
    query: "Tensor",
    key: "Tensor",
    value: "Tensor",
    starts: "Tensor",
    longest: int,
    scaling: float | None,
) -> "Tensor":
    """(tokens, heads, size) by torch's kernel, in the numbers that it takes."""
    import torch
    from torch.nn.attention.varlen import varlen_attn

    place = query.device.type
    kind = torch.get_autocast_dtype(place) if torch.is_autocast_enabled(place) else value.dtype
    if unfit := kernel_unfit(compute_capability(query), kind, query.shape[-1], value.shape[-1]):
        raise QiratError(f"attention varlen cannot run here ({unfit}); use auto or sdpa ({WHERE})")
    q, k, v = (side[0].transpose(0, 1).to(kind) for side in (query, key, value))
    if q.shape[1] != k.shape[1] and not takes(varlen_attn, "enable_gqa"):
        k, v = (side.repeat_interleave(q.shape[1] // side.shape[1], dim=1) for side in (k, v))
    named: dict[str, Any] = {"window_size": (-1, 0)} if takes(varlen_attn, "window_size") else {"is_causal": True}
    if takes(varlen_attn, "enable_gqa"):
        named["enable_gqa"] = q.shape[1] != k.shape[1]
    out: Any = varlen_attn(q, k, v, starts, starts, longest, longest, scale=scaling, **named)
    return cast("Tensor", out)


def compute_capability(tensor: "Tensor") -> tuple[int, int] | None:
    """Of the card on which the tensor lies; None where torch's kernel is not: a CPU, Apple's MPS."""
    import torch

    return torch.cuda.get_device_capability(tensor.device) if tensor.is_cuda else None


def kernel_unfit(capability: tuple[int, int] | None, dtype: "torch.dtype", size: int, value_size: int) -> str:
    """Why torch's varlen kernel cannot run: compute capability, numbers, sizes of heads; "" when it can.

    Source: the checks of torch's flash attention (aten/src/ATen/native/transformers/cuda/flash_attn/flash_api.cpp).
    """
    if capability is None or capability < (8, 0):
        has = f"compute capability {capability[0]}.{capability[1]}" if capability else "no CUDA"
        return f"the device has {has}, and the kernel wants a card of 8.0 or more"
    if dtype.itemsize != 2:
        return f"numbers are {str(dtype).removeprefix('torch.')}, and the kernel wants bfloat16 or float16"
    if size != value_size:
        return f"keys have heads of {size} and values of {value_size}"
    if size % 8 or size > 256:
        return f"heads have a size of {size}, and the kernel wants a multiple of 8 up to 256"
    return ""


def takes(function: Callable[..., Any], argument: str) -> bool:
    """Whether this version of a function knows the argument."""
    return argument in signature(function).parameters


def _document_by_document(
    query: "Tensor", key: "Tensor", value: "Tensor", starts: list[int], scaling: float | None
) -> "Tensor":
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    parts = []
    for begin, end in pairwise(starts):
        q, k, v = (side[:, :, begin:end] for side in (query, key, value))
        grouped = query.shape[1] != key.shape[1]
        parts.append(scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling, enable_gqa=grouped))
    return torch.cat(parts, dim=2).transpose(1, 2).contiguous()
