"""Bytes and kernels a token that training a decoder layer moves, by counting, and the speed that no card exceeds by it.

    python -m benchmarks.training.traffic [--shapes 0.6B 8B] [--ways trl eager compiled]

A layer with LoRA goes forward and backward over a row of 4,096 tokens on tensors without memory, in bfloat16 under
autocast, in float32 for the T4, which has no bfloat16. `before` and `eager` count each operation of torch as a kernel
that reads what it is given and writes what it gives; `before` is PEFT as it comes, which casts to float32 what LoRA
reads. `compiled` counts the kernels into which inductor fuses the same layer, by its own scheduler, for a CPU: for a
card it may fuse otherwise, by the same rules. Attention is one kernel in all of them. Head and embeddings are not
counted, the head's operations are.

Beside our ways stand others' defaults, by what their settings say: `trl` is SFTConfig (float32 weights under autocast,
checkpointing, 8 padded rows a pass), `factory` is LLaMA-Factory 0.9.5 (weights in bfloat16, checkpointing, 8 padded
rows of a multiple of 8, logits of all tokens). Tokens are those of documents, and padding counts for nothing; their
attention under a mask is counted as if it were a kernel for packed rows, which flatters them. Unsloth's layers are
kernels of Triton and its own sums, which operations of torch do not tell.

Seconds of a kernel are bytes over bandwidth or operations over peak, whichever is more: nothing waits, and matrices are
multiplied at the data sheet's rate, so no card is as fast. The figures compare ways; they foretell no run. So it is
with the minutes of an evaluation: prompts are read at the peak, and a step of writing reads all weights once and the
keys and values of every row.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import library
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import checkpoint

from benchmarks.corruption.tables import head
from benchmarks.corruption.tables import row as row_of
from benchmarks.results import RESULTS
from benchmarks.training.gpu import RANK, SHAPES, documents
from training.model.cost import CARDS, Shape, reading_operations, training_operations
from training.model.layout import answers_on_one

TOKENS, LENGTH, SUPERVISED = 4096, 512, 0.4  # of a row; of a conversation in it; share that is learnt
BANDWIDTH = {"H200": 4.8e12, "A100": 2.04e12, "RTX 4090": 1.01e12, "T4": 0.32e12}  # bytes a second, by data sheets
# Of an evaluation: replies a conversation, tokens of a prompt and of a reply, and replies in step.
ARMS, CONVERSATIONS, REPLIES, PROMPT, WRITTEN, IN_STEP = 5, 200, 3, 600, 90, 72
MANY = (1, 8)  # cards
WAYS = ("trl", "factory", "before", "eager", "compiled")
ROWS = 8  # a pass, by the defaults of transformers' trainer
OTHERS = {"trl": "TRL", "factory": "LLaMA-Factory", "eager": "LoRA in bfloat16", "compiled": "compiled"}
PLACE = RESULTS / "traffic.json"
FREE = ("prim.", "aten.empty", "aten.detach", "aten._unsafe_view")  # beginnings of operations that move nothing


@dataclass(frozen=True)
class Kernel:
    """One of a pass over a row."""

    bytes: float
    operations: float


@library.custom_op("counted::attention", mutates_args=())
def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Of a row, as one kernel; never computed."""
    return torch.empty_like(query)


