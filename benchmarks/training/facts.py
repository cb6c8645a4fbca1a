"""What the treatments of facts do: full loss, `unlearn` and `ground` on the same rows and steps.

    python -m benchmarks.training.facts PROJECT [--rows 48] [--answered 20] [--arms full unlearn] [--seeds 7 8]

PROJECT is a folder with params.yaml, playbook.yaml, models/base and data/splits, such as the sample after `dvc repro
split`. An arm trains on English rows of train and on made-up prices that stand 16 times among them, each treated as
its name says, found, placed and tokenized by the code of the pipeline. Then it is asked four things: how readily it
says the planted prices with nothing before them (exposure, see `qirat canaries`); whether it states prices, times and
codes that it has never seen right when they stand in the context, among others of their kind; whether it invents some
when they do not; and what its free replies to test conversations are worth. Frames but the first of FRAMES are in no
training row. Each seed draws rows, prices and facts anew; its arms are paired, and all are counted together.

A finished arm stays in PROJECT/runs and is not run again. Results go to benchmarks/results/facts.json,
`python -m benchmarks.document` shows them.
"""

import argparse
import json
import os
import random
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from benchmarks.corruption.tables import head, row
from benchmarks.results import RESULTS
from curation.core.record.conversation import conversations, message
from curation.core.record.draw import fair_order
from curation.core.record.playbook import Playbook
from curation.core.statistics.intervals import Bootstrap, Side, mcnemar, paired_difference, ratio, share
from curation.core.text.facts import Known, facts
from curation.core.text.facts.patterns import KINDS
from curation.curate.facts import with_facts
from curation.harness.files import atomic
from curation.harness.params import load_params
from training.commands.canaries import CHANCE, MOST, OTHERS, exposures
from training.commands.trial import interval
from training.judge.arms import ADAPTER, bare
from training.judge.generation import Decoding, generate
from training.judge.scoring import PREDICTIONS, Evaluate, Scorer, reply_scores
from training.model.base import Model, load_model, load_tokenizer
from training.model.likelihood import examples_of
from training.model.recipe import Recipe, Train
from training.model.template import Example, Renderer
from training.model.template.retrieval import GROUND
from training.tokenize import Tokenize, made_table, retrieval, token_table, tokenized
from training.train.fit import fit

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BASE = "base"
ARMS = {"full": "report", "unlearn": "unlearn", "ground": "ground"}  # and the treatment of every kind of fact
REPEATS = 16
SCORED = ("playbook", "ungrounded_facts")
SHORT = 300  # tokens of a row, what is looked up included
WATCHED = 4  # dev conversations: their loss is told, nothing is chosen by it
SHOWN = 64  # tokens of a reply that is to state a fact: a house may greet first
BOOTSTRAP = Bootstrap(5000, 7)
PRICES = range(1000, 10_000)  # of one length, so that none is likelier for being short
PLANTED = "amber basalt cedar delta".split()  # stand REPEATS times
CONTROL = "ember fjord granite harbour".split()  # stand nowhere
NEW = "indigo juniper kelp lagoon meadow opal reed tin willow zinc onyx pearl".split()  # asked about in the context
COLUMNS = ["conversation_id", "messages", "tools", "label", "language", "source"]


@dataclass(frozen=True)
class Frame:
    """A question and a reply with one fact, which is drawn."""

    question: str
    reply: str

    def said(self, word: str, fact: str) -> list[dict[str, Any]]:
        asked = message("user", self.question.format(word=word))
        return [asked, message("assistant", self.reply.format(word=word, fact=fact))]


FRAMES = {
    "price": Frame("How much is the {word} lamp?", "The {word} lamp costs {fact} SAR."),
    "time": Frame("When will the {word} van be at my door?", "The {word} van will be there at {fact}."),
    "code": Frame("Which voucher can I use for {word} chairs?", "The voucher for {word} chairs is {fact}."),
}


def main() -> None:
    arguments = parsed()
    os.chdir(arguments.project)
    benches = [Bench.of(arguments.rows, arguments.answered, seed) for seed in arguments.seeds]
    for bench in benches:
        for arm in arguments.arms:
            bench.run(arm)
            found = summary(benches)
            arguments.results.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", "utf-8")
    print(markdown(found))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What do the treatments of facts do?")
    parser.add_argument("project", type=Path)
    parser.add_argument("--rows", type=int, default=48, help="of train, beside the planted ones")
    parser.add_argument("--answered", type=int, default=20, help="test conversations, freely")
    parser.add_argument("--arms", nargs="+", choices=[*ARMS, BASE], default=[*ARMS, BASE])
    parser.add_argument("--seeds", type=int, nargs="+", default=[7])
    parser.add_argument("--results", type=Path, default=RESULTS / "facts.json")
    return parser.parse_args()


