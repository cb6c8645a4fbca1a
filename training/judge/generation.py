"""Replies written by a model: greedy, in batches, ended by the template's stop token."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.harness.files import atomic
from training.model.likelihood import Progress
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


@dataclass(frozen=True)
class ReplyMemory:
    """Batches of replies that earlier runs wrote, in `folder`: a run that was killed goes on behind the last one.

    A batch is looked up whole, by its prompts, settings and `version`, which names code, libraries and weights, since
    what stands beside a prompt may move the last bits of its figures. So the replies are the same with and without
    what is remembered.
    """

    folder: Path
    version: str
    used: set[Path] = field(default_factory=set)

    def recall(self, settings: Sequence[Any], write: Callable[[], list[Reply]]) -> list[Reply]:
        """The batch as it was written before, or as it is written now and remembered."""
        key = json.dumps([self.version, *settings])
        path = self.folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
        self.used.add(path)
        if path.exists():
            return [Reply(**reply) for reply in json.loads(path.read_text("utf-8"))]
        replies = write()
        with atomic(path) as temporary:
            temporary.write_text(json.dumps([asdict(reply) for reply in replies], ensure_ascii=False), "utf-8")
        return replies

    def forget_unused(self) -> None:
        """Removes what this run did not look up."""
        for path in self.folder.glob("*.json"):
            if path not in self.used:
                path.unlink()


@dataclass(frozen=True)
class Decoding:
    """How replies are written."""

    max_new_tokens: int  # a longer reply is cut
    batch: int  # replies at a time
    memory: ReplyMemory | None = None


def generate(
    model: "PreTrainedModel",
    renderer: Renderer,
    prompts: Sequence[list[int]],
    decoding: Decoding,
    progress: Progress | None = None,
) -> list[Reply]:
    """One reply a prompt, in the order given. Greedy, so the same prompts in the same batches give the same words."""
    order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
    batches = [order[start : start + decoding.batch] for start in range(0, len(order), decoding.batch)]
    memory = decoding.memory
    replies: dict[int, Reply] = {}
    for indices in progress(batches, len(batches)) if progress else batches:
        asked = [prompts[i] for i in indices]
        write = partial(_write, model, renderer, asked, decoding.max_new_tokens)
        settings = (str(model.device), str(model.dtype), decoding.max_new_tokens, asked) if memory else ()
        replies.update(zip(indices, memory.recall(settings, write) if memory else write(), strict=True))
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
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=max_new_tokens, do_sample=False, num_beams=1, eos_token_id=renderer.stops, pad_token_id=pad
    )
    writing: Any = model  # transformers types `generate` as a tensor
    # What a config leaves unset, transformers takes from the model's own: penalties, suppressed tokens, a length.
    writing.generation_config = config
    with torch.inference_mode():
        out = writing.generate(input_ids=ids, attention_mask=attended, generation_config=config)
    return [_reply(renderer, len(prompt), row) for prompt, row in zip(prompts, out[:, longest:].tolist(), strict=True)]


def _reply(renderer: Renderer, prompt_tokens: int, written: list[int]) -> Reply:
    ended = next((at for at, token in enumerate(written) if token in renderer.stops), None)
    spoken = written if ended is None else written[:ended]
    text = str(renderer.tokenizer.decode(spoken, skip_special_tokens=True, clean_up_tokenization_spaces=False))
    # The limit may cut a letter of several bytes in two; its half is no letter.
    return Reply(text.rstrip("\ufffd").strip(), prompt_tokens, len(spoken) + (ended is not None), ended is not None)
