"""Which layers LoRA stands beside, and what of a mixture of experts stays as it is.

Experts lie in one tensor a layer, and a LoRA of PEFT beside such a tensor makes it whole anew in each pass: as much
memory as all experts take, once a layer. Routers that are tuned on a few thousand conversations send tokens elsewhere
than those that the experts were made for. So both are left alone, in every family; `all-linear` would tune both in some
(Mixtral, Qwen3-MoE, OLMoE) and neither in others (gpt-oss, Granite).
"""

from collections.abc import Iterator
from typing import Any

from training.model.unusable import beside_text

EXPERTS, ROUTER, SHARED_ROUTER = "Experts", "Router", "shared_expert_gate"


def tuned_layers(base: Any) -> str | list[str]:
    """What PEFT calls target_modules: every linear layer that reads text, the head aside."""
    if not has_experts(base):
        return "all-linear"
    from peft import LoraConfig
    from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers

    # Names that experts had before they lay in one tensor PEFT takes for these, though a shared expert has them too.
    asked = LoraConfig(target_modules=sorted(_linear(base)))
    convert_peft_config_for_transformers(asked, base, None)
    return sorted(asked.target_modules or ())


def has_experts(base: Any) -> bool:
    """Whether tokens are sent to some of many layers."""
    return any(EXPERTS in type(module).__name__ for module in base.modules())


def left_alone(base: Any) -> str:
    """What to know of a mixture of experts; "" of any other model."""
    if not has_experts(base):
        return ""
    weights = sum(p.numel() for m in base.modules() if EXPERTS in type(m).__name__ for p in m.parameters())
    share = weights / sum(p.numel() for p in base.parameters())
    return (
        f"a mixture of experts: its routers and experts ({share:.0%} of its weights) stay as they are, and so does how "
        "tokens are shared out among them; LoRA stands beside attention and the layers that every token passes"
    )


def _linear(base: Any) -> Iterator[str]:
    import torch

    head, beside = base.get_output_embeddings(), set(beside_text(base))
    routers = {id(part) for m in base.modules() if ROUTER.lower() in type(m).__name__.lower() for part in m.modules()}
    for name, module in base.named_modules():
        routes = id(module) in routers or name.endswith(SHARED_ROUTER)
        if isinstance(module, torch.nn.Linear) and module is not head and name not in beside and not routes:
            yield name
