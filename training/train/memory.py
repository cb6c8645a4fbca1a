"""What a recipe takes of a card's memory."""

from training.model.cost import Shape
from training.train.recipe import Recipe

ADAM = 16  # bytes a trained weight: its value, gradient and two moments, in float32


def memory(shape: Shape, recipe: Recipe, tokens: int, bytes_a_value: int, checkpointing: bool) -> float:
    """Peak bytes of a pass over `tokens` tokens: weights, optimiser, activations (the head works in small tiles).

    A layer keeps its inputs for the backward pass: around attention, in the feed-forward layer, and twice the hidden
    state in float32 for the norms. With checkpointing one hidden state a layer, and one layer in full.
    """
    value = 0.5 if recipe.quantised else bytes_a_value
    layer = bytes_a_value * (6 * shape.hidden + 2 * (shape.attention + shape.keys) + 4 * shape.inner) + 8 * shape.hidden
    layers = layer + bytes_a_value * shape.hidden * shape.layers if checkpointing else layer * shape.layers
    return shape.weights * value + ADAM * shape.lora + tokens * layers


def passes_that_fit(shape: Shape, recipe: Recipe, longest: int, bytes_a_value: int, free: float) -> tuple[int, bool]:
    """(passes, checkpointing): the fewest passes a step whose memory fits `free` bytes, before any is tried.

    Where the recipe says how many passes, only checkpointing is to be chosen.
    Checkpointing costs a third more operations, so it comes last: when one row alone would not fit.
    """
    row = recipe.pack_tokens or longest
    allowed = [False] if recipe.checkpointing is False else [True] if recipe.checkpointing is True else [False, True]
    choices = _divisors(recipe.batch) if recipe.passes == "auto" else [recipe.passes]
    for checkpointing in allowed:
        for passes in choices:
            if memory(shape, recipe, row * recipe.batch // passes, bytes_a_value, checkpointing) <= free:
                return passes, checkpointing
    return choices[-1], allowed[-1]


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]
