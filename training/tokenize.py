"""Conversations to token ids and proved labels.  python -m training.tokenize"""

from array import array
from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, cast

import polars as pl
from pydantic import Field

from curation.harness.engine import map_parts
from curation.harness.errors import QiratError
from curation.harness.memory import version_of
from curation.harness.params import Params
from curation.harness.parts import in_parts
from curation.harness.stage import Stage
from training.model.base import Model, embeddings, load_tokenizer, tokenizer_id
from training.model.template import Example, InexpressibleError, Renderer, split_examples
from training.model.template.messages import Message, thinking_aloud
from training.model.template.retrieval import GROUND, Note, Retrieval, as_said, notes
from training.model.unusable import refuse_foreign_tokens

LARGE = 10_000  # rows that pay for starting processes: each loads the tokenizer, some two CPU seconds
AT_ONCE = 500  # conversations whose tokens are in memory as Python has them, 100 KB each
SPLITS = ("train", "dev", "test")
TOKENS = pl.Schema(
    {
        "conversation_id": pl.String(),  # more than once where a conversation takes several examples
        "language": pl.String(),
        "input_ids": pl.List(pl.Int32),
        "labels": pl.List(pl.Int32),  # -100 where there is no loss
        "turns": pl.List(pl.Int32),  # the messages that are learnt here, 0-based
        "unlearnt": pl.List(pl.Int32),  # places of tokens of replies that carry no loss: facts (route.facts)
    }
)
_EXAMPLE = {
    **{name: TOKENS[name] for name in ("input_ids", "labels", "turns", "unlearnt")},
    "supervised": pl.Int64(),  # tokens that carry loss
    "facts": pl.Int64(),  # that are not learnt
}
MADE = pl.Schema(
    {
        "conversation_id": pl.String(),
        "examples": pl.List(pl.Struct(_EXAMPLE)),
        "lost": pl.Int64(),  # replies too long for any example
        "reason": pl.String(),  # why there are no examples
    }
)
REMEMBERED = pl.Schema({**MADE, "row": pl.UInt64()})
KEY = ["conversation_id", "row"]
EXCLUDED = pl.Schema({"conversation_id": pl.String, "split": pl.String, "reason": pl.String})
BUDGET = pl.Schema(
    {
        "split": pl.String,
        "language": pl.String,
        "label": pl.String,
        "source": pl.String,
        "conversations": pl.Int64,  # with tokens
        "examples": pl.Int64,
        "tokens": pl.Int64,
        "supervised": pl.Int64,  # tokens that carry loss
        "unlearnt": pl.Int64,  # tokens of replies that carry none: facts
        "facts": pl.Int64,  # how many these are
        "replies": pl.Int64,  # learnt, each once
        "lost_replies": pl.Int64,  # too long for any example, of conversations with tokens
        "truncated": pl.Int64,  # conversations that lost some of their replies so
        "dropped": pl.Int64,  # conversations without tokens, see tokenized/excluded
    }
)


class Facts(Params):
    """params.yaml: tokenize.facts; what stands before replies whose facts are grounded (route.facts)."""

    context: str = Field(default="{facts}", pattern=r"^[^{}]*\{facts\}[^{}]*$")  # {facts}: a line each
    distractors: int = Field(default=3, ge=0)  # facts of the same kind from other conversations, for each fact
    seed: int = 7


class Tokenize(Params):
    """What a training row may be."""

    max_tokens: int = Field(gt=0)  # longer conversations become several examples, parted before a customer's turn
    # Of max_tokens: earlier turns that each of them may begin with, not learnt again.
    context: float = Field(ge=0, lt=1)
    max_excluded: float = Field(ge=0, le=1)  # stop when a larger share of a split's conversations cannot be used
    max_lost_replies: float = Field(ge=0, le=1)  # stop when a larger share of a split's replies is too long
    facts: Facts = Facts()
    reasoning: Literal["leave_out", "learn"] = "leave_out"  # what sources keep apart from a reply as its reasoning

    @property
    def context_tokens(self) -> int:
        return int(self.context * self.max_tokens)


@dataclass
class Tokenized:
    """One conversation's examples, or the reason why there are none."""

    conversation_id: str
    language: str
    examples: list[Example] = field(default_factory=list)
    lost: int = 0  # replies too long for any example
    reason: str | None = None

    @property
    def replies(self) -> int:
        return sum(len(example.turns) for example in self.examples)


