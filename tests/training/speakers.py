"""Base models whose weights are set by hand, so that what they say is known beforehand."""

import itertools
from functools import cache
from pathlib import Path
from typing import Any

from tests.training.tiny import tokenizer


def blank(size: int) -> Any:
    """One layer that passes nothing on, over 600 tokens and so many directions."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=600,
        hidden_size=size,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=2048,
    )
    made = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, weights in made.named_parameters():
            weights.fill_(1.0 if "norm" in name else 0.0)
    return made


@cache
def echo() -> Any:
    """A token is the likelier the more often it stood before: attention looks at all alike and copies what it sees."""
    import torch

    made = blank(600)
    with torch.no_grad():
        attention = made.model.layers[0].self_attn
        scales = {made.model.embed_tokens: 1.0, attention.v_proj: 8.0, attention.o_proj: 1.0, made.lm_head: 0.3}
        for layer, scale in scales.items():
            layer.weight.copy_(torch.eye(600) * scale)
    return made


def speaks(folder: Path, reply: str) -> None:
    """A base model that says this to whatever it is asked: each token brings the next, whatever stood before."""
    import torch

    words = tokenizer()
    start = words("<|im_start|>assistant\n", add_special_tokens=False)["input_ids"][-1]
    chain = [start, *words(reply, add_special_tokens=False)["input_ids"], words.eos_token_id]
    assert len(set(chain)) == len(chain)
    made = blank(600)
    with torch.no_grad():
        made.model.embed_tokens.weight.copy_(torch.eye(600))
        for token, following in itertools.pairwise(chain):
            made.lm_head.weight[following, token] = 1.0
    made.save_pretrained(folder)


def listens(folder: Path, default: str, cue: str, reply: str) -> None:
    """A base model that says `default`, and `reply` once the first token of `cue` stands anywhere before."""
    import torch

    words = tokenizer()
    ids = {text: words(text, add_special_tokens=False)["input_ids"] for text in (default, cue, reply)}
    start = words("<|im_start|>assistant\n", add_special_tokens=False)["input_ids"][-1]
    heard = 600  # a direction that no token has
    made = blank(608)
    with torch.no_grad():
        made.model.embed_tokens.weight.copy_(torch.eye(600, 608))
        attention = made.model.layers[0].self_attn
        attention.v_proj.weight.copy_(torch.eye(608))
        attention.o_proj.weight[heard, ids[cue][0]] = 100.0
        for said in (default, reply):
            for token, following in itertools.pairwise([start, *ids[said], words.eos_token_id]):
                made.lm_head.weight[following, token] = 1e4
        made.lm_head.weight[ids[default][0], start] = 1.0
        made.lm_head.weight[ids[reply][0], start] = 0.0
        made.lm_head.weight[ids[reply][0], heard] = 1.0
    made.save_pretrained(folder)
