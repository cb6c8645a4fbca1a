"""Replies written by a model: greedy, several in step, ended by the template's stop token."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from curation.harness.files import atomic
from training.model.instep import InStep
from training.model.lanes import lanes_of, side_by_side
from training.model.likelihood import Progress
from training.model.shared import Reader
from training.model.sharing import can_share
from training.template import Renderer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Write = Callable[[Sequence[list[int]]], "list[Reply]"]

KEPT = 0.75  # rows that have ended are written on with until no more than this share is left: leaving them out copies


@dataclass(frozen=True)
class Reply:
    """What came. `stopped` is false when the reply ran into the limit of tokens."""

    text: str
    prompt_tokens: int
    tokens: int
    stopped: bool


@dataclass(frozen=True)
class ReplyMemory:
    """Replies that earlier runs wrote, in `folder`: a run pays only for what is new, and one that was killed goes on.

    A reply is looked up by its prompt's tokens, the settings and `version`, which names code, libraries and weights.
    What is written beside a prompt moves the last bits of its figures, and no token unless two are as likely to the
    last bits.
    """

    folder: Path
    version: str
    used: set[Path] = field(default_factory=set)
    anew: list[Reply] = field(default_factory=list)  # that this run wrote

    def recall(self, settings: Sequence[Any]) -> Reply | None:
        """The reply as it was written before."""
        path = self._path(settings)
        return Reply(**json.loads(path.read_text("utf-8"))) if path.exists() else None

    def keep(self, settings: Sequence[Any], reply: Reply) -> None:
        """Remembers a reply for later runs."""
        self.anew.append(reply)
        with atomic(self._path(settings)) as temporary:
            temporary.write_text(json.dumps(asdict(reply), ensure_ascii=False), "utf-8")

    def forget_unused(self) -> None:
        """Removes what this run did not look up."""
        for path in self.folder.glob("*.json"):
            if path not in self.used:
                path.unlink()

    def _path(self, settings: Sequence[Any]) -> Path:
        key = json.dumps([self.version, *settings])
        path = self.folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
        self.used.add(path)
        return path


class Served(Protocol):
    """A model elsewhere."""

    @property
    def key(self) -> tuple[str, str]:
        """By which its replies are remembered."""

    def write(self, renderer: Renderer, limit: int, prompts: Sequence[list[int]]) -> list[Reply]:
        """A reply a prompt."""


@dataclass(frozen=True)
class Decoding:
    """How replies are written."""

    max_new_tokens: int  # a longer reply is cut
    batch: int  # replies in step
    memory: ReplyMemory | None = None
    served: Served | None = None  # by a server in place of the model at hand


def generate(
    model: "PreTrainedModel",
    renderer: Renderer,
    prompts: Sequence[list[int]],
    decoding: Decoding,
    progress: Progress | None = None,
) -> list[Reply]:
    """One greedy reply a prompt, in the order given; a prompt that stands there twice is answered once.

    What prompts begin with alike is read once where the model allows it (training/model/shared.py); other models read
    each in full.
    """
    memory = decoding.memory
    shared = (*_writer(model, decoding), decoding.max_new_tokens) if memory else ()
    wanted = {tuple(prompt): prompt for prompt in prompts}
    replies = {key: reply for key, prompt in wanted.items() if memory and (reply := memory.recall((*shared, prompt)))}
    missing = sorted((prompt for key, prompt in wanted.items() if key not in replies))
    if missing:
        order, writer, lanes = _plan(model, renderer, missing, decoding)
        batches = [order[start : start + decoding.batch] for start in range(0, len(order), decoding.batch)]
        asked = [[missing[i] for i in batch] for batch in batches]
        written = side_by_side(asked, writer, lanes)
        for place, found in progress(written, len(batches)) if progress else written:
            for prompt, reply in zip(asked[place], found, strict=True):
                replies[tuple(prompt)] = reply
                if memory:
                    memory.keep((*shared, prompt), reply)
    return [replies[tuple(prompt)] for prompt in prompts]


def _writer(model: "PreTrainedModel", decoding: Decoding) -> Sequence[Any]:
    """What moves the last bits of a reply, beside its prompt and the version."""
    return decoding.served.key if decoding.served else (str(model.device), str(model.dtype))


def _plan(
    model: "PreTrainedModel", renderer: Renderer, prompts: Sequence[list[int]], decoding: Decoding
) -> tuple[list[int], Callable[[], Write], int]:
    """In which order to write the sorted prompts' replies, what makes the writer of a lane, and how many lanes."""
    limit, served = decoding.max_new_tokens, decoding.served
    if served:
        return list(range(len(prompts))), lambda: partial(served.write, renderer, limit), 1
    if can_share(model):
        lanes = lanes_of(model.device)
        return list(range(len(prompts))), lambda: partial(_write_in_step, Reader(model), renderer, limit), lanes
    return (
        sorted(range(len(prompts)), key=lambda i: -len(prompts[i])),
        lambda: partial(_write, model, renderer, limit),
        1,
    )


def _write_in_step(reader: Reader, renderer: Renderer, limit: int, prompts: Sequence[list[int]]) -> list[Reply]:
    import torch

    stops = set(renderer.stops)
    written: list[list[int]] = [[] for _ in prompts]
    written_on = list(range(len(prompts)))
    with torch.inference_mode():
        rows = InStep.of(reader, prompts, limit)
        for left in reversed(range(limit)):
            tokens = rows.logits.argmax(dim=-1)
            for row, token in zip(written_on, tokens.tolist(), strict=True):
                written[row].append(token)
            going = [place for place, row in enumerate(written_on) if stops.isdisjoint(written[row])]
            if not going or not left:
                break
            if len(going) <= KEPT * len(written_on):
                chosen = torch.tensor(going, device=tokens.device)
                rows.select(chosen)
                tokens, written_on = tokens[chosen], [written_on[place] for place in going]
            rows.write(tokens)
    return [_reply(renderer, len(prompt), row) for prompt, row in zip(prompts, written, strict=True)]


def _write(model: "PreTrainedModel", renderer: Renderer, limit: int, prompts: Sequence[list[int]]) -> list[Reply]:
    import torch
    from transformers import GenerationConfig

    pad = renderer.tokenizer.pad_token_id
    longest = max(map(len, prompts))
    # Padding stands on the left: the words to come must follow the prompt directly.
    ids = torch.tensor([[*[pad] * (longest - len(p)), *p] for p in prompts], device=model.device)
    attended = torch.tensor([[*[0] * (longest - len(p)), *[1] * len(p)] for p in prompts], device=model.device)
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=limit, do_sample=False, num_beams=1, eos_token_id=renderer.stops, pad_token_id=pad
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
