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

from training.model.targets import EXPERTS, tuned_layers
from training.model.template import IGNORED

if TYPE_CHECKING:
    from transformers import PretrainedConfig

REACHED = 0.4  # share of the dense peak that packed LoRA training with a varlen kernel reaches; docs/training.md
READING = 0.5  # likewise for reading prompts, which is the forward pass alone


@dataclass(frozen=True)
class Numbers:
    """Of how many bytes the numbers are of which a training is made."""

    weight: int  # a frozen weight, where it is not rounded
    value: int  # what is computed
    quantised: bool = False  # frozen weights of linear layers are nf4

    @property
    def cast(self) -> bool:
        """Whether weights are kept in other numbers than those in which is computed."""
        return self.weight != self.value


@dataclass(frozen=True)
class Card:
    """A GPU by its data sheet: dense peak in operations/s, memory in bytes, board power in watts.

    The peak is that of bfloat16; of float32 for cards that have no bfloat16, where training computes in float32.
    """

    peak: float
    memory: float
    watts: float
    bfloat16: bool = True

    @property
    def numbers(self) -> Numbers:
        """In which the recipe trains there."""
        return Numbers(2, 2) if self.bfloat16 else Numbers(4, 4)


CARDS = {
    "H200": Card(989e12, 141e9, 700),
    "H100": Card(989e12, 80e9, 700),
    "A100": Card(312e12, 80e9, 400),
    "L40S": Card(362e12, 48e9, 350),
    "RTX 4090": Card(165e12, 24e9, 450),
    "L4": Card(121e12, 24e9, 72),
    "T4": Card(8.1e12, 16e9, 70, bfloat16=False),
}
FREE = 0.9  # share of a card's free memory that a run plans with: kernels and gaps take the rest
# Bytes a weight in nf4: 4 bits, a scale of 8 bits for 64 weights, one of 32 bits for 256 scales (QLoRA, 2023).
NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)
COUNTED = ("num_local_experts", "num_experts", "n_routed_experts")  # names for how many there are
TILE = 4096, 32768  # tokens, and words of the vocabulary, that TRL's head computes at a time (trl.kernels)
STEPPED = 16  # bytes a trained weight: its value, gradient and two moments, in float32


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
    heads: int  # of queries
    inputs: int  # what the linear layers read, each its own
    low: int  # what the first factors of LoRA give
    norms: int  # what all norms read
    experts: int = 0  # weights of all experts, beside which no LoRA stands
    active: float = 0.0  # share of them that a token passes
    chosen: int = 0  # number of them that a token passes

    @classmethod
    def of(cls, config: "PretrainedConfig", rank: int) -> "Shape":
        """Counted on a model without memory: no weights are loaded.

        An estimate stops no training: what a model has no name for is taken from its layers, and where transformers
        cannot build it without memory, its layers are reckoned from the sizes that it names.
        """
        text = _text(config)
        try:
            found = _layers(config)
        except Exception:  # whatever it trips over: models are built in many ways
            found = _reckoned(text)
        linear = found.linear
        hidden = _size(text, "hidden_size", "d_model", "n_embd", "dim") or max((one for one, _ in linear), default=1)
        heads = _size(text, "num_attention_heads", "n_head", "n_heads")
        size = _size(text, "head_dim") or hidden // max(heads, 1)
        inner = _inner(text, found.experts)
        key_heads = _size(text, "num_key_value_heads") or heads
        # A norm of the size of a head stands before each of them: of queries, or of keys.
        several = {"q": heads, "k": key_heads} if size != hidden else {}
        return cls(
            weights=found.weights,
            linear=sum(one * other for one, other in linear),
            lora=rank * sum(one + other for one, other in linear),
            head=found.head,
            layers=_size(text, "num_hidden_layers", "n_layer", "n_layers") or 1,
            hidden=hidden,
            attention=heads * size,
            keys=2 * key_heads * size,
            inner=inner or max((max(sizes) for sizes in linear), default=hidden),
            heads=heads,
            inputs=sum(one for one, _ in linear),
            low=rank * len(linear),
            norms=sum(wide * (several.get(name[:1], 1) if wide == size else 1) for name, wide in found.norms),
            experts=found.experts,
            active=_chosen(text) / max(_size(text, *COUNTED), 1) if found.experts else 0.0,
            chosen=_chosen(text) if found.experts else 0,
        )


