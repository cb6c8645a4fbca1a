"""A model whose layers lie on two cards that are not there.  python -m tests.training.rehearsal.spread

Prints, once for one device and once for two cards, the replies that it writes in step and padded, with an adapter and
without, and what the team's replies come to.
"""

import json
from typing import Any

import torch

from tests.training.rehearsal.cards import NAME, spread_over, two_cards
from tests.training.rehearsal.models import made
from tests.training.tiny import renderer
from training.judge.generation import Decoding, generate_and_weigh
from training.model.layout import placement
from training.model.sharing import can_share
from training.model.template import Example

PROMPTS = [[7, 8, n % 5, 9, *range(10, 10 + n)] for n in range(9)]
EXAMPLES = [Example([*prompt, 3, 4, 5], [-100] * len(prompt) + [3, 4, 5], []) for prompt in PROMPTS]
LAYERS = (1, 3)  # on each card
KINDS = {"qwen3": {}, "mistral": {"sliding_window": 8}}  # written in step, and padded


def answered(model: Any) -> dict[str, Any]:
    shared = can_share(model)
    replies, nats = generate_and_weigh(model, renderer(), PROMPTS, EXAMPLES, Decoding(6, 9))
    return {"in_step": shared, "replies": [reply.text for reply in replies], "nats": nats}


def tuned(model: Any) -> Any:
    """With LoRA that changes what is answered, put where PEFT puts it."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    model = get_peft_model(model, LoraConfig(target_modules="all-linear", r=2, init_lora_weights=False))
    return model.eval()


def main() -> None:
    found: dict[str, Any] = {}
    with torch.no_grad():
        for kind, own in KINDS.items():
            found[kind] = [answered(made(kind, **own)), answered(tuned(made(kind, **own)))]
    with two_cards():
        for kind, own in KINDS.items():
            model = made(kind, **own)
            places = {name: f"{NAME}:{card}" for name, card in placement(model.config, LAYERS).items()}
            with_adapter = spread_over(
                tuned(made(kind, **own)), {f"base_model.model.{n}": p for n, p in places.items()}
            )
            found[f"{kind}, spread"] = [answered(spread_over(model, places)), answered(with_adapter)]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