@library.custom_op("counted::attention_backward", mutates_args=())
def attention_backward(
    gradient: torch.Tensor, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, out: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Likewise."""
    return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)


attention.register_fake(lambda query, key, value: torch.empty_like(query))
attention_backward.register_fake(
    lambda gradient, query, key, value, out: tuple(map(torch.empty_like, (query, key, value)))
)
attention.register_autograd(
    lambda ctx, gradient: attention_backward(gradient, *ctx.saved_tensors),
    setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs, output),
)


def attend(_module: Any, query: Any, key: Any, value: Any, _mask: Any, **_rest: Any) -> Any:
    """For transformers: (1, tokens, heads, size)."""
    kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else value.dtype
    rows = [side.to(kind).transpose(1, 2).contiguous() for side in (query, key, value)]
    return attention(*rows), None


def main() -> None:
    """Counts every shape and way, and prints both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shapes", nargs="+", choices=sorted(SHAPES), default=["0.6B", "1.7B", "4B", "8B"])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    asked = parser.parse_args()
    found = []
    for shape, way in product(asked.shapes, asked.ways):
        found.append(row(shape, way))
        print(line(found[-1]), flush=True)
    if (asked.shapes, asked.ways) == (parser.get_default("shapes"), WAYS):
        PLACE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def row(shape: str, way: str) -> dict[str, Any]:
    """Megabytes a token of a document and kernels a pass, and tokens a second at most on each card."""
    config = sizes(shape)
    real = TOKENS * share_of_documents(way)
    kernels, in_float32 = counted(config, way, torch.bfloat16), counted(config, way, torch.float32)
    layers = config.num_hidden_layers
    lengths = [LENGTH] * (TOKENS // LENGTH)
    at_the_head = (4.0 * TOKENS if way == "factory" else 6.0 * SUPERVISED * real) * Shape.of(config, RANK).head
    products = sum(kernel.bytes for kernel in kernels if kernel.operations)
    return {
        "shape": shape,
        "way": way,
        "megabytes": layers * sum(kernel.bytes for kernel in kernels) / real / 1e6,
        "beside_products": layers * sum(kernel.bytes for kernel in kernels if not kernel.operations) / real / 1e6,
        "products": layers * products / real / 1e6,
        "kernels": layers * len(kernels),
        "tokens_s": {
            card: real
            / (
                layers * sum(seconds(one, card) for one in (kernels if CARDS[card].bfloat16 else in_float32))
                + at_the_head / CARDS[card].peak
            )
            for card in BANDWIDTH
        },
        "evaluation_s": {card: {n: evaluation_seconds(config, card, n) for n in MANY} for card in BANDWIDTH},
        "operations": training_operations(Shape.of(config, RANK), lengths, int(SUPERVISED * TOKENS)) / TOKENS,
    }


def evaluation_seconds(config: Any, card: str, cards: int) -> float | None:
    """At least, for ARMS arms to answer CONVERSATIONS, one arm after the other, by so many cards that each hold the
    model; None where one does not.
    """
    shape, numbers = Shape.of(config, RANK), CARDS[card].numbers
    if not answers_on_one(shape, numbers, CARDS[card].memory):
        return None
    replies = math.ceil(CONVERSATIONS * REPLIES / cards)  # of an arm on a card
    reading = replies * reading_operations(shape, PROMPT) / CARDS[card].peak
    steps = max(replies / IN_STEP, 1) * WRITTEN
    cached = min(replies, IN_STEP) * (PROMPT + WRITTEN / 2) * shape.keys * shape.layers
    return ARMS * (reading + steps * numbers.value * (shape.linear + shape.head + cached) / BANDWIDTH[card])


def share_of_documents(way: str) -> float:
    """Of the tokens that a pass computes, those that are no padding."""
    if way not in ("trl", "factory"):
        return 1.0
    lengths = [len(one["input_ids"]) for one in documents(1000, 2**20)]
    rows = [lengths[at : at + ROWS] for at in range(0, len(lengths) - ROWS + 1, ROWS)]
    whole = 8 if way == "factory" else 1
    return sum(map(sum, rows)) / sum(len(row) * whole * math.ceil(max(row) / whole) for row in rows)


def seconds(kernel: Kernel, card: str) -> float:
    """At least, on a card by its data sheet."""
    return max(kernel.bytes / BANDWIDTH[card], kernel.operations / CARDS[card].peak)


def line(row: dict[str, Any]) -> str:
    speeds = "".join(f"{card} {rate:>9,.0f}  " for card, rate in row["tokens_s"].items())
    return (
        f"{row['shape']:>5} {row['way']:<9}{row['megabytes']:>8.2f} MB a token, {row['beside_products']:.2f} of it "
        f"beside products, {row['kernels']:>6,} kernels a row  {speeds} "
        + "evaluation, minutes: "
        + ", ".join(f"{card} {minutes(found)}" for card, found in row["evaluation_s"].items())
    )


def minutes(found: Mapping[int, float | None]) -> str:
    """On one card and on several."""
    return " / ".join("-" if one is None else f"{one / 60:.1f}" for one in found.values())


def markdown(found: Sequence[Mapping[str, Any]]) -> str:
    """Bytes, kernels and speed by way; then the evaluation."""
    by_way: dict[str, dict[str, Mapping[str, Any]]] = {}
    for one in found:
        by_way.setdefault(one["shape"], {})[one["way"]] = one
    told = ", ".join(OTHERS.values())
    columns = head(
        "Qwen 3", f"MB a token: {told}", "kernels a pass", *(f"tokens/s at most: {card}" for card in BANDWIDTH)
    )
    speeds = [
        row_of(
            shape,
            ", ".join(f"{ways[way]['megabytes']:.0f}" for way in OTHERS),
            ", ".join(f"{ways[way]['kernels']:,}" for way in OTHERS),
            *(", ".join(_thousands(ways[way]["tokens_s"][card]) for way in OTHERS) for card in BANDWIDTH),
        )
        for shape, ways in by_way.items()
    ]
    answers = head("minutes of an evaluation, 1 card / 8 cards", *BANDWIDTH)
    evaluated = [
        row_of(shape, *(minutes(ways["compiled"]["evaluation_s"][card]) for card in BANDWIDTH))
        for shape, ways in by_way.items()
    ]
    return "\n".join([*columns, *speeds, "", *answers, *evaluated]) + "\n"


def _thousands(rate: float) -> str:
    return f"{rate / 1e3:,.1f}k" if rate < 1e4 else f"{rate / 1e3:,.0f}k"


def sizes(shape: str) -> Any:
    """Of Qwen 3."""
    from transformers import Qwen3Config

    return Qwen3Config(**SHAPES[shape], tie_word_embeddings=shape != "8B", attn_implementation="counted")


def counted(config: Any, way: str, numbers: torch.dtype) -> list[Kernel]:
    """Kernels of one layer forward and backward over a row."""
    from peft.helpers import disable_input_dtype_casting
    from transformers import AttentionInterface

    AttentionInterface.register("counted", attend)
    model = tuned(config, torch.float32 if way == "trl" else numbers)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        layer, given = materialised(model, mode)
        with disable_input_dtype_casting(layer, active=way in ("eager", "compiled")):
            if way == "compiled":
                return compiled(layer, given)
            seen = Seen()
            with seen:
                passed(layer, given, numbers == torch.bfloat16, checkpointing=way in ("trl", "factory"))
            return seen.kernels


def passed(layer: Any, given: tuple[Any, ...], autocast: bool, checkpointing: bool = False) -> None:
    """Forward and backward; forward twice with checkpointing."""
    hidden, rotary = given
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        if checkpointing:
            out: Any = checkpoint(
                layer, hidden, position_embeddings=rotary, use_reentrant=False, preserve_rng_state=False
            )
        else:
            out = layer(hidden, position_embeddings=rotary)
    out.backward(torch.empty_like(out))


def tuned(config: Any, numbers: torch.dtype) -> Any:
    """A model of one layer with LoRA, on no device."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    one = type(config)(**{**config.to_dict(), "num_hidden_layers": 1, "layer_types": None})
    one._attn_implementation = "counted"
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(one, dtype=numbers)  # type: ignore[no-untyped-call]
        return get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=RANK)).train()


def materialised(model: Any, mode: FakeTensorMode) -> tuple[Any, tuple[Any, Any]]:
    """The layer on a CPU without memory, and what it is given."""
    layer = model.get_base_model().model.layers[0]
    for module in layer.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                fake = torch.empty(weight.shape, dtype=weight.dtype)
                module._parameters[name] = torch.nn.Parameter(fake, requires_grad=weight.requires_grad)
    config = model.get_base_model().config
    numbers = config.dtype
    hidden = torch.empty(1, TOKENS, config.hidden_size, dtype=numbers, requires_grad=True)
    rotary = tuple(torch.empty(1, TOKENS, config.head_dim, dtype=numbers) for _ in range(2))
    return layer, (hidden, rotary)


class Seen(TorchDispatchMode):
    """Every operation that is more than another look at the same memory, as a kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels: list[Kernel] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        if not function.is_view and not str(function).startswith(FREE):
            read, written = tensors((args, kwargs)), tensors(out)
            moved = float(sum(nbytes(one) for one in (*read, *written)))
            self.kernels.append(Kernel(moved, operations_of(function, args, out)))
        return out


def tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def nbytes(tensor: torch.Tensor) -> int:
    """What lies behind a tensor: one number that is spread over many is one."""
    sizes = (size for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride)
    many = 1
    for size in sizes:
        many *= size
    return many * tensor.element_size()


def operations_of(function: Any, args: Any, out: Any) -> float:
    """Of products of matrices, and of attention over conversations of LENGTH tokens; 0 of all else."""
    from torch.utils.flop_counter import flop_registry

    name = str(function)
    if name.startswith("counted"):
        query = args[1 if "backward" in name else 0]
        forward = 2.0 * query.numel() * LENGTH  # scores and values, half of the square
        return 2.5 * forward if "backward" in name else forward
    known: Callable[..., Any] | None = flop_registry.get(function.overloadpacket)
    return float(known(*args, out_val=out)) if known else 0.0


def compiled(layer: Any, given: tuple[Any, Any]) -> list[Kernel]:
    """By inductor's scheduler; nothing is written for a device, nothing runs."""
    from torch._dynamo.backends.common import aot_autograd
    from torch._functorch.partitioners import min_cut_rematerialization_partition
    from torch._inductor.decomposition import select_decomp_table

    kernels: list[Kernel] = []
    backend = aot_autograd(
        fw_compiler=partial(scheduled, kernels=kernels),
        bw_compiler=partial(scheduled, kernels=kernels),
        partition_fn=min_cut_rematerialization_partition,
        decompositions=select_decomp_table,
    )
    layer.compile(backend=backend, fullgraph=True, dynamic=False)
    passed(layer, given, autocast=given[0].dtype == torch.bfloat16)
    return kernels


def scheduled(graph: Any, inputs: Iterable[Any], kernels: list[Kernel]) -> Any:
    """Notes the kernels of a graph; what stands in for it gives tensors without memory."""
    from torch._functorch._aot_autograd.utils import make_boxed_func
    from torch._inductor.debug import DebugContext
    from torch._inductor.fx_passes.joint_graph import joint_graph_passes
    from torch._inductor.fx_passes.post_grad import post_grad_passes
    from torch._inductor.graph import GraphLowering
    from torch._inductor.virtualized import V

    mode = next(one.fake_mode for one in inputs if isinstance(one, torch._subclasses.FakeTensor))
    joint_graph_passes(graph)
    with V.set_fake_mode(mode):
        post_grad_passes(graph, is_inference=False)
    lowering = GraphLowering(graph, example_inputs=list(inputs))
    with V.set_graph_handler(lowering), V.set_fake_mode(mode), V.set_debug_handler(DebugContext()):
        lowering.run(*inputs)
        lowering._update_scheduler()
        nodes = [node for node in lowering.scheduler.nodes if not node.is_foreach() and moves(node)]
        kernels.extend(Kernel(float(node.get_read_write_buffers_sizes()), flops(node)) for node in nodes)
    return make_boxed_func(graph.forward)


def moves(node: Any) -> bool:
    return type(node).__name__ != "NopKernelSchedulerNode" and node.get_read_write_buffers_sizes() > 0


def flops(node: Any) -> float:
    origin = getattr(node.node, "fx_node", None) or (node.node and node.node.get_origin_node())
    if origin is None or not node.is_extern():
        return 0.0
    values = torch.fx.map_arg(origin.args, lambda one: one.meta["val"])
    return operations_of(origin.target, values, origin.meta["val"])


if __name__ == "__main__":
    main()
