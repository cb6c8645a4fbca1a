"""Replies written by a model: greedy, several in step, ended by the template's stop token."""

import contextlib
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from curation.harness.files import atomic
from curation.harness.memory import remembered_json
from training.model.continuous import Writing, write_continuously, writes_continuously
from training.model.crew import Make, processes_of, shared_out
from training.model.instep import InStep, places_alone, room, token_bytes
from training.model.lanes import lanes_of
from training.model.likelihood import Progress, negative_log_likelihoods, weighed_beside, what_is_read
from training.model.shared import Reader
from training.model.sharing import can_share
from training.model.template import Example, Renderer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Writer = Make["Asked", "Answered"]

AT_ONCE = 8  # times as many replies are given to a writer that lets the next begin where one has ended
KEPT = 0.75  # rows that have ended are written on with until no more than this share is left: leaving them out copies


@dataclass(frozen=True)
class Reply:
    """What came. `stopped` is false when the reply ran into the limit of tokens."""

    text: str
    prompt_tokens: int
    tokens: int
    stopped: bool


@dataclass(frozen=True)
class Asked:
    """A batch."""

    prompts: list[list[int]]  # to answer
    beside: list[tuple[int, Example]]  # to read, each with its place among all


@dataclass(frozen=True)
class Answered:
    """A batch."""

    replies: list[Reply]
    nats: dict[int, float] = field(default_factory=dict)  # of what was read beside, by place


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
        """The reply as it was written before; None where it was not, or the file is torn."""
        with contextlib.suppress(TypeError):
            return Reply(**remembered_json(self._path(settings)))
        return None

    def keep(self, settings: Sequence[Any], reply: Reply) -> None:
        """Remembers a reply for later runs."""
        self.anew.append(reply)
        with atomic(self._path(settings)) as temporary:
            temporary.write_text(json.dumps(asdict(reply), ensure_ascii=False), "utf-8")

    def recall_nats(self, settings: Sequence[Any]) -> float | None:
        """What a reply of the team's came to; None where nothing says it, or the file is torn."""
        with contextlib.suppress(OSError, ValueError):
            return float(self._path(settings).read_text("utf-8"))
        return None

    def keep_nats(self, settings: Sequence[Any], nats: float) -> None:
        """Remembers it, to the last bit: read beside other rows it may differ there."""
        with atomic(self._path(settings)) as temporary:
            temporary.write_text(repr(nats), "utf-8")

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
    writing: Writing = "auto"


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
    return generate_and_weigh(model, renderer, prompts, (), decoding, progress)[0]


def generate_and_weigh(
    model: "PreTrainedModel",
    renderer: Renderer,
    prompts: Sequence[list[int]],
    examples: Sequence[Example],
    decoding: Decoding,
    progress: Progress | None = None,
) -> tuple[list[Reply], list[float]]:
    """What `generate` gives for the prompts, and `negative_log_likelihoods` for the examples.

    An example that begins with a prompt which is to be answered is read beside it: what both have in common is read
    once. The others are read by themselves.
    """
    memory = decoding.memory
    shared = (*_writer(model, decoding), decoding.max_new_tokens) if memory else ()
    wanted = {tuple(prompt): prompt for prompt in prompts}
    replies = {key: reply for key, prompt in wanted.items() if memory and (reply := memory.recall((*shared, prompt)))}
    missing = sorted((prompt for key, prompt in wanted.items() if key not in replies))
    sums = _recalled(model, examples, memory)
    recalled = set(sums)
    if missing:
        order, writer, lanes, shares, most = _plan(model, renderer, missing, decoding)
        beside = _beside(examples, missing, sums) if shares else {}
        fits = _fitting(model, missing, decoding.max_new_tokens, lanes) if shares else None
        batches = [order[start:end] for start, end in even(len(order), most, lanes, fits)]
        asked = [Asked([missing[i] for i in batch], [b for i in batch for b in beside.get(i, ())]) for batch in batches]
        if decoding.served:  # elsewhere
            written: Iterable[tuple[int, Answered]] = enumerate(map(writer(model), asked))
        else:
            written = shared_out(model, asked, writer, lanes, run=1)
        for place, found in progress(written, len(batches)) if progress else written:
            sums |= found.nats
            for prompt, reply in zip(asked[place].prompts, found.replies, strict=True):
                replies[tuple(prompt)] = reply
                if memory:
                    memory.keep((*shared, prompt), reply)
    alone = [place for place in range(len(examples)) if place not in sums]
    sums |= zip(alone, _weighed(model, [examples[at] for at in alone], progress), strict=True)
    if memory:
        for place in sums.keys() - recalled:
            memory.keep_nats(_named(model, examples[place]), sums[place])
    return [replies[tuple(prompt)] for prompt in prompts], [sums[place] for place in range(len(examples))]


def _weighed(model: "PreTrainedModel", examples: Sequence[Example], progress: Progress | None) -> list[float]:
    return negative_log_likelihoods(model, examples, progress=progress) if examples else []