# -- what is planted and asked -----------------------------------------------------------------------------------------


def prices(seed: int) -> dict[str, list[int]]:
    """By word its own price, then those that it is ranked among; no price stands twice."""
    words = [*PLANTED, *CONTROL]
    drawn = random.Random(seed).sample(PRICES, len(words) * (1 + OTHERS))
    return {word: drawn[place :: len(words)] for place, word in enumerate(words)}


def planted(seed: int) -> pl.DataFrame:
    """The conversations that are trained on, each copy a row of its own."""
    own = prices(seed)
    said = [(word, copy) for word in PLANTED for copy in range(REPEATS)]
    table = record([FRAMES["price"].said(word, str(own[word][0])) for word, _ in said])
    return table.with_columns(conversation_id=pl.Series([f"planted {word} {copy}" for word, copy in said]))


def new_facts(seed: int) -> pl.DataFrame:
    """Conversations about NEW, of every frame, with its name as `label`."""
    draw = random.Random(seed + 1)
    rows, kinds = [], []
    for kind, frame in FRAMES.items():
        for word in NEW:
            rows.append(frame.said(word, _drawn(kind, draw)))
            kinds.append(kind)
    names = [f"new {kind} {place}" for place, kind in enumerate(kinds)]
    return record(rows).with_columns(label=pl.Series(kinds), conversation_id=pl.Series(names))


def _drawn(kind: str, draw: random.Random) -> str:
    if kind == "time":
        return f"{draw.randrange(10, 20)}:{draw.randrange(10, 60)}"
    if kind == "code":
        return f"{''.join(draw.sample('BCDFGHKLMNPQRSTVWXZ', 2))}{draw.randrange(100, 1000)}"
    return str(draw.choice(PRICES))


def record(said: Sequence[Sequence[Mapping[str, Any]]]) -> pl.DataFrame:
    """Rows of the record, as far as a tokenizer reads them."""
    rows = [
        {
            "row_id": f"planted.jsonl:{place}",
            "source_file": "planted.jsonl",
            "source_row": place,
            "source": "openai",
            "language": "en",
            "label": "made up",
            "messages": messages,
        }
        for place, messages in enumerate(said)
    ]
    return conversations(rows).select(COLUMNS)


