"""Tiny models of random weights with the real layers of each family."""

from typing import Any

SIZES: dict[str, Any] = {
    "vocab_size": 600, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 512, "pad_token_id": 1,
}  # fmt: skip
EXPERTS = {"num_local_experts": 4, "num_experts": 4, "num_experts_per_tok": 2}
OWN: dict[str, dict[str, Any]] = {
    "afmoe": {**EXPERTS, "moe_intermediate_size": 32, "num_dense_layers": 1},
    "gpt_oss": EXPERTS,
    "jamba": {**EXPERTS, "mamba_dt_rank": 8, "mamba_d_state": 8},
    "mamba": {"state_size": 8},
    "minimax": EXPERTS,
    "qwen3_moe": {**EXPERTS, "moe_intermediate_size": 32},
    "lfm2": {"layer_types": ["conv", "full_attention", "conv", "full_attention"]},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 64},
    "deepseek_v3": {
        "q_lora_rank": 32, "kv_lora_rank": 32, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 24,
        "head_dim": None, "num_key_value_heads": 4, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1,
        "topk_group": 1, "moe_intermediate_size": 32,
    },
}  # fmt: skip


def config(kind: str, **own: Any) -> Any:
    """The library's own class for the model type, with small sizes."""
    from transformers import AutoConfig

    sizes = {**SIZES, **OWN.get(kind, {}), **own}
    return AutoConfig.for_model(kind, **{name: size for name, size in sizes.items() if size is not None})


def made(kind: str, **own: Any) -> Any:
    """Always the same; wider than at birth, so that attention weighs as much as in a trained model."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model: Any = AutoModelForCausalLM.from_config(config(kind, **own))  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.mul_(3)
    return model.eval()