def _recalled(model: "PreTrainedModel", examples: Sequence[Example], memory: ReplyMemory | None) -> dict[int, float]:
    """What the examples came to, by place, as far as it is remembered."""
    if not memory:
        return {}
    found = {place: memory.recall_nats(_named(model, example)) for place, example in enumerate(examples)}
    return {place: nats for place, nats in found.items() if nats is not None}


def _named(model: "PreTrainedModel", example: Example) -> Sequence[Any]:
    """By which an example's nats are remembered."""
    return (str(model.device), str(model.dtype), "nats", example.input_ids, example.labels)


def even(number: int, most: int, lanes: int, fits: Callable[[int, int], bool] | None = None) -> list[tuple[int, int]]:
    """(start, end) of batches of at most `most`, as many for each lane, all of about one size: none waits for another.

    What fits into one batch stays there, where it shares what it begins with. Where a batch does not fit in memory
    there are more of them, down to one of one each.
    """
    count = math.ceil(number / most)
    while True:
        count = min(math.ceil(count / lanes) * lanes if count > 1 else count, number)
        ends = [math.ceil(number * place / count) for place in range(count + 1)]
        if count == number or fits is None or all(fits(*pair) for pair in pairwise(ends)):
            return [*pairwise(ends)]
        count += 1


def _fitting(
    model: "PreTrainedModel", prompts: Sequence[list[int]], limit: int, lanes: int
) -> Callable[[int, int], bool]:
    """Says whether a lane has room for the keys and values of some of these sorted prompts and their replies."""
    most, place = room(model) / lanes / token_bytes(model), model.device
    return lambda start, end: places_alone(prompts[start:end], limit, place) <= most


def _beside(
    examples: Sequence[Example], prompts: Sequence[list[int]], sums: Mapping[int, float]
) -> dict[int, list[tuple[int, Example]]]:
    """By place of the longest of the prompts that they begin with, the examples that begin with one; not in `sums`."""
    places = {tuple(prompt): place for place, prompt in enumerate(prompts)}
    lengths = sorted({len(prompt) for prompt in prompts}, reverse=True)
    found: dict[int, list[tuple[int, Example]]] = {}
    for index, example in enumerate(examples):
        if example.supervised and index not in sums:
            row = what_is_read(example)
            begins = (tuple(row[:length]) for length in lengths)
            place = next((places[begin] for begin in begins if begin in places), None)
            if place is not None:
                found.setdefault(place, []).append((index, example))
    return found


def _writer(model: "PreTrainedModel", decoding: Decoding) -> Sequence[Any]:
    """What moves the last bits of a reply, beside its prompt and the version."""
    return decoding.served.key if decoding.served else (str(model.device), str(model.dtype))


def _plan(
    model: "PreTrainedModel", renderer: Renderer, prompts: Sequence[list[int]], decoding: Decoding
) -> tuple[list[int], Writer, int, bool, int]:
    """In which order to write the sorted prompts' replies, what makes a writer of a model, how many lanes, whether a
    writer reads what stands beside, and how many replies are given to it at most.
    """
    limit, served, most = decoding.max_new_tokens, decoding.served, decoding.batch
    order = list(range(len(prompts)))
    if served:
        return order, lambda _model: lambda a: Answered(served.write(renderer, limit, a.prompts)), 1, False, most
    if writes_continuously(model, decoding.writing):
        share = math.ceil(len(prompts) / processes_of(model))
        return order, partial(_continuously, renderer, limit), 1, False, max(most, min(AT_ONCE * most, share))
    if can_share(model):
        return order, partial(_in_step, renderer, limit), lanes_of(model.device), True, most
    longest_first = sorted(order, key=lambda i: -len(prompts[i]))
    return longest_first, partial(_padded, renderer, limit), 1, False, most


def _continuously(renderer: Renderer, limit: int, model: "PreTrainedModel") -> Callable[[Asked], Answered]:
    writer = partial(write_continuously, model, renderer.stops, limit)
    return lambda asked: _answered(renderer, asked, writer(asked.prompts))


def _in_step(renderer: Renderer, limit: int, model: "PreTrainedModel") -> Callable[[Asked], Answered]:
    return partial(_write_in_step, Reader(model), renderer, limit)


def _padded(renderer: Renderer, limit: int, model: "PreTrainedModel") -> Callable[[Asked], Answered]:
    return lambda asked: Answered(_write(model, renderer, limit, asked.prompts))


def _answered(
    renderer: Renderer, asked: Asked, written: Sequence[list[int]], nats: dict[int, float] | None = None
) -> Answered:
    replies = [_reply(renderer, len(prompt), row) for prompt, row in zip(asked.prompts, written, strict=True)]
    return Answered(replies, nats or {})


def _write_in_step(reader: Reader, renderer: Renderer, limit: int, asked: Asked) -> Answered:
    import torch

    stops, prompts = set(renderer.stops), asked.prompts
    written: list[list[int]] = [[] for _ in prompts]
    written_on = list(range(len(prompts)))
    nats: dict[int, float] = {}
    beside = [weighed_beside(example, partial(nats.__setitem__, place)) for place, example in asked.beside]
    with torch.inference_mode():
        rows = InStep.of(reader, prompts, limit, beside=beside)
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
    return _answered(renderer, asked, written, nats)


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
