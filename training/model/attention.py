"""Attention over several conversations in one row, each seeing only itself, without a T x T mask.

`varlen` is torch's own kernel for rows of documents (torch.nn.attention.varlen, a flash attention that needs no
package beside torch); without a GPU it is the same sum, document by document. `sdpa` and `eager` are transformers',
which keeps documents apart by position ids, with a mask that grows with the square of the row.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from curation.harness.errors import QiratError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedModel

Attention = Literal["auto", "varlen", "sdpa", "eager"]
VARLEN = "qirat_varlen"


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
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    def mask(**sizes: Any) -> Any:
        """Padded batches, as in evaluation, need one; rows of documents bring where each begins instead."""
        return None if sizes.get("attention_mask") is None else sdpa_mask(**sizes)

    AttentionInterface.register(VARLEN, _attend)
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
    if cu_seq_lens_q is None or max_length_q is None or query.shape[0] != 1:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        rest.pop("cu_seq_lens_k", None), rest.pop("max_length_k", None)
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **rest)
    if dropout:
        raise QiratError("attention varlen knows no attention dropout; use sdpa for this model (params.yaml: train)")
    if query.is_cuda:
        from torch.nn.attention.varlen import varlen_attn

        q, k, v = (side[0].transpose(0, 1) for side in (query, key, value))
        starts, longest, causal = cu_seq_lens_q.to(query.device), max_length_q, (-1, 0)
        grouped = query.shape[1] != key.shape[1]
        out: Any = varlen_attn(
            q, k, v, starts, starts, longest, longest, scale=scaling, window_size=causal, enable_gqa=grouped
        )
        return out[None], None
    return _document_by_document(query, key, value, cu_seq_lens_q.tolist(), scaling), None


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
