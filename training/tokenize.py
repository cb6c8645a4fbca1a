"""Conversations to token ids and proved labels.  python -m training.tokenize"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from pydantic import Field

from curation.stage import Params, QiratError, Stage
from training.model import Model, load_tokenizer
from training.template import Example, InexpressibleError, Renderer

SPLITS = ("train", "dev", "test")
TOKENS = pl.Schema(
    {
        "conversation_id": pl.String(),  # more than once where a conversation takes several examples, see template.py
        "language": pl.String(),
        "input_ids": pl.List(pl.Int32),
        "labels": pl.List(pl.Int32),  # -100 where there is no loss
    }
)
EXCLUDED = pl.Schema({"conversation_id": pl.String, "split": pl.String, "reason": pl.String})
BUDGET = pl.Schema(
    {
        "split": pl.String,
        "language": pl.String,
        "label": pl.String,
        "source": pl.String,
        "conversations": pl.Int64,  # with tokens
        "tokens": pl.Int64,
        "supervised": pl.Int64,  # tokens that carry loss
        "truncated": pl.Int64,  # conversations that lost turns at their end
        "dropped": pl.Int64,  # conversations without tokens, see tokenized/excluded
    }
)


class Tokenize(Params):
    """What a training row may be."""

    max_tokens: int = Field(gt=0)  # longer conversations lose whole turns at their end
    max_excluded: float = Field(ge=0, le=1)  # stop when a larger share of a split cannot be used


@dataclass
class Tokenized:
    """One conversation's examples, or the reason why there are none."""

    conversation_id: str
    language: str
    examples: list[Example] = field(default_factory=list)
    truncated: bool = False
    reason: str | None = None


def main() -> None:
    """Render every conversation with the base model's chat template and prove what will be learnt."""
    with Stage("tokenize", Tokenize) as stage:
        stage.input("data/gate/passed")
        model = stage.section("model", Model)
        renderer = Renderer(load_tokenizer(model), model.template_arguments)
        budgets, exclusions = [], []
        for split in SPLITS:
            conversations = stage.read(f"splits/{split}").sort("conversation_id")
            rows = stage.progress(conversations.iter_rows(named=True), split, conversations.height)
            done = [tokenized(row, renderer, stage.params.max_tokens) for row in rows]
            stage.write(f"tokenized/{split}", token_table(done))
            budgets.append(budget(split, conversations, done))
            exclusions.append(excluded(split, done))
        stage.write("tokenized/budget", pl.concat(budgets))
        stage.write("tokenized/excluded", pl.concat(exclusions))
        stage.write_metrics(metrics(pl.concat(budgets)))
        for split, exclusion, loss in zip(SPLITS, exclusions, budgets, strict=True):
            refuse_losses(split, exclusion, loss, stage.params.max_excluded)
        with stage.output("data/tokenized/passed") as passed:
            passed.write_text("passed\n", "utf-8")


def tokenized(row: Mapping[str, Any], renderer: Renderer, max_tokens: int) -> Tokenized:
    """A row of the record as examples of at most `max_tokens` tokens that end with a whole reply."""
    ids = (row["conversation_id"], row["language"])
    try:
        whole = renderer.examples(row["messages"], row["tools"])
    except InexpressibleError as error:
        return Tokenized(*ids, reason=str(error))
    fitting = [example for e in whole if (example := e.cut(max_tokens))]
    if not fitting:
        reason = f"the first reply ends at token {whole[0].reply_ends[0]}, beyond tokenize.max_tokens {max_tokens}"
        return Tokenized(*ids, reason=reason)
    replies = sum(len(e.reply_ends) for e in whole)
    return Tokenized(*ids, fitting, truncated=sum(len(e.reply_ends) for e in fitting) < replies)


def token_table(done: Iterable[Tokenized]) -> pl.DataFrame:
    """One row an example."""
    rows = [(t.conversation_id, t.language, e.input_ids, e.labels) for t in done for e in t.examples]
    return pl.DataFrame(rows, schema=TOKENS, orient="row")


def excluded(split: str, done: Iterable[Tokenized]) -> pl.DataFrame:
    """The conversations without tokens, with the reason."""
    rows = [(t.conversation_id, split, t.reason) for t in done if t.reason]
    return pl.DataFrame(rows, schema=EXCLUDED, orient="row")


def budget(split: str, conversations: pl.DataFrame, done: Iterable[Tokenized]) -> pl.DataFrame:
    """Where the loss lies: tokens and supervised tokens by language, intent and source."""
    counted = pl.DataFrame(
        [
            {
                "conversation_id": t.conversation_id,
                "conversations": int(not t.reason),
                "tokens": sum(len(e.input_ids) for e in t.examples),
                "supervised": sum(e.supervised for e in t.examples),
                "truncated": int(t.truncated),
                "dropped": int(bool(t.reason)),
            }
            for t in done
        ],
        schema={"conversation_id": pl.String, **{k: t for k, t in BUDGET.items() if t == pl.Int64}},
    )
    groups = ("split", "language", "label", "source")
    return (
        conversations.select("conversation_id", "language", "label", "source")
        .join(counted, on="conversation_id", validate="1:1")
        .with_columns(split=pl.lit(split))
        .group_by(groups)
        .agg(pl.col(pl.Int64).sum())
        .select(pl.col(name).cast(dtype) for name, dtype in BUDGET.items())
        .sort(groups)
    )


def metrics(budgets: pl.DataFrame) -> dict[str, int]:
    """The budget's sums a split."""
    sums = budgets.group_by("split").agg(pl.col(pl.Int64).sum()).rows_by_key("split", named=True, unique=True)
    return {f"{split}_{name}": n for split in SPLITS if split in sums for name, n in sums[split].items()}


def refuse_losses(split: str, exclusions: pl.DataFrame, budgets: pl.DataFrame, max_excluded: float) -> None:
    """Stops when the template or the length limit would quietly cost too much of a split."""
    total = int(budgets.select(pl.sum_horizontal("conversations", "dropped").sum()).item())
    if exclusions.height > max_excluded * total:
        reason, count = Counter(exclusions["reason"]).most_common(1)[0]
        raise QiratError(
            f"{split}: {exclusions.height:,} of {total:,} conversations cannot be used (commonest reason, {count:,} "
            f"times: {reason}); see data/tokenized/excluded.parquet, then mend the data or the template, or raise "
            "params.yaml: tokenize.max_excluded or max_tokens"
        )
    if split == "train" and not budgets["supervised"].sum():
        raise QiratError("train: no conversation is left to learn from; look at data/splits/train.parquet")


if __name__ == "__main__":
    main()