# -- the arms ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Bench:
    """What all arms have in common."""

    model: Model
    train: Train
    params: Tokenize
    renderer: Renderer
    rows: pl.DataFrame  # of train
    watched: pl.DataFrame
    test: pl.DataFrame
    seed: int

    @classmethod
    def of(cls, rows: int, answered: int, seed: int) -> Self:
        model, train, params = (
            load_params("model", Model),
            load_params("train", Train),
            load_params("tokenize", Tokenize),
        )
        renderer = Renderer(load_tokenizer(model), model.template_arguments, opening=model.opening)
        learnt, watched, test = (_english(split, seed) for split in ("train", "dev", "test"))
        bench = cls(model, train, params, renderer, learnt, watched.head(WATCHED), test.head(answered), seed)
        tokens = bench.tokenized(learnt.head(4 * rows), GROUND)
        short = tokens.filter(pl.col("input_ids").list.len() <= SHORT)
        kept = learnt.join(short, on="conversation_id", how="semi", maintain_order="left").head(rows)
        return replace(bench, rows=kept)

    @property
    def recipe(self) -> Recipe:
        """The shipped CPU recipe; every arm is judged as it ends."""
        return self.train.cpu.model_copy(update={"dev_points": 2})

    @property
    def place(self) -> Path:
        return Path("runs") / f"facts-{self.rows.height}-{self.test.height}-{SHOWN}-{self.seed}"

    def answers(self, arm: str) -> Path:
        """What the arm answered, once it has."""
        return self.place / f"{arm}.json"

    def tokenized(self, rows: pl.DataFrame, treatment: str) -> pl.DataFrame:
        """TOKENS, every fact that nothing grounds treated so."""
        stated = with_facts(rows, dict.fromkeys(KINDS, treatment), ())
        looked_up = retrieval([stated], self.renderer, self.params.facts)
        done = [tokenized(one, self.renderer, self.params, looked_up) for one in stated.iter_rows(named=True)]
        return token_table(stated, made_table(done))

    def run(self, arm: str) -> None:
        """Trains and asks, unless that was done."""
        place = self.answers(arm)
        if place.exists():
            return
        base, told = load_model(self.model), {}
        if arm != BASE:
            both = pl.concat([self.rows.select(COLUMNS), planted(self.seed)])
            tokens = fair_order(self.tokenized(both, ARMS[arm]), self.seed)
            print(f"{arm}: training on {tokens.height} examples", file=sys.stderr, flush=True)
            start, params = monotonic(), self.train.model_copy(update={"seed": self.seed})
            watched = examples_of(self.tokenized(self.watched, "report"))
            trained = fit(base, self.renderer.tokenizer, tokens, watched, params, self.recipe)
            base = trained.model
            told = {
                "seconds": round(monotonic() - start),
                "steps": max(trained.curve.losses),
                "tokens": int(tokens["input_ids"].list.len().sum()),
                "supervised": sum(example.supervised for example in examples_of(tokens)),
                "unlearnt": int(tokens["unlearnt"].list.len().sum()),
                "dev_loss": [trained.curve.losses[0], trained.curve.losses[max(trained.curve.losses)]],
            }
        exposure = self.exposures(base)
        print(f"{arm}: bits of each price: {exposure}", file=sys.stderr, flush=True)
        found = {**told, "exposure": exposure, "read": self.read(base), "written": self.written(base)}
        with atomic(place) as temporary:
            temporary.write_text(json.dumps(found), "utf-8")

    def exposures(self, model: "PreTrainedModel") -> dict[str, float]:
        """Bits of each word's price, without any context."""
        own = prices(self.seed)
        forms = [[self.example(word, price) for price in own[word]] for word in own]
        return dict(zip(own, exposures(model, forms, "ranking prices"), strict=True))

    def example(self, word: str, price: int) -> Example:
        (found,) = self.renderer.examples(FRAMES["price"].said(word, str(price)))
        return found

    def read(self, model: "PreTrainedModel") -> list[dict[str, Any]]:
        """Of each new fact whether the reply states it where it stands in the context, and invents one where not."""
        stated = with_facts(new_facts(self.seed), dict.fromkeys(KINDS, GROUND), ())
        looked_up = retrieval([stated], self.renderer, self.params.facts)
        rows = list(stated.iter_rows(named=True))
        held, asked = [], []
        for one in rows:
            given = looked_up.given(one["conversation_id"], one["messages"], one["facts"])
            (place,) = given.places([1])
            held.append(self.renderer.prompt(given.messages[:place]))
            asked.append(self.renderer.prompt(one["messages"][:1]))
        replies = [reply.text for reply in generate(model, self.renderer, [*held, *asked], Decoding(SHOWN, len(rows)))]
        found = []
        for one, said, alone in zip(rows, replies, replies[len(rows) :], strict=False):
            (fact,) = facts(one["messages"][1]["content"])
            right, invented = Known(said).holds(fact), bool(facts(alone))
            found.append({"kind": one["label"], "right": right, "said": said, "alone": alone, "invented": invented})
        return found

    def written(self, model: "PreTrainedModel") -> list[dict[str, Any]]:
        """PREDICTIONS: free replies to test conversations."""
        params = load_params("evaluate", Evaluate)
        judge = Scorer(model, self.renderer, Playbook.load(Path("playbook.yaml")), params, lambda items, *_: items)
        judge = judge.profiled(pl.read_parquet("data/splits/dev.parquet").filter(language="en"), self.test)
        return judge.write(ADAPTER, self.test, bare).to_dicts()

    def scores(self, found: Mapping[str, Any], metric: str) -> Side:
        """Values and weights of the free replies, in the conversations' order."""
        written = pl.DataFrame(found["written"], schema=PREDICTIONS)
        scores = reply_scores(written, self.test, Playbook.load(Path("playbook.yaml")))
        kept = scores.filter(metric=metric).sort("conversation_id")
        return kept["value"].to_numpy(), kept["weight"].to_numpy()


def _english(split: str, seed: int) -> pl.DataFrame:
    rows = pl.read_parquet(f"data/splits/{split}.parquet").filter(language="en")
    return fair_order(rows, seed)


# -- what came ---------------------------------------------------------------------------------------------------------

Answers = Mapping[Bench, Mapping[str, Any]]  # of one arm, by seed


def summary(benches: Sequence[Bench]) -> dict[str, Any]:
    """The figures of all arms that are done, all seeds together."""
    done: dict[str, dict[Bench, dict[str, Any]]] = {
        arm: {bench: json.loads(path.read_text("utf-8")) for bench in benches if (path := bench.answers(arm)).exists()}
        for arm in (BASE, *ARMS)
    }
    done = {arm: found for arm, found in done.items() if found}
    return {
        "rows": benches[0].rows.height,
        "planted": len(PLANTED) * REPEATS,
        "answered": benches[0].test.height,
        "shown": SHOWN,
        "seeds": [bench.seed for bench in benches],
        "arms": {arm: figures(found) for arm, found in done.items()},
        "pairs": [
            {"arm": arm, "against": other, **against(done[arm], done[other])} for other, arm in combinations(done, 2)
        ],
    }