@dataclass(frozen=True)
class _Layers:
    weights: int
    linear: list[tuple[int, int]]  # widths (in, out) of each linear layer but the head
    head: int  # weights of it
    norms: list[tuple[str, int]]  # name and width of each
    experts: int = 0  # weights of all experts


def _layers(config: "PretrainedConfig") -> _Layers:
    """Of a model without memory."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.pytorch_utils import Conv1D

    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
    head = model.get_output_embeddings()
    tuned = tuned_layers(model)
    named = tuned if isinstance(tuned, list) else [name for name, m in model.named_modules() if m is not head]
    linear = [m for m in map(model.get_submodule, named) if isinstance(m, torch.nn.Linear | Conv1D)]
    norms = [(name, m) for name, m in model.named_modules() if "Norm" in type(m).__name__]
    return _Layers(
        weights=sum(p.numel() for p in model.parameters()),
        linear=[(m.nx, m.nf) if isinstance(m, Conv1D) else (m.in_features, m.out_features) for m in linear],
        head=(head or model.get_input_embeddings()).weight.numel(),
        norms=[(name.rpartition(".")[2], sum(p.numel() for p in m.parameters())) for name, m in norms],
        experts=sum(p.numel() for m in model.modules() if EXPERTS in type(m).__name__ for p in m.parameters()),
    )


def _reckoned(text: Any) -> _Layers:
    """Of a plain transformer of the sizes that are named."""
    hidden, layers = _size(text, "hidden_size", "d_model", "n_embd", "dim"), _size(text, "num_hidden_layers", "n_layer")
    inner, head = _size(text, "intermediate_size", "ffn_dim") or 4 * hidden, _size(text, "vocab_size") * hidden
    linear = [*[(hidden, hidden)] * (4 * layers), *[(hidden, inner)] * (2 * layers), *[(inner, hidden)] * layers]
    weights = sum(one * other for one, other in linear) + head
    return _Layers(weights, linear, head, [("", hidden)] * (2 * layers + 1))


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


def _inner(text: Any, experts: int) -> int:
    """Width of what a token passes between attention and attention: of all its experts where it has several."""
    plain = _size(text, "intermediate_size", "ffn_dim", "d_ff", "moe_intermediate_size")
    if not experts:
        return plain
    each = _size(text, "moe_intermediate_size") or plain
    shared = _size(text, "shared_expert_intermediate_size") or each * _size(text, "n_shared_experts")
    return _chosen(text) * each + shared


def _chosen(text: Any) -> int:
    """Experts that a token passes."""
    return _size(text, "num_experts_per_tok", "moe_topk", "top_k") or 1


def counted(tokens: pl.DataFrame) -> tuple[list[int], int]:
    """The lengths of tokenized examples, and how many of all their tokens are supervised."""
    return tokens["input_ids"].list.len().to_list(), int((tokens["labels"].explode() != IGNORED).sum())


def memory(shape: Shape, tokens: int, numbers: Numbers, checkpointing: bool, cards: int = 1) -> float:
    """Peak bytes of a pass over `tokens` tokens on a card: all weights, the optimiser, what the backward pass needs.

    Of several `cards` that share the weights out, each takes so much for tokens of its own.
    Checked against a run on tensors without memory, layer by layer (tests/training/rehearsal/test_memory.py).
    """
    weights = weight_bytes(shape, numbers) if cards == 1 else sharded_bytes(shape, numbers, cards)
    value = numbers.value
    whole = tokens * _kept(shape, numbers)
    if numbers.cast and not numbers.quantised:  # of each frozen weight a copy in which is computed
        whole += value * shape.linear
    # What each expert gives is weighed in float32.
    at_work = tokens * (value * (shape.hidden + 2 * shape.inner) + 4 * shape.chosen * shape.hidden)
    head = min(tokens, TILE[0]) * TILE[1] * value
    if checkpointing:
        behind = 8 if value == 2 else 0  # bytes: the last norm's copy, what it gives and the gradient of that
        kept = tokens * shape.hidden * (value * shape.layers + behind)
        return weights + kept + max(head, whole / shape.layers + at_work)
    return weights + whole + max(head, at_work)


def weight_bytes(shape: Shape, numbers: Numbers) -> float:
    """Of the frozen weights, of LoRA and of its optimiser, as they lie there all the time."""
    if numbers.quantised:  # the embeddings are left as they are; TRL keeps LoRA in bfloat16 beside nf4
        frozen = NF4 * shape.linear + numbers.weight * (shape.weights - shape.linear)
        return frozen + STEPPED / 2 * shape.lora + numbers.value * shape.hidden * shape.inner  # a layer made whole
    autocast = 2 if numbers.value == 2 else 0  # bytes of LoRA's own weights in bfloat16
    return numbers.weight * shape.weights + (STEPPED + autocast) * shape.lora


def layer_bytes(shape: Shape, numbers: Numbers) -> float:
    """Of the frozen weights of a decoder layer."""
    return (
        (NF4 if numbers.quantised else numbers.weight) * shape.linear + numbers.weight * shape.experts
    ) / shape.layers


def sharded_bytes(shape: Shape, numbers: Numbers, cards: int) -> float:
    """Of the weights of `weight_bytes`, as one of several cards holds them (FSDP2): its share of the base, LoRA whole,
    and whole what is computed with: the head throughout, the layer at hand and the next, and what both come in.
    """
    alone = weight_bytes(shape, numbers)
    base, a_layer = numbers.weight * shape.weights, (shape.linear + shape.experts) / shape.layers
    return alone - base + base / cards + numbers.weight * (shape.head + 4 * a_layer)


def _kept(shape: Shape, numbers: Numbers) -> float:
    """Bytes a token that all layers keep for the backward pass.

    Norms compute in float32 and keep what they read. Where weights are float32 and products bfloat16, LoRA reads a copy
    of its own in each linear layer; else all that read the same share it. Attention keeps
    queries, keys, values and what it gives, the feed-forward layer the gate before and behind its curve and what it
    gates. Without bfloat16 there is no varlen kernel, and keys and values are repeated for each head of the queries.
    """
    value = numbers.value
    own = 2 * shape.hidden + shape.inner  # what attention gives is kept already
    read = shape.inputs if numbers.cast else shape.layers * own
    heads = 2 * shape.attention + (shape.keys if value == 2 else 2 * shape.attention)
    layers = shape.layers * (value * (heads + 3 * shape.inner) + 4 * shape.heads)
    given = shape.layers * value * shape.chosen * shape.hidden  # by each expert, which its router's gradient needs
    return value * (read + shape.low) + layers + 4 * shape.norms + given


def training_operations(shape: Shape, lengths: Sequence[int], supervised: int) -> float:
    """One look at examples of these lengths in tokens, `supervised` tokens of them together.

    Backward through attention is 2.5 times forward, as flash attention recomputes the scores.
    """
    return (
        sum(lengths) * (4.0 * (shape.linear + shape.active * shape.experts) + 6.0 * shape.lora)
        + 6.0 * supervised * shape.head
        + 3.5 * _attention_operations(shape, lengths)
    )


def weighing_operations(shape: Shape, lengths: Sequence[int], supervised: int) -> float:
    """Of the loss on such examples, which is forward alone."""
    passed = shape.linear + shape.active * shape.experts + shape.lora
    layers = 2.0 * sum(lengths) * passed + _attention_operations(shape, lengths)
    return layers + 2.0 * supervised * shape.head


def reading_operations(shape: Shape, tokens: float) -> float:
    """Of a prompt of so many tokens: the forward pass alone, of which the head sees next to nothing."""
    return 2.0 * tokens * (shape.linear + shape.active * shape.experts) + _attention_operations(shape, [tokens])


def _attention_operations(shape: Shape, lengths: Sequence[float]) -> float:
    return 2.0 * shape.layers * shape.attention * sum(n * n for n in lengths)


def saved_seconds(shape: Shape, long: float, short: float) -> float:
    """Seconds a reply, on a card of one operation a second, that a prompt of `short` tokens saves against `long`."""
    return (reading_operations(shape, long) - reading_operations(shape, short)) / READING


def break_even(training_seconds: float, saved_seconds_a_reply: float) -> float:
    """Replies after which training has paid for itself on the same card; infinite where the prompt is no longer."""
    return training_seconds / saved_seconds_a_reply if saved_seconds_a_reply > 0 else math.inf
