"""How an arm is measured: the same conversations, decoding and judges for all of them.

Per conversation a metric is a `value` and a `weight`; over conversations it is sum of values / sum of weights. So a
token counts as much as any other token and a reply as any other reply. Intervals draw the clusters of split, whole: all
conversations of one customer, and those that are alike.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import polars as pl
from pydantic import AfterValidator, Field

from curation.core.record.conversation import is_taught
from curation.core.record.draw import fair_order
from curation.core.record.playbook import Playbook
from curation.core.statistics.intervals import Bootstrap, Interval, Z, jackknife, ratio
from curation.harness.errors import QiratError
from curation.harness.params import Params
from training.judge.arms import ADAPTER, Before, Messages, Row, with_prefix
from training.judge.facts import NO_HOUSE, House
from training.judge.generation import Decoding, Reply, ReplyMemory, generate_and_weigh
from training.judge.languages import LanguageProfile, Languages, Measures, counted_by, judged_beside, profiles
from training.judge.metrics import Answered, Likely, Metric, Needs, measured, metrics
from training.judge.server import Served, Server
from training.model.base import Model, load_tokenizer
from training.model.continuous import Writing
from training.model.layout import load_to_answer
from training.model.likelihood import Progress, negative_log_likelihoods
from training.model.template import Example, InexpressibleError, Renderer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PREDICTIONS = pl.Schema(
    {
        "arm": pl.String,
        "conversation_id": pl.String,
        "turn": pl.Int32,  # 0-based place of the reply in the conversation
        "prompt_tokens": pl.Int32,
        "text": pl.String,
        "tokens": pl.Int32,  # generated, the stop token included
        "stopped": pl.Boolean,
    }
)
SCORES = pl.Schema(
    {"arm": pl.String, "conversation_id": pl.String, "metric": pl.String, "value": pl.Float64, "weight": pl.Float64}
)
ARMS = pl.Schema(
    {
        "arm": pl.String,
        "metric": pl.String,
        "language": pl.String,  # "all" or a code
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "n": pl.Int64,  # conversations
        "better": pl.Int8,  # 1: more is better, -1: less is better, 0: neither
    }
)
ALL = "all"


def _deciding(name: str) -> str:
    names = [one.name for one in metrics().values() if one.decides]
    if name not in names:
        raise ValueError(f"expected one of {', '.join(names)}")
    return name


Deciding = Annotated[str, AfterValidator(_deciding)]  # the name of a metric that may decide


class Evaluate(Params):
    """Read by baseline too: all arms answer the same questions under the same rules."""

    seed: int
    conversations: int = Field(gt=0)  # test conversations whose replies are scored by likelihood
    generated: int = Field(gt=0)  # answered freely and judged by the playbook: at least so many,
    most: int = Field(gt=0)  # and at most so many, where the margins ask for more: see training/baseline/plan.py
    rivals: Literal["auto", "every", "strongest"]  # prompt arms that answer; auto: the strongest on dev where no GPU is
    max_tokens: int  # only conversations this short (base model's tokens, without an arm's prompt)
    # A longer reply is cut, and counts as not stopped; auto: what the team's own replies in its language take.
    max_new_tokens: Annotated[int, Field(gt=0)] | Literal["auto"]
    languages: Languages = "auto"  # that are judged; auto: those that the base model's tokenizer knows
    batch: int = Field(gt=0)  # replies written in step
    writing: Writing = "auto"  # of replies by this machine; auto: continuous on a card, where it writes the same
    server: Server | None = None  # writes the replies of base and adapter in place of this machine
    bootstrap: int  # redraws behind each 95% interval
    primary: Deciding  # what the adapter must win, see promote.py
    margins: dict[Deciding, float | None] = Field(default_factory=dict)  # in place of the metrics' own; null: none
    forgetting: int = Field(ge=0)  # questions on general ability in each language, see forgetting; 0: none are asked
    forgetting_margin: float = Field(gt=0)  # the adapter may lose this much of the chance it gives right answers
    require_promotion: bool = False  # the stage fails unless its verdict is "promote", after everything is written

    @property
    def guarded(self) -> dict[str, float]:
        """The adapter may be this much worse than any prompt arm, in any language; other metrics may do anything."""
        margins = {one.name: self.margins.get(one.name, one.margin) for one in metrics().values()}
        return {name: margin for name, margin in margins.items() if margin is not None}

    @property
    def redraws(self) -> Bootstrap:
        return Bootstrap(self.bootstrap, self.seed)


@dataclass(frozen=True)
class Scorer:
    """A model with what turns conversations into its tokens and replies into scores."""

    model: "PreTrainedModel"
    renderer: Renderer
    playbook: Playbook
    params: Evaluate
    progress: Callable[..., Any]  # Stage.progress
    memory: ReplyMemory | None = None  # of replies
    profiles: Mapping[str, LanguageProfile] = field(default_factory=dict)  # by language of the test conversations
    house: House = NO_HOUSE

    @classmethod
    def of(
        cls,
        model: Model,
        playbook: Playbook,
        params: Evaluate,
        progress: Callable[..., Any],
        memory: ReplyMemory,
        adapter: Path | None = None,
    ) -> "Scorer":
        """Of the base, or of the adapter in a folder, on all cards of this machine."""
        renderer = Renderer(load_tokenizer(model), model.template_arguments, opening=model.opening)
        return cls(load_to_answer(model, adapter, helped=True), renderer, playbook, params, progress, memory)

    def likelihood(self, arm: str, conversations: pl.DataFrame, before: Before) -> pl.DataFrame:
        """SCORES: the team's own replies under the arm's prompt."""
        told = list(self._told(conversations, before))
        bar = self.bar(f"{arm}, likelihood")
        return _likely(arm, told, negative_log_likelihoods(self.model, [one.example for one in told], progress=bar))

    def write(self, arm: str, conversations: pl.DataFrame, before: Before) -> pl.DataFrame:
        """PREDICTIONS: the model's own reply at each assistant turn, the turns before it as they were."""
        return self.write_and_weigh(arm, conversations, conversations.clear(), before)[0]

    def write_and_weigh(
        self, arm: str, conversations: pl.DataFrame, weighed: pl.DataFrame, before: Before
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What `write` gives of the conversations, and `likelihood` of those `weighed`, with one reading."""
        places, prompts = self.prompts(conversations, before)
        spoken = dict(conversations.select("conversation_id", "language").iter_rows())
        limits = [self.limit(spoken[conversation]) for conversation, _ in places]
        told = list(self._told(weighed, before))
        written, sums = self._generated(arm, prompts, limits, told)
        rows = [
            (arm, conversation, turn, reply.prompt_tokens, reply.text, reply.tokens, reply.stopped)
            for (conversation, turn), reply in zip(places, written, strict=True)
        ]
        return pl.DataFrame(rows, schema=PREDICTIONS, orient="row"), _likely(arm, told, sums)

    def prompts(self, conversations: pl.DataFrame, before: Before) -> tuple[list[tuple[str, int]], list[list[int]]]:
        """(conversation, turn) of every reply that is asked for, and the tokens that the arm reads before it."""
        places: list[tuple[str, int]] = []
        prompts: list[list[int]] = []
        for row in conversations.iter_rows(named=True):
            for turn in reply_turns(row["messages"]):
                joined, _ = with_prefix(before(row, turn), row["messages"][:turn])
                places.append((row["conversation_id"], turn))
                prompts.append(self.renderer.prompt(joined, row["tools"]))
        return places, prompts

    def _told(self, conversations: pl.DataFrame, before: Before) -> Iterator["Told"]:
        for row in conversations.iter_rows(named=True):
            size = sum(len(m["content"].encode()) for m in row["messages"] if is_taught(m))
            named = (row["conversation_id"], row["language"], size)
            yield from (Told(*named, example) for example in self.examples(row, before))

    def _generated(
        self, arm: str, prompts: Sequence[list[int]], limits: Sequence[int], told: Sequence["Told"]
    ) -> tuple[list[Reply], list[float]]:
        """A reply to each prompt, those with one limit together, and the nats of what the team said."""
        server = self.params.server
        served = Served(server, server.adapter if arm == ADAPTER else server.base) if server else None
        bar = self.bar(f"{arm}, replies")
        replies: dict[int, Reply] = {}
        sums: dict[int, float] = {}
        told_limits = [self.limit(one.language) for one in told]
        for limit in sorted({*limits, *told_limits}):
            places, beside = ([at for at, its in enumerate(found) if its == limit] for found in (limits, told_limits))
            decoding = Decoding(limit, self.params.batch, self.memory, served, self.params.writing)
            asked, examples = [prompts[place] for place in places], [told[place].example for place in beside]
            written, nats = generate_and_weigh(self.model, self.renderer, asked, examples, decoding, bar)
            replies |= zip(places, written, strict=True)
            sums |= zip(beside, nats, strict=True)
        return [replies[place] for place in range(len(prompts))], [sums[place] for place in range(len(told))]

    def profiled(self, teams: pl.DataFrame, test: pl.DataFrame) -> "Scorer":
        """With what replies in each language of `test` take, read off the team's own in `teams`: train and dev."""
        params = self.params
        measures = Measures(self.tokens, params.max_new_tokens, params.max_tokens, self.playbook.max_words)
        return replace(self, profiles=profiles(teams, test, measures, params.languages))

    def limit(self, language: str) -> int:
        """Tokens of a reply in this language, its stop token included, the same for every arm."""
        wanted = self.params.max_new_tokens
        return self.profiles[language].limit if wanted == "auto" else wanted

    def judged(self, texts: Mapping[str, Sequence[str]]) -> set[str]:
        """The languages in which something else is asked, by texts in each; all when none of them is judged."""
        return judged_beside(self.profiles, self.params.languages, texts, self.tokens)

    def refusal(self, row: Row, before: Before) -> str | None:
        """Why the arm cannot be judged on the conversation: its template or its window; None when it can."""
        try:
            longest = max((len(e.input_ids) for e in self.examples(row, before)), default=0)
        except InexpressibleError as error:
            return str(error)
        window = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        limit = self.limit(row["language"])
        if window and longest + limit > window:
            return f"{longest:,} tokens and a reply of {limit}, where the model reads {window:,}"
        return None

    def tokens(self, text: str) -> int:
        """How many the model's tokenizer makes of a text."""
        return counted_by(self.renderer.tokenizer)(text)

    def examples(self, row: Row, before: Before) -> Iterator[Example]:
        """The team's replies, those in a row that the arm says the same before as one."""
        turns = [turn for turn, m in enumerate(row["messages"]) if is_taught(m)]
        for prefix, group in groupby(turns, key=lambda turn: before(row, turn)):
            joined, shift = with_prefix(prefix, row["messages"])
            yield from self.renderer.examples(joined, row["tools"], turns={turn + shift for turn in group})

    def bar(self, what: str) -> Progress:
        """Of batches, under these words."""
        return lambda batches, total: self.progress(batches, what, total, "batches")


@dataclass(frozen=True)
class Told:
    """Replies of the team behind an arm's prompt."""

    conversation_id: str
    language: str
    size: int  # bytes of all the team's replies in the conversation
    example: Example


def _likely(arm: str, told: Sequence[Told], sums: Sequence[float]) -> pl.DataFrame:
    """SCORES, from the nats of each."""
    sizes = {one.conversation_id: one.size for one in told}
    rows = [(one.conversation_id, nats, one.example.supervised) for one, nats in zip(told, sums, strict=True)]
    scored = pl.DataFrame(rows, schema={"key": pl.String, "nats": pl.Float64, "tokens": pl.Int64}, orient="row")
    summed = scored.group_by("key", maintain_order=True).agg(pl.col("nats", "tokens").sum())
    return _scored(
        "likelihood", [(arm, key, Likely(nats, tokens, sizes[key])) for key, nats, tokens in summed.iter_rows()]
    )


def answerable(test: pl.DataFrame, judge: Scorer, most: int, split: str = "test") -> pl.DataFrame:
    """At most so many of those that are short enough, the languages that are judged in their proportions."""
    params = judge.params
    if judge.profiles:
        test = test.filter(pl.col("language").is_in([code for code, its in judge.profiles.items() if its.judged]))
    rows = judge.progress(test.iter_rows(named=True), "lengths", test.height)
    lengths = [max(len(e.input_ids) for e in judge.renderer.examples(row["messages"], row["tools"])) for row in rows]
    short = test.filter(pl.Series(lengths, dtype=pl.Int64) <= params.max_tokens)
    if not short.height:
        raise QiratError(
            f"no conversation of data/splits/{split} in a language that is judged has at most {params.max_tokens} "
            "tokens; raise params.yaml: evaluate.max_tokens, or see evaluate.languages"
        )
    return fair_order(short, params.seed).head(most)


def sayable(test: pl.DataFrame, arms: Mapping[str, Before], judge: Scorer) -> pl.DataFrame:
    """Those that the model can be given behind every arm's prompt: all arms must answer the same questions."""
    refused: list[str] = []
    kept = []
    for row in judge.progress(test.iter_rows(named=True), "prompts", test.height):
        reasons = [
            f"{arm}, conversation {row['conversation_id']}: {reason}"
            for arm, before in arms.items()
            if (reason := judge.refusal(row, before))
        ]
        refused += reasons
        kept.append(not reasons)
    if not any(kept):
        raise QiratError(
            f"the model can be given no test conversation behind every arm's prompt (arm {refused[0]}); choose a base "
            "model that reads more and whose template knows system messages and several turns, or show fewer examples "
            "(params.yaml: model.name, baseline.shots)"
        )
    return test.filter(pl.Series(kept, dtype=pl.Boolean))


def reply_scores(
    predictions: pl.DataFrame, conversations: pl.DataFrame, playbook: Playbook, house: House = NO_HOUSE
) -> pl.DataFrame:
    """SCORES of written replies: each conversation judged with the arm's replies in place of the team's."""
    rows = {row["conversation_id"]: row for row in conversations.iter_rows(named=True)}
    ordered = predictions.sort("arm", "conversation_id", "turn")
    written = ordered.partition_by("arm", "conversation_id", as_dict=True)
    records = [
        (str(arm), str(key), Answered(rows[key], said.to_dicts(), playbook, house))
        for (arm, key), said in written.items()
    ]
    return _scored("replies", records).sort("arm", "conversation_id", "metric")


def _scored(needs: Needs, records: Sequence[tuple[str, str, Likely | Answered]]) -> pl.DataFrame:
    """SCORES of (arm, conversation, record), metric by metric."""
    rows = [
        (arm, key, metric.name, *score)
        for metric in measured(needs)
        for arm, key, record in records
        if (score := metric.measure(record))
    ]
    return pl.DataFrame(rows, schema=SCORES, orient="row")


def arm_table(scores: pl.DataFrame, conversations: pl.DataFrame, bootstrap: Bootstrap) -> pl.DataFrame:
    """ARMS: every metric of every arm, for all conversations and by language, with intervals."""
    keys = ["arm", "metric", "language"]
    rows = []
    units = of_units(by_language(scores, conversations), keys, "value", "weight")
    for key, part in units.partition_by(keys, as_dict=True).items():
        found = ratio(part["value"].to_numpy(), part["weight"].to_numpy(), bootstrap)
        asked = int(part["conversations"].sum())
        rows.append((*key, found.value, found.low, found.high, asked, metrics()[str(key[1])].better))
    return pl.DataFrame(rows, schema=ARMS, orient="row").sort("arm", "metric", "language")


def corpus_table(predictions: pl.DataFrame, conversations: pl.DataFrame) -> pl.DataFrame:
    """ARMS of the metrics of all that was written, over all conversations and by language."""
    rows = []
    for metric, language, values in _of_corpus(predictions, conversations):
        least, most = metric.bounds
        for arm, (value, without_one) in values.items():
            found = jackknife(value, without_one)
            bounds = (max(found.low, least), min(found.high, most))
            rows.append((arm, metric.name, language, value, *bounds, found.n, metric.better))
    return pl.DataFrame(rows, schema=ARMS, orient="row")


def corpus_differences(
    predictions: pl.DataFrame, conversations: pl.DataFrame, arm: str, z: float = Z
) -> Iterator[tuple[str, str, str, Interval]]:
    """(against, metric, language, difference) of the arm and every other arm, of the same metrics."""
    for metric, language, values in _of_corpus(predictions, conversations):
        for against in sorted(values.keys() - {arm}):
            (ours, mine), (theirs, others) = values[arm], values[against]
            yield against, metric.name, language, jackknife(ours - theirs, mine - others, z)


def _of_corpus(
    predictions: pl.DataFrame, conversations: pl.DataFrame
) -> Iterator[tuple[Metric, str, Mapping[str, Any]]]:
    """(metric, language, what it measures), all conversations under ALL."""
    for metric in measured("corpus"):
        for language, part in by_languages(conversations):
            yield metric, language, metric.measure(predictions, part)


def by_language(scores: pl.DataFrame, conversations: pl.DataFrame) -> pl.DataFrame:
    """Rows with their conversation's `language` and `cluster_id`, and every row once more under ALL."""
    spoken = scores.join(conversations.select("conversation_id", "language", "cluster_id"), on="conversation_id")
    return pl.concat([spoken, spoken.with_columns(language=pl.lit(ALL))])


def of_units(rows: pl.DataFrame, keys: Sequence[str], *sums: str) -> pl.DataFrame:
    """(*keys, cluster_id, *sums, conversations), a row a cluster: what split kept together is drawn together."""
    drawn = rows.group_by(*keys, "cluster_id").agg(pl.col(*sums).sum(), conversations=pl.len())
    return drawn.sort(*keys, "cluster_id")


def by_languages(rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """All rows, under ALL, and those of each language; nothing where there are none."""
    if rows.height:
        yield ALL, rows
    yield from ((code, rows.filter(language=code)) for code in sorted(rows["language"].unique()))


def figure(arms: pl.DataFrame, arm: str, metric: str) -> dict[str, Any]:
    """The row of `arm_table` over all conversations."""
    wanted = (pl.col("arm") == arm) & (pl.col("metric") == metric) & (pl.col("language") == ALL)
    return arms.row(by_predicate=wanted, named=True)


def best_arm(arms: pl.DataFrame, metric: str, among: Sequence[str]) -> str:
    """The arm with the best value of a metric, where it has one; the first named when they tie."""
    known = set(arms.filter(metric=metric, language=ALL)["arm"])
    better = metrics()[metric].better
    return max((arm for arm in among if arm in known), key=lambda arm: better * figure(arms, arm, metric)["value"])


def as_text(arms: pl.DataFrame, order: Sequence[str]) -> str:
    """The arms over all conversations as a table for the terminal: value [low, high]."""
    shown = (
        arms.filter(pl.col("language") == ALL)
        .with_columns(
            cell=pl.format("{} [{}, {}]", *(pl.col(c).round(2).cast(pl.String) for c in ("value", "low", "high")))
        )
        .pivot("arm", index="metric", values="cell", maintain_order=True)
    )
    names = [metric for metric in metrics() if metric in shown["metric"]]
    cells = {row["metric"]: row for row in shown.iter_rows(named=True)}
    lines = [["metric", *order], *([name, *(cells[name].get(arm) or "" for arm in order)] for name in names)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(f"{c:<{w}}" for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def reply_turns(messages: Messages) -> list[int]:
    """Where the assistant speaks in words; a turn that calls a tool is not the playbook's business."""
    return [turn for turn, m in enumerate(messages) if is_taught(m) and m["content"] and turn > 0]
