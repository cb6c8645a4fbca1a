"""Replies that begin where others have ended, by the library's continuous batching: no row waits for the longest.

Which model can be written so, and comes to the same tokens, is tried on a few prompts.
"""

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from training.model.instep import room, token_bytes
from training.model.sharing import can_share, is_spread

if TYPE_CHECKING:
    from torch import nn

Writing = Literal["auto", "in_step", "continuous"]
PAGE = 64  # tokens of which keys and values are kept together
READ = 1024  # tokens at most in one pass: rows that go on, and as much of new prompts as has room beside them
PROBE, STEPS = ([1, 2, 3, 4, 5], [1, 2, 3, 6], [7, 2, 1, 8, 9, 3, 4, 2, 6]), 6
_tried: "WeakKeyDictionary[nn.Module, bool]" = WeakKeyDictionary()


def writes_continuously(model: Any, wanted: Writing) -> bool:
    """Whether replies are to be written so: as asked, or on a card where the model comes to the same tokens."""
    import torch

    if wanted != "auto":
        return wanted == "continuous"
    if torch.device(model.device).type != "cuda" or is_spread(model) or not can_share(model):
        return False
    if model not in _tried:
        _tried[model] = comes_to_the_same(model)
        how = "continuously" if _tried[model] else "in step, as continuous batching does not come to the same here"
        print(f"evaluate: replies are written {how}", file=sys.stderr, flush=True)
    return _tried[model]


def comes_to_the_same(model: Any) -> bool:
    """Tried on a few tokens, against the library's plain way."""
    import torch

    try:
        found = write_continuously(model, [], STEPS, PROBE)
    except Exception:  # whatever it trips over, it is written another way
        return False
    config = _greedy([], STEPS)
    plain = []
    for prompt in PROBE:
        ids = torch.tensor([prompt], device=model.device)
        with torch.inference_mode():
            out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config)
        plain.append(out[0, len(prompt) :].tolist())
    return found == plain


def write_continuously(model: Any, stops: Sequence[int], limit: int, prompts: Sequence[list[int]]) -> list[list[int]]:
    """The tokens of a greedy reply to each prompt, its end among them where it ended."""
    from transformers import ContinuousBatchingConfig

    longest = max(map(len, prompts)) + limit
    needed = sum(math.ceil((len(prompt) + limit) / PAGE) for prompt in prompts) + 1
    fitting = room(model) // (PAGE * token_bytes(model))
    pages = max(min(needed, fitting), math.ceil(longest / PAGE) + 1)
    batching = ContinuousBatchingConfig(page_size=PAGE, num_blocks=pages, max_batch_tokens=READ)
    found = model.generate_batch(
        inputs=[*prompts],
        generation_config=_greedy(stops, limit),
        continuous_batching_config=batching,
        progress_bar=False,
        warmup=False,
    )
    outputs = [found[f"req_{place}"] for place in range(len(prompts))]
    return [[*map(int, output.generated_tokens)] for output in outputs]


def _greedy(stops: Sequence[int], limit: int) -> Any:
    from transformers import GenerationConfig

    return GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=limit, do_sample=False, num_beams=1, eos_token_id=[*stops] or None, pad_token_id=0
    )