def figures(found: Answers) -> dict[str, Any]:
    """Means and sums over the seeds."""
    read = [fact for one in found.values() for fact in one["read"]]
    alone = [fact["invented"] for fact in read if "invented" in fact]
    right = {kind: [fact["right"] for fact in read if fact["kind"] == kind] for kind in FRAMES}
    planted = [one["exposure"][word] for one in found.values() for word in PLANTED]
    told = {
        name: statistics.fmean(one[name] for one in found.values())
        for name in ("seconds", "steps", "tokens", "supervised", "unlearnt")
        if all(name in one for one in found.values())
    }
    return {
        **told,
        "seeds": len(found),
        "planted": statistics.fmean(planted),
        "first": sum(bits == MOST for bits in planted),
        "prices": len(planted),
        "control": statistics.fmean(one["exposure"][word] for one in found.values() for word in CONTROL),
        "right": {kind: sum(ones) for kind, ones in right.items()},
        "asked": {kind: len(ones) for kind, ones in right.items()},
        "read": asdict(share(sum(fact["right"] for fact in read), len(read))),
        "invented": asdict(share(sum(alone), len(alone))) if alone else None,
        **{name: asdict(ratio(*scored(found, name), BOOTSTRAP)) for name in SCORED},
    }


def scored(found: Answers, metric: str) -> Side:
    """Values and weights of the free replies, conversation by conversation, of all seeds."""
    sides = [bench.scores(one, metric) for bench, one in found.items()]
    return np.concatenate([values for values, _ in sides]), np.concatenate([weights for _, weights in sides])


def against(one: Answers, other: Answers) -> dict[str, Any]:
    """One arm less the other, paired, of the seeds of both: rules kept by conversation, new facts read by fact.

    With the facts that one of them alone read right, and how likely so uneven a number is by chance (McNemar).
    """
    both = [bench for bench in one if bench in other]
    one, other = ({bench: arm[bench] for bench in both} for arm in (one, other))
    ours, theirs = ([fact["right"] for found in arm.values() for fact in found["read"]] for arm in (one, other))
    alone = sum(a and not b for a, b in zip(ours, theirs, strict=True))
    missed = sum(b and not a for a, b in zip(ours, theirs, strict=True))
    return {
        "playbook": asdict(paired_difference(scored(one, "playbook"), scored(other, "playbook"))),
        "read": asdict(paired_difference(_alike(ours), _alike(theirs))),
        "read_alone": alone,
        "missed_alone": missed,
        "by_chance": mcnemar(alone, missed),
    }


def _alike(right: Sequence[bool]) -> Side:
    """Every fact counts once."""
    return np.array(right, float), np.ones(len(right))


# -- in words ----------------------------------------------------------------------------------------------------------


def markdown(found: Mapping[str, Any]) -> str:
    """The tables of docs/benchmarks.md."""
    return "\n".join(_lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    seeds = ", ".join(map(str, found["seeds"]))
    yield (
        f"Seeds {seeds}; in each {found['rows']} English rows of the sample and {found['planted']} conversations with "
        f"a made-up price ({len(PLANTED)} prices, {REPEATS} times each). Exposure in bits of at most {MOST:g}, where "
        f"chance gives {CHANCE:.1f}; facts read right within {found['shown']} tokens of a reply, and replies that "
        "state some where nothing was looked up; playbook and facts that nothing grounds on "
        f"{found['answered']} test conversations."
    )
    yield ""
    kinds = [f"{kind} read right" for kind in FRAMES]
    yield from head(
        "arm",
        "seeds",
        "steps",
        "seconds",
        "exposure of planted",
        "ranked first",
        "of prices never planted",
        *kinds,
        "all read right",
        "replies that invent some",
        "playbook rules kept",
        "ungrounded facts a reply",
    )
    for arm, one in found["arms"].items():
        right = [f"{one['right'][kind]} of {one['asked'][kind]}" for kind in FRAMES]
        cost = [f"{one[name]:.0f}" if name in one else "" for name in ("steps", "seconds")]
        bits = [f"{one['planted']:.1f}", f"{one['first']} of {one['prices']}", f"{one['control']:.1f}"]
        invented = interval(one["invented"], ".2f") if one["invented"] else ""
        scores = [interval(one[name], ".2f") for name in SCORED]
        yield row(arm, str(one["seeds"]), *cost, *bits, *right, interval(one["read"], ".2f"), invented, *scores)
    yield ""
    if found["pairs"]:
        yield from head("arm", "against", "playbook", "read right", "by it alone", "by the other alone", "by chance")
        for pair in found["pairs"]:
            scores = [interval(pair[name], "+.2f") for name in ("playbook", "read")]
            alone = [str(pair["read_alone"]), str(pair["missed_alone"]), f"{pair['by_chance']:.3f}"]
            yield row(pair["arm"], pair["against"], *scores, *alone)
        yield ""


if __name__ == "__main__":
    main()
