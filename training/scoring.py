"""How an arm is measured: the same conversations, decoding and judges for all of them.

Per conversation a metric is a `value` and a `weight`; over conversations it is sum of values / sum of weights. So a
token counts as much as any other token and a reply as any other reply, and intervals draw whole conversations.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from pydantic import Field

from curation.playbook import Playbook
from curation.stage import Params, QiratError
from curation.text import fold
from training.arms import Messages, Prefixes, with_prefix
from training.generation import generate
from training.intervals import Bootstrap, ratio
from training.likelihood import Progress, negative_log_likelihoods
from training.model import Model, load_model, load_tokenizer
from training.sample import fair_order
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
    "playbook": 1,  # share of the playbook's rules that the written replies keep
    "playbook_pass": 1,  # share of conversations that break none
    "chrf": 1,  # character n-gram likeness to the team's reply, 0..100
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

    @classmethod
    def of(cls, model: Model, playbook: Playbook, params: Evaluate, progress: Callable[..., Any]) -> "Judge":
        renderer = Renderer(load_tokenizer(model), model.template_arguments)
        return cls(load_model(model), renderer, playbook, params, progress)

    def likelihood(self, arm: str, conversations: pl.DataFrame, prefixes: Prefixes) -> pl.DataFrame:
        """SCORES: the team's own replies under the arm's prompt."""
        owners: list[str] = []
        examples: list[Example] = []
        for row in conversations.iter_rows(named=True):
            joined, first = with_prefix(prefixes.get(row["conversation_id"], ()), row["messages"])
            found = self.renderer.examples(joined, row["tools"], first=first)
            examples += found
            owners += [row["conversation_id"]] * len(found)
        sums = negative_log_likelihoods(self.model, examples, progress=self._bar(f"{arm}, likelihood"))
        scored = pl.DataFrame({"conversation_id": owners, "value": sums, "weight": [e.supervised for e in examples]})
        summed = scored.group_by("conversation_id", maintain_order=True).agg(pl.col("value", "weight").sum())
        return _scores(summed.with_columns(arm=pl.lit(arm), metric=pl.lit("nll")))

    def write(self, arm: str, conversations: pl.DataFrame, prefixes: Prefixes) -> pl.DataFrame:
        """PREDICTIONS: the model's own reply at each assistant turn, the turns before it as they were."""
        places: list[tuple[str, int]] = []
        prompts: list[list[int]] = []
        for row in conversations.iter_rows(named=True):
            joined, _ = with_prefix(prefixes.get(row["conversation_id"], ()), row["messages"])
            shift = len(joined) - len(row["messages"])
            for turn in _reply_turns(row["messages"]):
                places.append((row["conversation_id"], turn))
                prompts.append(self.renderer.prompt(joined[: turn + shift], row["tools"]))
        replies = generate(
            self.model,
            self.renderer,
            prompts,
            max_new_tokens=self.params.max_new_tokens,
            batch=self.params.batch,
            progress=self._bar(f"{arm}, replies"),
        )
        rows = [
            (arm, conversation, turn, reply.prompt_tokens, reply.text, reply.tokens, reply.stopped)
            for (conversation, turn), reply in zip(places, replies, strict=True)
        ]
        return pl.DataFrame(rows, schema=PREDICTIONS, orient="row")

    def refusal(self, row: Mapping[str, Any], prefix: Messages) -> str | None:
        """Why the template cannot say the conversation behind the prefix; None when it can."""
        joined, first = with_prefix(prefix, row["messages"])
        try:
            self.renderer.examples(joined, row["tools"], first=first)
        except InexpressibleError as error:
            return str(error)
        return None

    def _bar(self, what: str) -> Progress:
        return lambda batches, total: self.progress(batches, what, total, "batches")


