"""Rows of several conversations where the model keeps them apart, else padded rows of one: found out before the run."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from training.model.attention import use_attention
from training.model.isolation import attend_apart
from training.model.recipe import Recipe
from training.model.template import IGNORED

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def rows_apart(base: "PreTrainedModel", recipe: Recipe, lengths: Sequence[int]) -> Recipe:
    """Sets how the model attends, and returns the recipe, unpacked where conversations of one row would see each other.

    Says so on stderr, with the model's name and how far its logits were moved.
    """
    if not (recipe.flat and _may_hold_several(recipe)):
        use_attention(base, recipe.attention, packed=False)
        return recipe
    found = attend_apart(base, recipe.attention)
    if found.packed:
        return recipe
    name = base.config._name_or_path or type(base).__name__
    figures = "; ".join(map(str, found.tried))
    print(
        f"train: {name} does not keep conversations apart that share a row (its logits move, as a share of their "
        f"spread, {figures}), so each has a row of its own: the same is learnt, with more padding to compute",
        file=sys.stderr,
        flush=True,
    )
    return unpacked(recipe, lengths)


def unpacked(recipe: Recipe, lengths: Sequence[int]) -> Recipe:
    """One conversation a row, and about as many tokens a step as before."""
    rows = round((recipe.row or 0) * len(lengths) / sum(lengths))
    return recipe.model_copy(update={"flat": False, "pack_tokens": None, "batch": recipe.rows * max(rows, 1)})


def of_one_length(
    collate: Callable[[Any], dict[str, Any]], tokens: int, longest: int
) -> Callable[[Any], dict[str, Any]]:
    """A collator whose packed rows are all of so many tokens and told to hold a document of `longest`."""
    return lambda examples: filled(collate(examples), tokens, longest)


def filled(batch: dict[str, Any], tokens: int, longest: int) -> dict[str, Any]:
    """A packed row filled up to `tokens` with documents of padding, which nothing is learnt from and nobody sees.

    Compiled layers meet one shape then. A row that is full, or longer, is filled with nothing.
    """
    import torch

    lacking = max(0, tokens - batch["input_ids"].shape[1])
    sizes = [longest] * (lacking // longest) + [lacking % longest] * (lacking % longest > 0)
    starts = batch["cu_seq_lens_q"]
    ends = starts[-1] + torch.tensor(sizes, dtype=starts.dtype).cumsum(0, dtype=starts.dtype)
    starts = torch.cat([starts, ends])
    more = {
        "input_ids": torch.zeros(lacking),
        "labels": torch.full((lacking,), IGNORED),
        "position_ids": torch.cat([torch.arange(0), *map(torch.arange, sizes)]),
        "seq_idx": len(batch["cu_seq_lens_q"]) - 1 + torch.repeat_interleave(torch.tensor(sizes, dtype=torch.long)),
    }
    longer = {
        name: torch.cat([batch[name], value[None].to(batch[name].dtype)], dim=1)
        for name, value in more.items()
        if name in batch
    }
    length = max(longest, int(batch["max_length_q"]))
    sides = {"cu_seq_lens_q": starts, "cu_seq_lens_k": starts, "max_length_q": length, "max_length_k": length}
    return batch | longer | sides


def _may_hold_several(recipe: Recipe) -> bool:
    """A CPU computes one row a pass where the recipe does not say how many passes; a GPU as many as fit."""
    import torch

    if recipe.passes == "auto":
        return recipe.pack_tokens is not None or (recipe.rows > 1 and torch.cuda.is_available())
    return recipe.pack_tokens is not None or recipe.rows > recipe.passes
