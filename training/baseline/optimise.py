"""A search for a better prompt, so that the adapter has a good one to beat.

From the written prompt on, one change at a time is tried: a demonstration shown or taken away, a block of the prompt
left out or put last, a rule of the playbook or a habit of the team stated, the nearest train conversations shown as
`few_shot` does. A change stays when it makes the team's replies in dev likelier to the base model. Nobody else is
asked, unless `reflect` names a model elsewhere: the prompt as that one writes it (reflect.py) is one more change. Half
of the conversations drawn from dev lead the search. The other half, which it does not look at, tells what came of it,
and where the found prompt is not better there the written one stays. Test is never read.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from typing import Any, Literal

import polars as pl
from pydantic import Field

from curation.core.record.conversation import message
from curation.core.record.draw import fair_order, lot
from curation.harness.memory import Memory
from curation.harness.params import Params
from training.baseline.material import blocks, demonstrations, habits, rules
from training.baseline.reflect import Reflect, rewritten
from training.judge.arms import Before, Messages
from training.judge.scoring import Scorer
from training.model.shared import alike
from training.model.template import Example

MOST_SHOTS = 4  # demonstrations at once; one more takes the place of the first
FIRST = 3  # demonstrations that are tried before anything else

Kind = Literal["rewrite", "show", "hide", "state", "leave out", "put last", "nearest"]
Change = tuple[Kind, str]  # what is done, and to which block or demonstration, or the new text


class Optimise(Params):
    """baseline.optimise: what the search may cost."""

    tokens: int = Field(gt=0)  # read by the model; what the texts of one evaluation begin with alike counts once
    conversations: int = Field(ge=2)  # of dev in each language, half to search by, half to judge what was found
    seed: int
    reflect: Reflect | None = None  # a model elsewhere that writes the prompt anew, as one change to try


@dataclass(frozen=True)
class Prompt:
    """Blocks of a system message, demonstrations by id, and whether the nearest train conversations follow."""

    blocks: tuple[str, ...]
    shots: tuple[str, ...] = ()
    nearest: bool = False

    def after(self, change: Change) -> "Prompt":
        """The prompt with the change; itself where there is nothing to change."""
        kind, what = change
        others = tuple(block for block in self.blocks if block != what)
        unshown = tuple(shot for shot in self.shots if shot != what)
        changed = {
            "rewrite": replace(self, blocks=blocks(what)),
            "show": replace(self, shots=(*unshown, what)[-MOST_SHOTS:]),
            "hide": replace(self, shots=unshown),
            "state": self if what in self.blocks else replace(self, blocks=(*others, what)),
            "leave out": replace(self, blocks=others),
            "put last": replace(self, blocks=(*others, what)) if what in self.blocks else self,
            "nearest": replace(self, nearest=not self.nearest),
        }
        return changed[kind]


@dataclass(frozen=True)
class Found:
    """What the search found in one language, and what it cost.

    The losses, nats a token, are on dev conversations that the search did not look at; None where nothing was tried.
    """

    language: str
    messages: Messages  # to send before a conversation
    nearest: bool  # behind them stand the nearest train conversations, as `few_shot` shows them
    before: Before = field(repr=False)  # both together
    looked_at: Sequence[str] = field(repr=False)  # ids of the dev conversations that led and judged the search
    changes: Sequence[Mapping[str, Any]] = ()  # that stayed, in their order, each with the loss it led to
    conversations: int = 0  # of dev, behind the losses
    prompts: int = 0  # tried
    tokens: int = 0  # read
    answered: int = 0  # conversations that the local model answered for the model elsewhere
    proposals: int = 0  # of the model elsewhere
    written: float | None = None
    optimised: float | None = None

    def __str__(self) -> str:
        if self.written is None or self.optimised is None:
            return f"no prompt tried in {self.language}: the tokens of baseline.optimise, or dev, are too few for one"
        loss = f"loss {self.written:.3f} with the written prompt, {self.optimised:.3f} with the best found"
        elsewhere = f", {self.answered} conversations answered for {self.proposals} proposals" if self.proposals else ""
        return (
            f"{self.prompts} prompts tried in {self.language}, {self.tokens:,} tokens read{elsewhere}; {loss}, on "
            f"{self.conversations} dev conversations that the search did not look at"
        )

    def as_json(self) -> dict[str, Any]:
        """What data/baseline/optimised.json tells of a language."""
        apart = ("before", "looked_at")
        return {**{name: value for name, value in vars(self).items() if name not in apart}, "messages": plain(self)}


def plain(found: Found) -> list[dict[str, str]]:
    """The messages as any chat endpoint takes them."""
    return [{"role": m["role"], "content": m["content"]} for m in found.messages]


@dataclass(frozen=True)
class Reader:
    """Puts prompts of one language before conversations. What was read is remembered in `memory`: by its tokens, which
    of them are the team's, and what reads them.
    """

    judge: Scorer
    shown: Mapping[str, Messages]  # demonstrations by id
    nearest: Before
    memory: Memory
    version: str
    used: set[str]  # names in the memory

    def messages(self, prompt: Prompt) -> list[Mapping[str, Any]]:
        said = "".join(prompt.blocks).strip()
        shots = [m for shot in prompt.shots for m in self.shown[shot]]
        return [*([message("system", said)] if said else []), *shots]

    def before(self, prompt: Prompt) -> Before:
        fixed = self.messages(prompt)
        return lambda row, turn: [*fixed, *(self.nearest(row, turn) if prompt.nearest else ())]

    def texts(self, prompt: Prompt, rows: pl.DataFrame) -> list[Example] | None:
        """What is read; None where the model cannot be given one of the rows behind this prompt."""
        before = self.before(prompt)
        if any(self.judge.refusal(row, before) for row in rows.iter_rows(named=True)):
            return None
        return [example for row in rows.iter_rows(named=True) for example in self.judge.examples(row, before)]

    def loss(self, prompt: Prompt, rows: pl.DataFrame, texts: Sequence[Example]) -> float:
        """Nats a token of the team's replies in `rows`, whose texts behind the prompt these are."""
        model = self.judge.model
        read = [[one.input_ids, one.labels] for one in texts]
        name = lot(json.dumps([model.device.type, str(model.dtype), read]))
        self.used.add(name)
        scores = self.memory.recall(name, self.version)
        if scores is None:
            scores = self.judge.likelihood("optimised", rows, self.before(prompt))
            self.memory.keep(name, self.version, scores)
        nll = scores.filter(metric="nll")
        return float(nll["value"].sum()) / float(nll["weight"].sum())


