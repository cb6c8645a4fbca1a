"""How an arm is measured: the same conversations, decoding and judges for all of them.

Per conversation a metric is a `value` and a `weight`; over conversations it is sum of values / sum of weights. So a
token counts as much as any other token and a reply as any other reply, and intervals draw whole conversations.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from pydantic import Field

from curation.harness.errors import QiratError
from curation.harness.params import Params
from curation.record.draw import fair_order
from curation.record.playbook import Playbook
from curation.statistics.intervals import Bootstrap, ratio
from curation.text.folding import fold
from training.judge.arms import Before, Messages, Row, with_prefix
from training.judge.generation import Decoding, Memory, generate
from training.judge.rules import kept_rules, replies
from training.model.base import Model, load_model, load_tokenizer
from training.model.likelihood import Progress, negative_log_likelihoods
from training.template import Example, InexpressibleError, Renderer

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
    {
        "arm": pl.String,
        "conversation_id": pl.String,
        "metric": pl.String,
        "value": pl.Float64,
        "weight": pl.Float64,
    }
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

# What is measured; +1: more is better, -1: less is better, 0: neither.
METRICS = {
    "nll": -1,  # nats a token of the team's own reply
    "bits_per_byte": -1,  # the same by its UTF-8 bytes: comparable between models with other tokenizers
    "playbook": 1,  # share of the playbook's rules that the written replies keep
    "playbook_pass": 1,  # share of conversations that break none
    "chrf": 1,  # chrF++, letter and word n-gram likeness to the team's reply, 0..100
    "style": -1,  # distance of the letter profile from the team's, 0..1, see style.py
    "stopped": 1,  # share of replies that ended by themselves
    "words": 0,  # length of a reply
    "prompt_tokens": -1,  # what a reply costs before it begins
}
Metric = Literal["nll", "playbook", "playbook_pass", "chrf", "stopped"]


class Evaluate(Params):
    """Read by baseline too: all arms answer the same questions under the same rules."""

    seed: int
    conversations: int = Field(gt=0)  # test conversations whose replies are scored by likelihood
    generated: int = Field(gt=0)  # of these, answered freely and judged by the playbook
    max_tokens: int  # only conversations this short (base model's tokens, without an arm's prompt)
    max_new_tokens: int  # a longer reply is cut, and counts as not stopped
    batch: int  # replies written at a time
    bootstrap: int  # redraws behind each 95% interval
    primary: Metric  # what the adapter must win, see promote.py
    # The adapter may be this much worse than any prompt arm, in any language; other metrics may do anything.
    margins: dict[Metric, float]
    forgetting: int = Field(ge=0)  # questions on general ability in each language, see forgetting; 0: none are asked
    forgetting_margin: float = Field(gt=0)  # the adapter may lose this much of the chance it gives right answers
    require_promotion: bool = False  # the stage fails unless its verdict is "promote", after everything is written

    @property
    def redraws(self) -> Bootstrap:
        return Bootstrap(self.bootstrap, self.seed)


@dataclass(frozen=True)
class Judge:
    """A model with what turns conversations into its tokens and replies into scores."""

    model: "PreTrainedModel"
    renderer: Renderer
    playbook: Playbook
    params: Evaluate
    progress: Callable[..., Any]  # Stage.progress
    memory: Memory | None = None  # of replies

    @classmethod
    def of(
        cls, model: Model, playbook: Playbook, params: Evaluate, progress: Callable[..., Any], memory: Memory
    ) -> "Judge":
        renderer = Renderer(load_tokenizer(model), model.template_arguments)
        return cls(load_model(model), renderer, playbook, params, progress, memory)

    def likelihood(self, arm: str, conversations: pl.DataFrame, before: Before) -> pl.DataFrame:
        """SCORES: the team's own replies under the arm's prompt."""
        owners: list[str] = []
        examples: list[Example] = []
        for row in conversations.iter_rows(named=True):
            found = list(self._examples(row, before))
            examples += found
            owners += [row["conversation_id"]] * len(found)
        sums = negative_log_likelihoods(self.model, examples, progress=self._bar(f"{arm}, likelihood"))
        scored = pl.DataFrame({"conversation_id": owners, "value": sums, "tokens": [e.supervised for e in examples]})
        summed = scored.group_by("conversation_id", maintain_order=True).agg(pl.col("value", "tokens").sum())
        sized = summed.join(_reply_bytes(conversations), on="conversation_id", maintain_order="left")
        nll = sized.with_columns(metric=pl.lit("nll"), weight=pl.col("tokens"))
        bits = sized.with_columns(metric=pl.lit("bits_per_byte"), value=pl.col("value") / math.log(2))
        bits = bits.with_columns(weight=pl.col("bytes")).filter(pl.col("bytes") > 0)
        columns = [pl.col(name).cast(dtype) for name, dtype in SCORES.items()]
        return pl.concat([table.with_columns(arm=pl.lit(arm)).select(columns) for table in (nll, bits)])

    def write(self, arm: str, conversations: pl.DataFrame, before: Before) -> pl.DataFrame:
        """PREDICTIONS: the model's own reply at each assistant turn, the turns before it as they were."""
        places: list[tuple[str, int]] = []
        prompts: list[list[int]] = []
        for row in conversations.iter_rows(named=True):
            for turn in reply_turns(row["messages"]):
                joined, _ = with_prefix(before(row, turn), row["messages"][:turn])
                places.append((row["conversation_id"], turn))
                prompts.append(self.renderer.prompt(joined, row["tools"]))
        written = generate(
            self.model,
            self.renderer,
            prompts,
            Decoding(self.params.max_new_tokens, self.params.batch, self.memory),
            self._bar(f"{arm}, replies"),
        )
        rows = [
            (arm, conversation, turn, reply.prompt_tokens, reply.text, reply.tokens, reply.stopped)
            for (conversation, turn), reply in zip(places, written, strict=True)
        ]
        return pl.DataFrame(rows, schema=PREDICTIONS, orient="row")

    def refusal(self, row: Row, before: Before) -> str | None:
        """Why the arm cannot be judged on the conversation: its template or its window; None when it can."""
        try:
            longest = max((len(e.input_ids) for e in self._examples(row, before)), default=0)
        except InexpressibleError as error:
            return str(error)
        window = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if window and longest + self.params.max_new_tokens > window:
            return f"{longest:,} tokens and a reply of {self.params.max_new_tokens}, where the model reads {window:,}"
        return None

    def tokens(self, text: str) -> int:
        """How many the model's tokenizer makes of a text."""
        return len(self.renderer.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _examples(self, row: Row, before: Before) -> Iterator[Example]:
        """The team's replies, those in a row that the arm says the same before as one."""
        turns = [turn for turn, m in enumerate(row["messages"]) if m["role"] == "assistant"]
        for prefix, group in groupby(turns, key=lambda turn: before(row, turn)):
            joined, shift = with_prefix(prefix, row["messages"])
            yield from self.renderer.examples(joined, row["tools"], turns={turn + shift for turn in group})

    def _bar(self, what: str) -> Progress:
        return lambda batches, total: self.progress(batches, what, total, "batches")


def answerable(test: pl.DataFrame, judge: Judge, split: str = "test") -> pl.DataFrame:
    """`conversations` of those that are short enough, the languages in their proportions."""
    params = judge.params
    rows = judge.progress(test.iter_rows(named=True), "lengths", test.height)
    lengths = [max(len(e.input_ids) for e in judge.renderer.examples(row["messages"], row["tools"])) for row in rows]
    short = test.filter(pl.Series(lengths, dtype=pl.Int64) <= params.max_tokens)
    if not short.height:
        raise QiratError(
            f"no conversation of data/splits/{split} has at most {params.max_tokens} tokens; "
            "raise params.yaml: evaluate.max_tokens"
        )
    return fair_order(short, params.seed).head(params.conversations)


def sayable(test: pl.DataFrame, arms: Mapping[str, Before], judge: Judge) -> pl.DataFrame:
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


def reply_scores(predictions: pl.DataFrame, conversations: pl.DataFrame, playbook: Playbook) -> pl.DataFrame:
    """SCORES of written replies: each conversation judged with the arm's replies in place of the team's."""
    rows = {row["conversation_id"]: row for row in conversations.iter_rows(named=True)}
    counts = predictions.group_by("arm", "conversation_id").agg(pl.col("stopped", "prompt_tokens").sum())
    sums = counts.rows_by_key(["arm", "conversation_id"], named=True, unique=True)
    found = []
    for (arm, conversation), said in replies(predictions).items():
        row, summed = rows[conversation], sums[arm, conversation]
        kept = kept_rules(playbook, row, said)
        counted = {
            "playbook": (sum(kept.values()), len(kept)),
            "playbook_pass": (all(kept.values()), 1),
            "chrf": (sum(chrf(text, row["messages"][turn]["content"]) for turn, text in said.items()), len(said)),
            "stopped": (summed["stopped"], len(said)),
            "words": (sum(len(text.split()) for text in said.values()), len(said)),
            "prompt_tokens": (summed["prompt_tokens"], len(said)),
        }
        found += [(arm, conversation, metric, value, weight) for metric, (value, weight) in counted.items()]
    return pl.DataFrame(found, schema=SCORES, orient="row").sort("arm", "conversation_id", "metric")


def chrf(written: str, reference: str) -> float:
    """chrF++ of two texts, 0..100, with Arabic spelling variants, case and digits folded."""
    return float(_chrf().sentence_score(fold(written), [fold(reference)]).score)


def arm_table(scores: pl.DataFrame, conversations: pl.DataFrame, bootstrap: Bootstrap) -> pl.DataFrame:
    """ARMS: every metric of every arm, for all conversations and by language, with intervals."""
    spoken = by_language(scores, conversations)
    groups = spoken.sort("conversation_id").partition_by("arm", "metric", "language", as_dict=True)
    rows = []
    for key, group in groups.items():
        found = ratio(group["value"].to_numpy(), group["weight"].to_numpy(), bootstrap)
        rows.append((*key, found.value, found.low, found.high, found.n, METRICS[str(key[1])]))
    return pl.DataFrame(rows, schema=ARMS, orient="row").sort("arm", "metric", "language")


def by_language(scores: pl.DataFrame, conversations: pl.DataFrame) -> pl.DataFrame:
    """Rows with their conversation's `language`, and every row once more under ALL."""
    spoken = scores.join(conversations.select("conversation_id", "language"), on="conversation_id")
    return pl.concat([spoken, spoken.with_columns(language=pl.lit(ALL))])


def figure(arms: pl.DataFrame, arm: str, metric: str) -> float:
    """One value of `arm_table` over all conversations."""
    row = arms.row(by_predicate=(pl.col("arm") == arm) & (pl.col("metric") == metric) & (pl.col("language") == ALL))
    return float(row[arms.columns.index("value")])


def best_arm(arms: pl.DataFrame, metric: Metric, among: Sequence[str]) -> str:
    """The arm with the best value of a metric, where it has one; the first named when they tie."""
    measured = set(arms.filter(metric=metric, language=ALL)["arm"])
    return max((arm for arm in among if arm in measured), key=lambda arm: METRICS[metric] * figure(arms, arm, metric))


def as_text(arms: pl.DataFrame, order: Sequence[str]) -> str:
    """The arms over all conversations as a table for the terminal: value [low, high]."""
    shown = (
        arms.filter(pl.col("language") == ALL)
        .with_columns(
            cell=pl.format("{} [{}, {}]", *(pl.col(c).round(2).cast(pl.String) for c in ("value", "low", "high")))
        )
        .pivot("arm", index="metric", values="cell", maintain_order=True)
    )
    names = [metric for metric in METRICS if metric in shown["metric"]]
    cells = {row["metric"]: row for row in shown.iter_rows(named=True)}
    lines = [["metric", *order], *([name, *(cells[name].get(arm) or "" for arm in order)] for name in names)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(f"{c:<{w}}" for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def reply_turns(messages: Messages) -> list[int]:
    """Where the assistant speaks in words; a turn that calls a tool is not the playbook's business."""
    return [turn for turn, m in enumerate(messages) if m["role"] == "assistant" and m["content"] and turn > 0]


def _reply_bytes(conversations: pl.DataFrame) -> pl.DataFrame:
    """conversation_id and the UTF-8 bytes of the team's replies."""
    rows = conversations.select("conversation_id", "messages").iter_rows()
    sizes = [(key, sum(len(m["content"].encode()) for m in said if m["role"] == "assistant")) for key, said in rows]
    return pl.DataFrame(sizes, schema={"conversation_id": pl.String, "bytes": pl.Int64}, orient="row")


@cache
def _chrf() -> Any:
    from sacrebleu.metrics import CHRF  # type: ignore[attr-defined]

    return CHRF(word_order=2)
