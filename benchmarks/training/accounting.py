"""A training step on tensors without memory, and how much they would have taken: a card that is not there."""

import weakref
from functools import partial
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from training.model.cost import NF4, STEPPED, TILE, Numbers
from training.model.targets import tuned_layers


class Live(TorchDispatchMode):
    """Bytes of all tensors that live, now and at most."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: dict[int, int] = {}

    def note(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self.known:
            self.known[key] = storage.nbytes()
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._gone, key)

    def _gone(self, key: int) -> None:
        self.now -= self.known.pop(key)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self.note(tensor)
        return out


class Resized(Live):
    """The same where storages are emptied and filled again, as FSDP2 does with whole weights."""

    def __init__(self) -> None:
        super().__init__()
        self.storages: dict[int, Any] = {}

    def note(self, tensor: torch.Tensor) -> None:
        super().note(tensor)
        storage = tensor.untyped_storage()
        self.storages.setdefault(storage._cdata, weakref.ref(storage))

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = super().__torch_dispatch__(function, types, args, kwargs)
        for key in self.known:
            storage = self.storages[key]()
            if storage is not None and storage.nbytes() != self.known[key]:
                self.now += storage.nbytes() - self.known[key]
                self.known[key] = storage.nbytes()
        self.peak = max(self.peak, self.now)
        return out

    def _gone(self, key: int) -> None:
        super()._gone(key)
        self.storages.pop(key, None)


class Kernel(torch.autograd.Function):
    """What a fused attention keeps: queries, keys, values, what it gives, and a sum for each head."""

    @staticmethod
    def forward(ctx: Any, query: Any, key: Any, value: Any) -> Any:
        out = torch.empty_like(query.transpose(1, 2).contiguous())
        ctx.save_for_backward(query, key, value, out, query.new_empty(query.shape[:3], dtype=torch.float32))
        return out

    @staticmethod
    def backward(ctx: Any, _gradient: Any) -> Any:
        return tuple(map(torch.empty_like, ctx.saved_tensors[:3]))


def attend(_module: Any, query: Any, key: Any, value: Any, _mask: Any, **_rest: Any) -> Any:
    """As varlen in 16 bits; in 32 as SDPA under a mask, which repeats keys and values for each head."""
    kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else value.dtype
    query, key, value = (side.to(kind) for side in (query, key, value))
    if kind == torch.float32:
        key, value = (side.repeat_interleave(query.shape[1] // side.shape[1], dim=1) for side in (key, value))
    return Kernel.apply(query, key, value), None


def peak_bytes(config: Any, tokens: int, rank: int, numbers: Numbers, checkpointing: bool) -> int:
    """Of a step of LoRA on a row of so many tokens, the head by the tiles of TRL."""
    from peft.helpers import disable_input_dtype_casting

    model = _tuned(config, rank, numbers)
    live = Live()
    with FakeTensorMode(allow_non_fake_inputs=True), live:
        _without_memory(model)
        if checkpointing:
            model.get_base_model().activation_checkpointing_enable()
            model.enable_input_require_grads()
        tuned = [weight for weight in model.train().parameters() if weight.requires_grad]
        beside = [torch.empty_like(weight) for weight in tuned for _ in ("gradient", "moment", "moment")]
        ids = torch.zeros(1, tokens, dtype=torch.long)
        in_bf16 = numbers.value == 2
        with disable_input_dtype_casting(model, in_bf16), torch.autocast("cpu", torch.bfloat16, enabled=in_bf16):
            out = model.get_base_model().base_model(input_ids=ids, position_ids=ids, use_cache=False)
        hidden = out.last_hidden_state
        del out
        head = torch.empty(min(tokens, TILE[0]), TILE[1], dtype=torch.bfloat16 if numbers.value == 2 else torch.float32)
        del head
        hidden.backward(torch.empty_like(hidden), inputs=tuned)
        del beside
    return live.peak


def peak_bytes_of_one(config: Any, tokens: int, rank: int, checkpointing: bool, cards: int) -> float:
    """The same of one of several processes that share the weights out (FSDP2), in bfloat16; the others are not there.

    Its shares are counted by their sizes: what wraps tensors without memory keeps the whole weights too. For a process
    of its own, since torch takes one group of processes.
    """
    import gc

    from peft.helpers import disable_input_dtype_casting
    from torch import distributed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.testing._internal.distributed.fake_pg import FakeStore

    distributed.init_process_group("fake", rank=0, world_size=cards, store=FakeStore())
    mesh = init_device_mesh("cpu", (cards,))
    model = _tuned(config, rank, Numbers(2, 2))
    live = Resized()
    with FakeTensorMode(allow_non_fake_inputs=True), live:
        _without_memory(model)
        base = model.get_base_model()
        whole = {weight for weight in model.parameters() if weight.requires_grad}
        share = partial(fully_shard, mesh=mesh, ignored_params=whole)
        for part in base.model.layers:
            share(part)
        if not config.tie_word_embeddings:  # as transformers' loader has it: norm and head stay whole
            share(base.model.embed_tokens)
            share([base.model.norm, base.lm_head], reshard_after_forward=False)
        share(base)
        gc.collect()
        live.peak = before = live.now
        if checkpointing:
            base.activation_checkpointing_enable()
        model.train()
        ids, asked = torch.zeros(1, tokens, dtype=torch.long), torch.zeros(1, dtype=torch.long)
        with disable_input_dtype_casting(model, True), torch.autocast("cpu", torch.bfloat16):
            out = base(input_ids=ids, position_ids=ids, use_cache=False, logits_to_keep=asked).logits
        head = torch.empty(min(tokens, TILE[0]), TILE[1], dtype=torch.bfloat16)
        del head
        out.backward(torch.empty_like(out), inputs=[*whole])
    trained = sum(weight.numel() for weight in whole)
    frozen = sum(weight.numel() for weight in model.parameters()) - trained
    return 2 * frozen / cards + STEPPED * trained + (live.peak - before)


def _tuned(config: Any, rank: int, numbers: Numbers) -> Any:
    """A model with LoRA, on no device."""
    from peft import LoraConfig, get_peft_model
    from transformers import AttentionInterface, AutoModelForCausalLM

    AttentionInterface.register("accounted", attend)
    config._attn_implementation = "accounted"
    kept = torch.bfloat16 if numbers.weight == 2 else torch.float32
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config, dtype=kept)  # type: ignore[no-untyped-call]
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", target_modules=tuned_layers(model), r=rank))
        if numbers.quantised:
            _round(model)
    return model


class Rounded(torch.autograd.Function):
    """What a linear layer in nf4 does (bitsandbytes' MatMul4Bit): its weights are made whole, used, and thrown away."""

    @staticmethod
    def forward(ctx: Any, given: Any, packed: Any, sizes: tuple[int, int]) -> Any:
        ctx.sizes = sizes
        ctx.save_for_backward(packed)  # which is there anyhow
        return given @ given.new_empty(sizes).T

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return gradient @ gradient.new_empty(ctx.sizes), None, None


def _round(model: Any) -> None:
    """Frozen linear weights to nf4, LoRA's to bfloat16, as TRL has them beside it."""
    for module in model.modules():
        base = getattr(module, "base_layer", None)
        if isinstance(base, torch.nn.Linear):
            sizes = (base.out_features, base.in_features)
            packed = torch.empty(round(NF4 * base.weight.numel()), dtype=torch.uint8)
            base._parameters["weight"] = torch.nn.Parameter(packed, requires_grad=False)
            base.forward = partial(_rounded, base, sizes)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.to(torch.bfloat16)


def _rounded(base: Any, sizes: tuple[int, int], given: Any) -> Any:
    kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else given.dtype
    return Rounded.apply(given.to(kind), base.weight, sizes)


def _without_memory(model: Any) -> None:
    made: dict[int, Any] = {}
    for module in model.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    tensors[name] = made.setdefault(id(tensor), tensor) if id(tensor) in made else _fake(tensor, made)


def _fake(tensor: Any, made: dict[int, Any]) -> Any:
    fake = torch.empty(tensor.shape, dtype=tensor.dtype)
    if isinstance(tensor, torch.nn.Parameter):
        fake = torch.nn.Parameter(fake, requires_grad=tensor.requires_grad)
    made[id(tensor)] = fake
    return fake
