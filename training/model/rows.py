"""Rows of several conversations where the model keeps them apart, else padded rows of one: found out before the run."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from training.model.attention import use_attention
from training.model.isolation import attend_apart
from training.model.recipe import Recipe

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


def _may_hold_several(recipe: Recipe) -> bool:
    """A CPU computes one row a pass where the recipe does not say how many passes; a GPU as many as fit."""
    import torch

    if recipe.passes == "auto":
        return recipe.pack_tokens is not None or (recipe.rows > 1 and torch.cuda.is_available())
    return recipe.pack_tokens is not None or recipe.rows > recipe.passes
