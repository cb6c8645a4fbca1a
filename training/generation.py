"""Replies written by a model: greedy, in batches, ended by the template's stop token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.likelihood import Progress
from training.template import Renderer

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Reply:
    """What came. `stopped` is false when the reply ran into the limit of tokens."""

    text: str
    prompt_tokens: int
    tokens: int
    stopped: bool


def generate(
    model: "PreTrainedModel",
    renderer: Renderer,
    prompts: Sequence[list[int]],
    *,
    max_new_tokens: int,
    batch: int,
    progress: Progress | None = None,
) -> list[Reply]:
    """One reply a prompt, in the order given. Greedy, so the same prompts in the same batches give the same words."""
    order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
    batches = [order[start : start + batch] for start in range(0, len(order), batch)]
    replies: dict[int, Reply] = {}
    for indices in progress(batches, len(batches)) if progress else batches:
        written = _write(model, renderer, [prompts[i] for i in indices], max_new_tokens)
        replies.update(zip(indices, written, strict=True))
    return [replies[i] for i in range(len(prompts))]


def _write(
    model: "PreTrainedModel", renderer: Renderer, prompts: Sequence[list[int]], max_new_tokens: int
) -> list[Reply]:
    import torch
    from transformers import GenerationConfig

    pad = renderer.tokenizer.pad_token_id
    longest = max(map(len, prompts))
    # Padding stands on the left: the words to come must follow the prompt directly.
    ids = torch.tensor([[*[pad] * (longest - len(p)), *p] for p in prompts], device=model.device)
    attended = torch.tensor([[*[0] * (longest - len(p)), *[1] * len(p)] for p in prompts], device=model.device)
    stops = sorted({renderer.stop_id, renderer.tokenizer.eos_token_id} - {None})
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=max_new_tokens, do_sample=False, num_beams=1, eos_token_id=stops, pad_token_id=pad
    )
    writing: Any = model  # transformers types `generate` as a tensor
    # What a config leaves unset, transformers takes from the model's own: penalties, suppressed tokens, a length.
    writing.generation_config = config
    with torch.inference_mode():
        out = writing.generate(input_ids=ids, attention_mask=attended, generation_config=config)
    return [
        _reply(renderer, len(prompt), row, stops)
        for prompt, row in zip(prompts, out[:, longest:].tolist(), strict=True)
    ]


def _reply(renderer: Renderer, prompt_tokens: int, written: list[int], stops: Sequence[int]) -> Reply:
    ended = next((at for at, token in enumerate(written) if token in stops), None)
    spoken = written if ended is None else written[:ended]
    text = str(renderer.tokenizer.decode(spoken, skip_special_tokens=True, clean_up_tokenization_spaces=False))
    # The limit may cut a letter of several bytes in two; its half is no letter.
    return Reply(text.rstrip("\ufffd").strip(), prompt_tokens, len(spoken) + (ended is not None), ended is not None)
