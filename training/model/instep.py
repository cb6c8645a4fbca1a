"""Several replies written in step, over keys and values that their prompts share once and those of each alone.

Writing is bound by memory: a step reads all weights, whether for one reply or for thirty. What then grows is the
attention, so keys and values of a shared beginning are kept and read once (Juravsky et al. 2024, *Hydragen*), and each
row's own grow in place. Rows of about one length stand together: what is empty behind the shorter ones is read, too.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from training.model.cost import FREE
from training.model.shared import PACK, Reader, Rows, alike, packs

if TYPE_CHECKING:
    from torch import Tensor, device

    Sides = tuple[Tensor, Tensor]  # keys and values

NAME = "qirat_in_step"
ON_A_CPU = 5 * 2**29  # bytes: 140 replies of 90 tokens by SmolLM2, to prompts of 600; weights and the rest come on top
PARTS = 4  # of about one length, on a CPU; on a GPU, where a step waits for its calls and not for memory, one
_LOCK = Lock()
_WRITING: "WeakKeyDictionary[Any, tuple[str, int]]" = WeakKeyDictionary()  # attention before, how many write


@dataclass(frozen=True)
class Beside:
    """A row that is read, and not written on."""

    row: list[int]
    wanted: list[int]  # places, ascending, at least one
    found: "Callable[[Tensor], None]"  # is given the logits (places, vocabulary) behind them


@dataclass
class Part:
    """Rows of about one length: what they do not share with the others."""

    rows: "Tensor"  # places among all rows; as `hidden` on the card of the first layer, keys and values on their own
    own: "list[Sides]"  # a layer each, (rows, key heads, places, size), filled from the left
    hidden: "Tensor"  # (rows, 1, 1, places), added to the scores: nothing, or so much that the place is not seen
    filled: int  # places

    @classmethod
    def of(cls, rows: Sequence[int], alone: Sequence[int], more: int, layers: "Sequence[Sides]") -> "Part":
        """These rows, each with so many tokens `alone`, with places for `more`; nothing is filled in yet."""
        import torch

        keys, longest = layers[0][0], max(alone)
        places = torch.arange(longest + more, device=keys.device)
        empty = (places >= torch.tensor(alone, device=keys.device)[:, None]) & (places < longest)
        hidden = torch.zeros(empty.shape, dtype=keys.dtype, device=keys.device)
        hidden = hidden.masked_fill(empty, torch.finfo(keys.dtype).min)[:, None, None]
        own = [_room(sides, len(rows), longest + more) for sides in layers]
        return cls(torch.tensor(rows, device=keys.device), own, hidden, longest)

    def extended(self, layer: int, key: "Tensor", value: "Tensor") -> "tuple[Tensor, Tensor]":
        """A layer's own keys and values with one more of all rows' (rows, key heads, 1, size)."""
        keys, values = self.own[layer]
        rows = self.rows.to(key.device)
        keys[:, :, self.filled], values[:, :, self.filled] = key[rows, :, 0], value[rows, :, 0]
        return keys[:, :, : self.filled + 1], values[:, :, : self.filled + 1]

    def select(self, places: "Tensor") -> bool:
        """Goes on with the rows that have a place in (all rows,), -1 for none; false where none has."""
        moved = places.to(self.rows.device)[self.rows]
        kept = (moved >= 0).nonzero()[:, 0]
        self.rows, self.hidden = moved[kept], self.hidden[kept]
        for layer, (keys, values) in enumerate(self.own):  # one after the other: never two of all of them
            there = kept.to(keys.device)
            self.own[layer] = (keys[there], values[there])
        return len(kept) > 0


@dataclass
class InStep:
    """Rows of tokens that a model has read, and goes on writing."""

    model: Any
    logits: "Tensor"  # (rows, vocabulary) behind the last token of each
    shared: "list[Sides]"  # a layer each, (key heads, tokens, size)
    parts: list[Part]
    lengths: "Tensor"  # (rows,) tokens so far

    @classmethod
    def of(cls, reader: Reader, rows: Rows, more: int, pack: int = PACK, beside: "Sequence[Beside]" = ()) -> "InStep":
        """Sorted rows, read in packs of `pack` tokens, with places for `more` tokens each.

        What is read `beside` them goes on from one of the rows, so that row is not read twice.
        """
        import torch

        common = alike(rows[0], rows[-1])
        alone = [len(row) - common for row in rows]
        logits: dict[int, Tensor] = {}
        shared: list[Sides] = []
        parts: list[Part] = []
        whole = [*rows, *(one.row for one in beside)]
        wanted = [*([len(row) - 1] for row in rows), *(one.wanted for one in beside)]
        for indices in packs(whole, pack):
            found, paths = reader.read([whole[i] for i in indices], [wanted[i] for i in indices])
            split = torch.split(found, [len(wanted[i]) for i in indices])
            layers = [(layer.keys[0], layer.values[0]) for layer in reader.cache.layers]
            if not shared:
                shared = [_at(sides, paths[0][:common]) for sides in layers]
                groups = of_one_length(alone, found.device)
                parts = [Part.of(group, [alone[row] for row in group], more, layers) for group in groups]
                standing = {row: (part, at) for part in parts for at, row in enumerate(part.rows.tolist())}
            for index, path, its in zip(indices, paths, split, strict=True):
                if index < len(rows):
                    logits[index] = its
                    part, at = standing[index]
                    _fill(part.own, at, layers, path[common:])
                else:
                    beside[index - len(rows)].found(its)
        begun = torch.cat([logits[index] for index in range(len(rows))])
        return cls(reader.model, begun, shared, parts, torch.tensor([*map(len, rows)], device=begun.device))

    def write(self, tokens: "Tensor") -> "Tensor":
        """The logits (rows, vocabulary) behind one more token a row."""
        with _attending(self.model):
            out = self.model(
                input_ids=tokens[:, None],
                position_ids=self.lengths[:, None],
                attention_mask=self.logits.new_zeros(len(tokens), 1, 1, 1),  # the parts have their own
                use_cache=False,
                logits_to_keep=1,
                talks=self,
            )
        for part in self.parts:
            part.filled += 1
        self.lengths = self.lengths + 1
        self.logits = out.logits[:, -1]
        return self.logits

    def select(self, rows: "Tensor") -> None:
        """Goes on with these rows alone."""
        places = self.lengths.new_full(self.lengths.shape, -1)
        places[rows] = rows.new_tensor(range(len(rows)))
        self.parts = [part for part in self.parts if part.select(places)]
        self.lengths, self.logits = self.lengths[rows], self.logits[rows]


def of_one_length(lengths: Sequence[int], place: "device") -> list[list[int]]:
    """The rows' places in parts of about one length, as many as pay for themselves on such a machine."""
    count = min(len(lengths), PARTS if place.type == "cpu" else 1)
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    ends = [len(order) * part // count for part in range(count + 1)]
    return [order[start:end] for start, end in pairwise(ends)]


def token_bytes(model: Any) -> int:
    """What the keys and values of a token take in all layers, by the model's sizes."""
    text = model.config.get_text_config()
    size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    return int(2 * text.num_hidden_layers * heads * size * model.dtype.itemsize)


def places_alone(rows: Rows, more: int, place: "device") -> int:
    """Tokens that `InStep.of` keeps room for in these sorted rows, beside those that they begin with alike."""
    common = alike(rows[0], rows[-1])
    groups = of_one_length([len(row) - common for row in rows], place)
    return sum(len(group) * (max(len(rows[at]) for at in group) - common + more) for group in groups)


def room(model: Any) -> int:
    """Bytes that all keys and values of replies in step may take.

    On a GPU a quarter of its memory, or half of what weights leave where that is less; so on each of several that hold
    layers.
    """
    import torch

    if model.device.type != "cuda":
        return ON_A_CPU
    held = Counter[Any]()
    for weights in model.parameters():
        held[weights.device] += weights.numel() * weights.element_size()
    memory = {place: torch.cuda.get_device_properties(place).total_memory for place in held}
    least = min(min(memory[place] // 4, int(FREE * memory[place] - held[place]) // 2) for place in held)
    return max(least, 0) * len(held)


def _at(sides: "Sides", path: Any) -> "Sides":
    """Keys and values (key heads, tokens, size) of the tokens on a path."""
    import torch

    places = torch.as_tensor(path, device=sides[0].device)
    return sides[0][:, places], sides[1][:, places]


def _fill(own: "Sequence[Sides]", row: int, layers: "Sequence[Sides]", path: Any) -> None:
    """Copies the keys and values on a path to the beginning of a row's own places, layer by layer."""
    for rooms, sides in zip(own, layers, strict=True):
        for room, side in zip(rooms, _at(sides, path), strict=True):
            room[row, :, : side.shape[1]] = side


def _room(sides: "Sides", rows: int, places: int) -> "Sides":
    """(rows, key heads, places, size), all zero: what is not seen must still be numbers."""
    keys, values = (side.new_zeros(rows, side.shape[0], places, side.shape[2]) for side in sides)
    return keys, values


@contextmanager
def _attending(model: Any) -> Iterator[None]:
    """Attention as `_attend` computes it, for all threads that write with the model, until the last is through."""
    from transformers import AttentionInterface

    with _LOCK:
        AttentionInterface.register(NAME, _attend)
        before, writing = _WRITING.get(model, (model.config._attn_implementation, 0))
        _WRITING[model] = (before, writing + 1)
        if not writing:
            model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        with _LOCK:
            before, writing = _WRITING.pop(model)
            if writing > 1:
                _WRITING[model] = (before, writing - 1)
            else:
                model.set_attn_implementation(before)


def _attend(  # noqa: PLR0913 - transformers' signature
    module: Any,
    query: "Tensor",
    key: "Tensor",
    value: "Tensor",
    attention_mask: "Tensor",
    scaling: float | None = None,
    *,
    talks: InStep | None = None,
    softcap: float | None = None,
    s_aux: "Tensor | None" = None,
    **_rest: Any,
) -> "tuple[Tensor, None]":
    """query (rows, heads, 1, size), key and value (rows, key heads, 1, size) -> (rows, 1, heads, size)."""
    import torch

    if talks is None:  # another thread reads
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling)
    if softcap is not None or s_aux is not None:
        raise NotImplementedError("scores that are capped or have sinks")
    all_keys, all_values = talks.shared[module.layer_idx]
    count, heads, _, size = query.shape
    groups, tokens = all_keys.shape[:2]
    asked = query.reshape(count, groups, heads // groups, size) * (scaling or 1 / math.sqrt(size))
    out = torch.empty_like(asked)

    def at_once(of_rows: "Tensor", shared: "Tensor") -> "Tensor":
        """(rows, groups, n, m) times (groups, m, k), the rows as one; nothing may be shared."""
        many, _, each, inner = of_rows.shape
        joined = of_rows.transpose(0, 1).reshape(groups, many * each, inner) @ shared
        return joined.reshape(groups, many, each, shared.shape[-1]).transpose(0, 1)

    for part in talks.parts:
        keys, values = part.extended(module.layer_idx, key, value)
        rows = part.rows.to(query.device)
        its = asked[rows]
        alone = its @ keys.mT + part.hidden[..., : part.filled + 1].to(query.device)
        weights = torch.cat([at_once(its, all_keys.mT), alone], dim=-1).softmax(dim=-1, dtype=torch.float32)
        weights = weights.to(query.dtype)
        out[rows] = at_once(weights[..., :tokens], all_values) + weights[..., tokens:] @ values
    return out.reshape(count, 1, heads, -1), None