def answerable(test: pl.DataFrame, judge: Judge) -> pl.DataFrame:
    """`conversations` of those that are short enough, the languages in their proportions."""
    params = judge.params
    rows = judge.progress(test.iter_rows(named=True), "lengths", test.height)
    lengths = [max(len(e.input_ids) for e in judge.renderer.examples(row["messages"], row["tools"])) for row in rows]
    short = test.filter(pl.Series(lengths, dtype=pl.Int64) <= params.max_tokens)
    if not short.height:
        raise QiratError(
            f"no conversation of data/splits/test has at most {params.max_tokens} tokens; "
            "raise params.yaml: evaluate.max_tokens"
        )
    return fair_order(short, params.seed).head(params.conversations)


def sayable(test: pl.DataFrame, arms: Mapping[str, Prefixes], judge: Judge) -> pl.DataFrame:
    """Those that the template can say behind every arm's prompt: all arms must answer the same questions."""
    refused: list[str] = []
    kept = []
    for row in judge.progress(test.iter_rows(named=True), "prompts", test.height):
        reasons = [
            f"{arm}, conversation {row['conversation_id']}: {reason}"
            for arm, prefixes in arms.items()
            if (reason := judge.refusal(row, prefixes.get(row["conversation_id"], ())))
        ]
        refused += reasons
        kept.append(not reasons)
    if not any(kept):
        raise QiratError(
            f"the chat template can say no test conversation behind every arm's prompt (arm {refused[0]}); choose a "
            "base model whose template knows system messages and several turns (params.yaml: model.name)"
        )
    return test.filter(pl.Series(kept, dtype=pl.Boolean))


def reply_scores(predictions: pl.DataFrame, conversations: pl.DataFrame, playbook: Playbook) -> pl.DataFrame:
    """SCORES of written replies: each conversation judged with the arm's replies in place of the team's."""
    written = predictions.sort("turn").partition_by("arm", "conversation_id", as_dict=True, maintain_order=True)
    rows = {row["conversation_id"]: row for row in conversations.iter_rows(named=True)}
    found = []
    for (arm, conversation), replies in written.items():
        row = rows[str(conversation)]
        said = {r["turn"]: r["text"] for r in replies.iter_rows(named=True)}
        counted = {
            **_playbook(playbook, row, said),
            "chrf": (sum(chrf(text, row["messages"][turn]["content"]) for turn, text in said.items()), len(said)),
            "stopped": (replies["stopped"].sum(), len(said)),
            "words": (sum(len(text.split()) for text in said.values()), len(said)),
            "prompt_tokens": (replies["prompt_tokens"].sum(), len(said)),
        }
        found += [(arm, conversation, metric, value, weight) for metric, (value, weight) in counted.items()]
    return pl.DataFrame(found, schema=SCORES, orient="row").sort("arm", "conversation_id", "metric")


def chrf(written: str, reference: str) -> float:
    """chrF2 of two texts, 0..100, with Arabic spelling variants, case and digits folded."""
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
    """The arm with the best value of a metric; the first named when they tie."""
    return max(among, key=lambda arm: METRICS[metric] * figure(arms, arm, metric))


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


def _playbook(playbook: Playbook, row: Mapping[str, Any], said: Mapping[int, str]) -> dict[str, tuple[float, float]]:
    """Rules kept, of those that apply to the team's own replies: every arm has the same to keep.

    The playbook passes over empty replies, but who is asked and says nothing keeps no rule.
    """
    rules = len(playbook.judge(row["messages"], row["language"], row["label"]))
    messages = [{**m, "content": said.get(turn, m["content"])} for turn, m in enumerate(row["messages"])]
    silent = not all(text.strip() for text in said.values())
    kept = 0 if silent else sum(j.ok for j in playbook.judge(messages, row["language"], row["label"]))
    return {"playbook": (kept, rules), "playbook_pass": (kept == rules, 1)}


def _reply_turns(messages: Messages) -> list[int]:
    """Where the assistant speaks in words; a turn that calls a tool is not the playbook's business."""
    return [turn for turn, m in enumerate(messages) if m["role"] == "assistant" and m["content"] and turn > 0]


def _scores(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col(name).cast(dtype) for name, dtype in SCORES.items())


@cache
def _chrf() -> Any:
    from sacrebleu.metrics import CHRF  # type: ignore[attr-defined]

    return CHRF()