class Half:
    """Conversations of dev behind one prompt after another."""

    def __init__(self, reader: Reader, rows: pl.DataFrame) -> None:
        self.reader, self.rows = reader, rows
        self._texts: dict[Prompt, list[Example] | None] = {}
        self.losses: dict[Prompt, float] = {}  # of the prompts that were read

    def cost(self, prompt: Prompt) -> float:
        """Tokens to read, a shared beginning once; nothing where they were read, infinite where that is impossible."""
        if prompt in self.losses:
            return 0
        if prompt not in self._texts:
            self._texts[prompt] = self.reader.texts(prompt, self.rows)
        texts = self._texts[prompt]
        if not texts:
            return math.inf
        read = sorted(one.input_ids for one in texts)
        return sum(len(ids) - alike(last, ids) for last, ids in pairwise([[], *read]))

    def loss(self, prompt: Prompt) -> float:
        """Of a prompt whose cost is finite."""
        if prompt not in self.losses:
            self.losses[prompt] = self.reader.loss(prompt, self.rows, self._texts.pop(prompt) or [])
        return self.losses[prompt]


class Search:
    """The search in one language, from its written prompt on; `rows` are the conversations of dev."""

    def __init__(self, reader: Reader, language: str, written: Prompt, rows: pl.DataFrame) -> None:
        self.reader, self.language, self.written, self.best = reader, language, written, written
        self.led, self.held = Half(reader, rows.gather_every(2)), Half(reader, rows.gather_every(2, 1))
        self.changes: list[dict[str, Any]] = []
        self.tokens = 0  # read so far
        self.answered = self.proposals = 0  # what it cost to have the prompt written anew

    @property
    def least(self) -> float:
        """Tokens without which nothing can be tried; infinite without conversations to judge by."""
        return self.led.cost(self.written) + 2 * self.held.cost(self.written)

    def run(self, changes: Sequence[Change], budget: int, params: Optimise) -> None:
        """Tries the changes as they stand, then in other orders, until a round brings nothing or the budget is used."""
        if self.least > budget:
            return
        changes = [*self._rewritten(params), *changes]
        for half in (self.led, self.held):
            self._read(half, self.written)
        bare = self.led.cost(Prompt(()))
        least = bare if math.isfinite(bare) else 0
        rounds = self._rounds(changes, params.seed)
        for change in self.reader.judge.progress(rounds, f"prompts, {self.language}", None, "changes"):
            if self.tokens + least + self.held.cost(self.best) > budget:
                break  # what is left pays for no prompt any more: none is written out to learn that
            self._try(change, budget)
        self._read(self.held, self.best)

    def found(self) -> Found:
        """The best prompt, or the written one where it is no better on the half that was held back."""
        losses = self.held.losses
        if not losses:
            return self._found(self.written)
        kept = losses[self.best] < losses[self.written]
        return replace(
            self._found(self.best if kept else self.written),
            changes=self.changes if kept else [],
            conversations=self.held.rows.height,
            prompts=len(self.led.losses) - 1,
            tokens=self.tokens,
            answered=self.answered,
            proposals=self.proposals,
            written=losses[self.written],
            optimised=min(losses[self.best], losses[self.written]),
        )

    def _rewritten(self, params: Optimise) -> Iterator[Change]:
        """The prompt as a model elsewhere writes it after it saw the leading half, where one is named."""
        if params.reflect:
            judge, text = self.reader.judge, "".join(self.written.blocks).strip()
            found = rewritten(judge, text, self.led.rows, params.reflect, params.seed)
            self.answered, self.proposals = found.answered, found.proposals
            yield "rewrite", found.text

    def _try(self, change: Change, budget: int) -> None:
        """Takes the change when it helps; what the other half costs in the end must stay in the budget."""
        prompt = self.best.after(change)
        if self.tokens + self.led.cost(prompt) + self.held.cost(self.best) > budget:
            return
        loss = self._read(self.led, prompt)
        if loss < self.led.losses[self.best] and self.tokens + self.held.cost(prompt) <= budget:
            self.best = prompt
            self.changes.append({"kind": change[0], "what": change[1].strip(), "loss": loss})

    def _read(self, half: Half, prompt: Prompt) -> float:
        self.tokens += int(half.cost(prompt))
        return half.loss(prompt)

    def _found(self, prompt: Prompt) -> Found:
        looked_at = [key for half in (self.led, self.held) for key in half.rows["conversation_id"] if half.losses]
        messages, before = self.reader.messages(prompt), self.reader.before(prompt)
        return Found(self.language, messages, prompt.nearest, before, looked_at)

    def _rounds(self, changes: Sequence[Change], seed: int) -> Iterator[Change]:
        for turn in count():
            begun = self.best
            yield from changes if not turn else sorted(changes, key=lambda c: lot(f"{seed}:{turn}:{c}"))
            if self.best == begun:
                return


