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
        """Counted on a model without memory: no weights are loaded."""
        import torch
        from transformers import AutoModelForCausalLM

        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
        text: Any = config.get_text_config()
        head = model.get_output_embeddings()
        linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
        size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        return cls(
            weights=sum(p.numel() for p in model.parameters()),
            linear=sum(m.in_features * m.out_features for m in linear),
            lora=rank * sum(m.in_features + m.out_features for m in linear),
            head=text.vocab_size * text.hidden_size,
            layers=text.num_hidden_layers,
            hidden=text.hidden_size,
            attention=text.num_attention_heads * size,
            keys=2 * (getattr(text, "num_key_value_heads", None) or text.num_attention_heads) * size,
            inner=text.intermediate_size,
        )


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
