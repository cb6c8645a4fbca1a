"""What training costs before it runs: operations, time, memory, energy; and from what traffic on it pays.

Operations are counted, not guessed: a LoRA step on a token takes 4 operations for each frozen linear weight (forward,
and backward to the input), 6 for each LoRA weight, 6 for each weight of the head where the token is supervised, and
attention over the tokens before it. Time is operations over the rate of the machine, which a trial of one pass
measures; without the machine at hand, over the share of a card's peak that such training reaches.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from training.model.template import IGNORED

if TYPE_CHECKING:
    from transformers import PretrainedConfig

REACHED = 0.4  # share of the dense peak that packed LoRA training with a varlen kernel reaches; docs/training.md
READING = 0.5  # likewise for reading prompts, which is the forward pass alone


@dataclass(frozen=True)
class Card:
    """A GPU by its data sheet: dense bfloat16 peak in operations/s, memory in bytes, board power in watts."""

    peak: float
    memory: float
    watts: float


CARDS = {
    "H200": Card(989e12, 141e9, 700),
    "H100": Card(989e12, 80e9, 700),
    "A100": Card(312e12, 80e9, 400),
    "L40S": Card(362e12, 48e9, 350),
    "RTX 4090": Card(165e12, 24e9, 450),
    "L4": Card(121e12, 24e9, 72),
}


@dataclass(frozen=True)
class Shape:
    """The sizes of a model that cost depends on. Weights are counted, widths are of one token."""

    weights: int  # all of them
    linear: int  # of the linear layers that LoRA stands beside, the head aside
    lora: int  # trained, at the recipe's rank
    head: int  # vocabulary times hidden size
    layers: int
    hidden: int
    attention: int  # query heads times their size
    keys: int  # key heads times their size, twice: keys and values
    inner: int  # width of the feed-forward layer

    @classmethod
    def of(cls, config: "PretrainedConfig", rank: int) -> "Shape":
        """Counted on a model without memory: no weights are loaded.

        An estimate stops no training: what a model has no name for is taken from its layers, and where transformers
        cannot build it without memory, its layers are reckoned from the sizes that it names.
        """
        text = _text(config)
        try:
            weights, linear, head = _layers(config)
        except Exception:  # whatever it trips over: models are built in many ways
            weights, linear, head = _reckoned(text)
        hidden = _size(text, "hidden_size", "d_model", "n_embd", "dim") or max((one for one, _ in linear), default=1)
        heads = _size(text, "num_attention_heads", "n_head", "n_heads")
        size = _size(text, "head_dim") or hidden // max(heads, 1)
        inner = _size(text, "intermediate_size", "ffn_dim", "d_ff", "moe_intermediate_size")
        return cls(
            weights=weights,
            linear=sum(one * other for one, other in linear),
            lora=rank * sum(one + other for one, other in linear),
            head=head,
            layers=_size(text, "num_hidden_layers", "n_layer", "n_layers") or 1,
            hidden=hidden,
            attention=heads * size,
            keys=2 * (_size(text, "num_key_value_heads") or heads) * size,
            inner=inner or max((max(sizes) for sizes in linear), default=hidden),
        )


def _layers(config: "PretrainedConfig") -> tuple[int, list[tuple[int, int]], int]:
    """Weights, the widths (in, out) of each linear layer but the head, and weights of the head."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.pytorch_utils import Conv1D

    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
    head = model.get_output_embeddings()
    linear = [m.weight.shape for m in model.modules() if isinstance(m, torch.nn.Linear | Conv1D) and m is not head]
    weights = sum(p.numel() for p in model.parameters())
    return weights, [(one, other) for one, other in linear], (head or model.get_input_embeddings()).weight.numel()


def _reckoned(text: Any) -> tuple[int, list[tuple[int, int]], int]:
    """The same of a plain transformer of the sizes that are named."""
    hidden, layers = _size(text, "hidden_size", "d_model", "n_embd", "dim"), _size(text, "num_hidden_layers", "n_layer")
    inner, head = _size(text, "intermediate_size", "ffn_dim") or 4 * hidden, _size(text, "vocab_size") * hidden
    linear = [*[(hidden, hidden)] * (4 * layers), *[(hidden, inner)] * (3 * layers)]
    return sum(one * other for one, other in linear) + head, linear, head


def _text(config: Any) -> Any:
    """The part of the configuration that reads text."""
    try:
        return config.get_text_config()
    except (AttributeError, ValueError):  # several parts might
        return config


def _size(config: Any, *names: str) -> int:
    """The first of the sizes that the configuration has, the largest where layers differ; 0 when it has none.

    transformers raises errors of several kinds for a size that differs by layer or that is not there.
    """
    for name in names:
        try:
            value = getattr(config, name)
        except Exception:
            continue
        if value:
            return int(max(value) if isinstance(value, list | tuple) else value)
    return 0


def counted(tokens: pl.DataFrame) -> tuple[list[int], int]:
    """The lengths of tokenized examples, and how many of all their tokens are supervised."""
    return tokens["input_ids"].list.len().to_list(), int((tokens["labels"].explode() != IGNORED).sum())


def training_operations(shape: Shape, lengths: Sequence[int], supervised: int) -> float:
    """One look at examples of these lengths in tokens, `supervised` tokens of them together.

    Backward through attention is 2.5 times forward, as flash attention recomputes the scores.
    """
    return (
        sum(lengths) * (4.0 * shape.linear + 6.0 * shape.lora)
        + 6.0 * supervised * shape.head
        + 3.5 * _attention_operations(shape, lengths)
    )


def reading_operations(shape: Shape, tokens: float) -> float:
    """Of a prompt of so many tokens: the forward pass alone, of which the head sees next to nothing."""
    return 2.0 * tokens * shape.linear + _attention_operations(shape, [tokens])


def _attention_operations(shape: Shape, lengths: Sequence[float]) -> float:
    return 2.0 * shape.layers * shape.attention * sum(n * n for n in lengths)


def saved_seconds(shape: Shape, long: float, short: float) -> float:
    """Seconds a reply, on a card of one operation a second, that a prompt of `short` tokens saves against `long`."""
    return (reading_operations(shape, long) - reading_operations(shape, short)) / READING


def break_even(training_seconds: float, saved_seconds_a_reply: float) -> float:
    """Replies after which training has paid for itself on the same card; infinite where the prompt is no longer."""
    return training_seconds / saved_seconds_a_reply if saved_seconds_a_reply > 0 else math.inf