@dataclass(frozen=True)
class Material:
    """What the search may look at."""

    train: pl.DataFrame  # demonstrations and habits of the team
    dev: pl.DataFrame
    nearest: Before  # what few_shot shows
    shot_words: int  # longer conversations are not shown


def optimise(
    judge: Scorer, sections: Mapping[str, str], material: Material, params: Optimise, version: str
) -> list[Found]:
    """What is found in each language of the written prompt.

    Each language may use an equal part of what is left, the one that reads most first: what it cannot use is not lost.
    Evaluations are remembered in data/cache under `version`, which names code, libraries and weights.
    """
    memory, used = Memory("baseline/optimised"), set[str]()
    searches = []
    for language, text in sections.items():
        train = material.train.filter(language=language)
        shown = demonstrations(train, material.shot_words, params.seed)
        written = Prompt(blocks(text))
        reader = Reader(judge, shown, material.nearest, memory, version, used)
        rows = _drawn(reader, written, material.dev.filter(language=language), params)
        tried = changes(written, [*shown], habits(train, language), rules(judge.playbook, language))
        searches.append((Search(reader, language, written, rows), tried))
    left, found = params.tokens, dict[str, Found]()
    ordered = sorted(searches, key=lambda pair: (-pair[0].least, pair[0].language))
    for waiting, (search, tried) in zip(range(len(ordered), 0, -1), ordered, strict=True):
        search.run(tried, left // waiting, params)
        found[search.language] = search.found()
        left -= search.tokens
    memory.forget_but(used)
    return [found[language] for language in sections]


def changes(written: Prompt, shots: Sequence[str], habits: Sequence[str], rules: Sequence[str]) -> list[Change]:
    """Every change, those that usually bring the most first: a small budget ends early."""
    return [
        *(("show", shot) for shot in shots[:FIRST]),
        *(("state", block) for block in habits),
        ("nearest", ""),
        *(("leave out", block) for block in written.blocks),
        *(("state", block) for block in rules),
        *(("show", shot) for shot in shots[FIRST:]),
        *(("hide", shot) for shot in shots),
        *(("leave out", block) for block in (*habits, *rules)),
        *(("put last", block) for block in (*written.blocks, *habits, *rules)),
    ]


def _drawn(reader: Reader, written: Prompt, dev: pl.DataFrame, params: Optimise) -> pl.DataFrame:
    """The first of a draw from dev that are short enough and that can be read behind the written prompt."""
    judge, before, kept = reader.judge, reader.before(written), list[str]()
    ordered = fair_order(dev, params.seed)
    for row in ordered.iter_rows(named=True):
        if len(kept) == params.conversations:
            break
        if judge.refusal(row, before) is None:
            longest = max(len(e.input_ids) for e in judge.renderer.examples(row["messages"], row["tools"]))
            kept += [row["conversation_id"]] if longest <= judge.params.max_tokens else []
    return ordered.filter(pl.col("conversation_id").is_in(kept))