def main() -> None:
    """Render every conversation with the base model's chat template and prove what will be learnt."""
    with Stage("tokenize", Tokenize) as stage:
        model = stage.section("model", Model)
        if model.template:
            stage.input(model.template)
        rows = embeddings(model)
        renderer = proved_renderer(model)
        version = version_of("tokenize", stage.params, model, tokenizer_id(model))
        budgets, exclusions = [], []
        waste: dict[str, float] = {}
        for split in SPLITS:
            told = Told(split, lambda largest: refuse_foreign_tokens(model.name, largest, renderer.tokenizer, rows))
            height, notes_of = stage.height(f"splits/{split}"), known_notes(stage.parts(f"splits/{split}"))
            large = height - stage.memory.height_of(split, version) >= LARGE
            prepare = partial(another_maker, model) if large else partial(maker, renderer)
            prepare = partial(prepare, params=stage.params, known=notes_of)
            with stage.memory.keeping(split, version, REMEMBERED) as keep:
                parts = made_parts(stage, split, version, prepare, large)
                passing = stage.progress(parts, split, -(-height // AT_ONCE), f"{AT_ONCE} rows")
                stage.write_parts(f"tokenized/{split}", told.passing(passing, keep), TOKENS)
            budgets.append(told.budget())
            exclusions.append(told.excluded())
            wasted = padding(told.sizes, stage.params.max_tokens)
            waste |= {f"{split}_{name}": share for name, share in wasted.items()}
        stage.memory.forget_but(SPLITS)
        stage.write("tokenized/budget", pl.concat(budgets))
        stage.write("tokenized/excluded", pl.concat(exclusions))
        stage.write_metrics({**metrics(pl.concat(budgets)), **waste})
        for split, exclusion, loss in zip(SPLITS, exclusions, budgets, strict=True):
            refuse_losses(split, exclusion, loss, stage.params)
        stage.passed("tokenized")


Part = tuple[pl.DataFrame, pl.DataFrame]  # rows of a split, and REMEMBERED of them in their order
Kernel = Callable[[pl.DataFrame], pl.DataFrame]  # REMEMBERED of rows as `keyed` gives them


def made_parts(
    stage: Stage[Tokenize], split: str, version: str, prepare: Callable[[], Kernel], large: bool
) -> Iterator[Part]:
    """A split's conversations part by part. What an earlier run made of one is not made again."""
    asked: deque[Part] = deque()  # rows of a part, and what is remembered of them

    def unseen() -> Iterator[pl.DataFrame]:
        for part in map(keyed, stage.parts(f"splits/{split}")):
            known = stage.memory.recall_of(split, version, part["conversation_id"])
            for rows in in_parts([part], AT_ONCE):
                here = (REMEMBERED.to_frame() if known is None else known).join(rows, on=KEY, how="semi")
                asked.append((rows, here.select(REMEMBERED.names())))
                yield rows.join(here, on=KEY, how="anti")

    for fresh in map_parts(prepare, unseen(), AT_ONCE, stage.machine, large):
        rows, here = asked.popleft()
        ids = rows.select("conversation_id")
        yield rows, ids.join(pl.concat([here, fresh]), on="conversation_id", maintain_order="left")


def keyed(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows and a hash, `row`, of all that their tokens depend on; null where other conversations count too."""
    names = [name for name in ("messages", "tools", "facts") if name in rows.columns]
    by_others = _read_facts() if "facts" in names else pl.lit(False)
    return rows.with_columns(row=pl.when(~by_others).then(pl.struct(names).hash()))


def another_maker(model: Model, params: Tokenize, known: Collection[Note]) -> Kernel:
    """For a process that has no renderer yet."""
    return maker(proved_renderer(model), params, known)


def maker(renderer: Renderer, params: Tokenize, known: Collection[Note]) -> Kernel:
    """`known` are the notes of all of the split."""
    looked_up = out_of(known, renderer, params.facts)

    def make(rows: pl.DataFrame) -> pl.DataFrame:
        done = [
            tokenized(row, renderer=renderer, params=params, looked_up=looked_up) for row in rows.iter_rows(named=True)
        ]
        return made_table(done).with_columns(rows["row"])

    return make


class Told:
    """What is to be known of a split's conversations when their tokens are written and gone."""

    def __init__(self, split: str, refuse: Callable[[int | None], None]) -> None:
        self.sizes = array("l")  # of the examples, in tokens
        self._split, self._refuse = split, refuse
        self._budgets, self._excluded = [BUDGET.to_frame()], [EXCLUDED.to_frame()]

    def passing(self, parts: Iterable[Part], keep: Callable[[pl.DataFrame], None]) -> Iterator[pl.DataFrame]:
        """The TOKENS of conversations that come in parts; `refuse` is asked about the largest token of each."""
        for rows, made in parts:
            keep(made.drop_nulls("row"))
            tokens = token_table(rows, made)
            self._refuse(cast("int | None", tokens["input_ids"].explode().max()))
            self._budgets.append(budget(self._split, rows, made))
            self._excluded.append(excluded(self._split, made))
            self.sizes.extend(tokens["input_ids"].list.len())
            yield tokens

    def budget(self) -> pl.DataFrame:
        """BUDGET of all parts."""
        return summed(pl.concat(self._budgets))

    def excluded(self) -> pl.DataFrame:
        """EXCLUDED of all parts."""
        return pl.concat(self._excluded)


def proved_renderer(model: Model) -> Renderer:
    """The renderer of the base model; a template of ours in place of its own must say the same."""
    original = own_renderer(model) if model.template else None
    return Renderer(load_tokenizer(model), model.template_arguments, original, model.opening)


def own_renderer(model: Model) -> Renderer | None:
    """With the model's own template; None when it cannot be used at all."""
    try:
        tokenizer = load_tokenizer(model.model_copy(update={"template": None}))
        return Renderer(tokenizer, model.template_arguments, opening=model.opening)
    except QiratError:
        return None


def retrieval(parts: Iterable[pl.DataFrame], renderer: Renderer, params: Facts) -> Retrieval:
    """What is looked up for replies of this split, out of what they state; its conversations come in parts."""
    return out_of(known_notes(parts), renderer, params)


def out_of(known: Collection[Note], renderer: Renderer, params: Facts) -> Retrieval:
    """What is looked up out of these notes."""
    return Retrieval(renderer, params.context, params.distractors, params.seed, known)


def known_notes(parts: Iterable[pl.DataFrame]) -> set[Note]:
    """What conversations state that is to be read before."""
    return {
        note
        for rows in parts
        if "facts" in rows.columns
        for messages, facts in rows.filter(_read_facts()).select("messages", "facts").iter_rows()
        for _, note in notes(messages, facts)
    }


def _read_facts() -> pl.Expr:
    """Whether a conversation states what is to be read before."""
    return pl.col("facts").list.eval(pl.element().struct.field("treatment") == GROUND).list.any()


def tokenized(
    row: Mapping[str, Any], renderer: Renderer, params: Tokenize, looked_up: Retrieval | None = None
) -> Tokenized:
    """A row of the record as examples of at most `max_tokens` tokens that end with a whole reply."""
    found = Tokenized(row["conversation_id"], row["language"])
    facts = row.get("facts") or ()
    try:
        turns = learnt_turns(row["messages"])
        said = unlearning(row["messages"], facts)
        given = looked_up.given(row["conversation_id"], said, facts) if looked_up else as_said(said)
        said = thinking_aloud(given.messages) if params.reasoning == "learn" else given.messages
        examples = split_examples(
            renderer, said, row["tools"], given.places(turns), limit=params.max_tokens, context=params.context_tokens
        )
        found.examples = [replace(e, turns=[given.origin[place] for place in e.turns]) for e in examples]
    except InexpressibleError as error:
        found.reason = str(error)
        return found
    if not found.examples:
        found.reason = f"no reply fits into tokenize.max_tokens {params.max_tokens}, not even with its question alone"
        return found
    found.lost = len(turns) - found.replies
    return found


def unlearning(messages: Sequence[Message], facts: Iterable[Mapping[str, Any]]) -> list[Message]:
    """The messages with the places of the facts in them that are not to be learnt.

    `unlearnt` are those of the content, `unthought` those of the reasoning.
    """
    places: dict[int, dict[str, list[tuple[int, int]]]] = {}
    for fact in facts:
        if fact["treatment"] == "unlearn":
            name = "unlearnt" if fact["field"] == "content" else "unthought"
            places.setdefault(fact["turn"], {}).setdefault(name, []).append((fact["start"], fact["end"]))
    return [{**m, **places.get(turn, {})} for turn, m in enumerate(messages)]


def learnt_turns(messages: Sequence[Mapping[str, Any]]) -> list[int]:
    """The assistant's messages, less those that their source says not to learn."""
    replies = [turn for turn, m in enumerate(messages) if m["role"] == "assistant"]
    learnt = [turn for turn in replies if messages[turn].get("train") is not False]
    if replies and not learnt:
        raise InexpressibleError("every reply is marked not to be learnt (weight 0 or train: false)")
    return learnt


def made_table(done: Sequence[Tokenized]) -> pl.DataFrame:
    """MADE, one row a conversation."""
    told = [(place, e) for place, t in enumerate(done) for e in t.examples]
    columns = {name: [getattr(e, name) for _, e in told] for name in _EXAMPLE}
    schema = {"place": pl.Int64(), **_EXAMPLE}
    each = pl.DataFrame({"place": [place for place, _ in told], **columns}, schema)
    examples = each.group_by("place", maintain_order=True).agg(examples=pl.struct(*_EXAMPLE))
    rows = [(place, t.conversation_id, t.lost, t.reason) for place, t in enumerate(done)]
    named = {"place": pl.Int64(), **{name: MADE[name] for name in ("conversation_id", "lost", "reason")}}
    return (
        pl.DataFrame(rows, schema=named, orient="row")
        .join(examples, on="place", how="left", maintain_order="left")
        .select(pl.col(name).cast(dtype) for name, dtype in MADE.items())
        .with_columns(pl.col("examples").fill_null([]))
    )


def token_table(conversations: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """TOKENS, one row an example: of the conversations' languages and of what was MADE of them, in their order."""
    each = made.select("conversation_id", conversations["language"], "examples")
    return each.explode("examples", empty_as_null=False).unnest("examples").select(TOKENS.names())


def excluded(split: str, made: pl.DataFrame) -> pl.DataFrame:
    """The conversations without tokens, with the reason."""
    return made.filter(pl.col("reason").is_not_null()).select("conversation_id", pl.lit(split).alias("split"), "reason")


def budget(split: str, conversations: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """Where the loss lies: tokens and supervised tokens by language, intent and source."""
    sums = {"tokens": _length("input_ids"), "unlearnt": _length("unlearnt"), "replies": _length("turns")}
    sums |= {name: pl.element().struct.field(name) for name in ("supervised", "facts")}
    counted = made.select(
        "conversation_id",
        *(pl.col("examples").list.eval(count).list.sum().cast(pl.Int64).alias(name) for name, count in sums.items()),
        conversations=pl.col("reason").is_null().cast(pl.Int64),
        examples=pl.col("examples").list.len().cast(pl.Int64),
        lost_replies=pl.col("lost"),
        truncated=(pl.col("lost") > 0).cast(pl.Int64),
        dropped=pl.col("reason").is_not_null().cast(pl.Int64),
    )
    return summed(
        conversations.select("conversation_id", "language", "label", "source")
        .join(counted, on="conversation_id", validate="1:1")
        .with_columns(split=pl.lit(split))
    )


def _length(column: str) -> pl.Expr:
    return pl.element().struct.field(column).list.len()


def summed(budgets: pl.DataFrame) -> pl.DataFrame:
    """BUDGET, each group once."""
    groups = ("split", "language", "label", "source")
    return (
        budgets.group_by(groups)
        .agg(pl.col(pl.Int64).sum())
        .select(pl.col(name).cast(dtype) for name, dtype in BUDGET.items())
        .sort(groups)
    )


def padding(examples: Iterable[int], max_tokens: int) -> dict[str, float]:
    """Shares of a batch that would be empty: rows as long as the longest example, or rows of `max_tokens` packed."""
    ordered = sorted(examples, reverse=True)
    if not ordered:
        return {}
    free: list[int] = []  # places left in each row, ascending; every example goes where the fewest stay empty
    for size in ordered:
        at = bisect_left(free, size)
        insort(free, (free.pop(at) if at < len(free) else max_tokens) - size)
    return {
        "padding_one_a_row": round(1 - sum(ordered) / (len(ordered) * ordered[0]), 4),
        "padding_packed": round(sum(free) / (len(free) * max_tokens), 4),
    }


def metrics(budgets: pl.DataFrame) -> dict[str, int]:
    """The budget's sums a split."""
    sums = budgets.group_by("split").agg(pl.col(pl.Int64).sum()).rows_by_key("split", named=True, unique=True)
    return {f"{split}_{name}": n for split in SPLITS if split in sums for name, n in sums[split].items()}


def refuse_losses(split: str, exclusions: pl.DataFrame, budgets: pl.DataFrame, params: Tokenize) -> None:
    """Stops when the template or the length limit would quietly cost too much of a split."""
    sums = budgets.select(pl.col(pl.Int64).sum()).row(0, named=True)
    total, replies = sums["conversations"] + sums["dropped"], sums["replies"] + sums["lost_replies"]
    if exclusions.height > params.max_excluded * total:
        reason, count = Counter(exclusions["reason"]).most_common(1)[0]
        raise QiratError(
            f"{split}: {exclusions.height:,} of {total:,} conversations cannot be used (commonest reason, {count:,} "
            f"times: {reason}); see data/tokenized/excluded.parquet, then mend the data or the template, or raise "
            "params.yaml: tokenize.max_excluded or max_tokens"
        )
    if sums["lost_replies"] > params.max_lost_replies * replies:
        raise QiratError(
            f"{split}: {sums['lost_replies']:,} of {replies:,} replies are too long to be learnt; see "
            "data/tokenized/budget.parquet, then raise params.yaml: tokenize.max_tokens or max_lost_replies"
        )


if __name__ == "__main__":
    main()
