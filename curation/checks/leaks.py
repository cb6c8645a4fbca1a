"""Conversations that stand in an evaluation set: trained on, they make its score a lie."""

import weakref
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import chain

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.checks.check import NOTHING, Context, check, read, records
from curation.core.record.conversation import turns
from curation.similarity.shingles import U64, WORD, Indices, folded_turns, hashed, runs

REPORTED_FROM = 0.2
PROMPT_FROM = 0.6
WHOLE_FROM = 0.7
LEAST_RUNS = 5  # in common; fewer are chance, or a short prompt that everybody writes
SHORT = 20  # runs; what is left of a shorter text without its phrases proves less, so its share is of so many
LEAST_WHOLE = 20  # in common, where phrases count
PHRASE_SHARE, PHRASE_LEAST = 0.005, 10  # word runs of so many conversations are the team's phrases, not a leak
QUOTED = 160  # characters of what both have
COMPARED = 2_000  # words of a turn, and of the other conversation, among which the longest quote is looked for


SIDES = {"everything": False, "prompts": True}  # whether what customers say counts alone
Sides = dict[str, pl.DataFrame]  # by SIDES: `there` (conversation_id) and hash of an evaluation set's runs, each once
_RUNS = pl.Struct({"runs": pl.UInt32, "common": pl.List(pl.UInt64)})
_SHARED = pl.Schema([("conversation_id", pl.String()), *((side, _RUNS) for side in SIDES)])
_KEPT: dict[tuple[int, int], Sides] = {}  # by id() of the evaluation set and words of a run


def evaluation_runs(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Of `everything` a conversation says, and of its customer's `prompts`: how many runs of words it has, and the
    hashes of those that stand in an evaluation set."""
    if context.evaluation.is_empty():
        return _SHARED.to_frame()
    here = _Words.of(conversations)
    found = here.keys.to_frame("conversation_id")
    for side, theirs in _of_evaluation(context).items():
        mine = here.runs(context.params.evaluation_words, SIDES[side]).unique()
        common = mine.join(theirs, on="hash", how="semi").group_by("conversation_id").agg(common=pl.col("hash").sort())
        told = mine.group_by("conversation_id").agg(runs=pl.len()).join(common, on="conversation_id")
        one = told.select("conversation_id", pl.struct("runs", "common").alias(side))
        found = found.join(one, on="conversation_id", how="left")
    return found.filter(pl.any_horizontal(pl.col(side).is_not_null() for side in SIDES)).cast(_SHARED)


def _of_evaluation(context: Context) -> Sides:
    """Read once for all parts of the set, and forgotten when the evaluation set is."""
    table, size = context.evaluation, context.params.evaluation_words
    key = id(table), size
    if key not in _KEPT:
        words = _Words.of(table)
        _KEPT[key] = {
            side: words.runs(size, prompts).unique().rename({"conversation_id": "there"})
            for side, prompts in SIDES.items()
        }
        weakref.finalize(table, _KEPT.pop, key, None)
    return _KEPT[key]


@check(
    "leaks",
    version=2,
    whole_set=True,
    sees_edits=True,
    reads=evaluation_runs,
    tried="never",
    source="n-gram overlap as in Brown et al. 2020 (GPT-3, appendix C), counted on both sides, without shared phrases",
)
def leaks(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Words that stand in an evaluation conversation as well, in runs of `score.evaluation_words`.

    `evaluation_leak`: `value` = share of the evaluation conversation's runs that the row has, or of the row's runs that
    the evaluation conversation has, whichever is more. `evaluation_prompt`: the same of what customers say alone, where
    the replies differ. What the whole set says all the time (greetings, closings, templates) counts on neither side,
    and less than five runs in common are chance: a short question that hundreds ask is no leak. `evidence` = the
    evaluation row, both shares and the longest words in common, `turn` = where they stand.

    Limits: paraphrases and translations are not seen, nor is what is shorter than a run.
    """
    if context.evaluation.is_empty():
        return NOTHING
    here = read(evaluation_runs, conversations, context)
    everything, prompts = (
        _most_shared(here.select(key="conversation_id", side=side), theirs, conversations.height)
        for side, theirs in _of_evaluation(context).items()
    )
    leaked = everything.filter(pl.col("value") >= REPORTED_FROM)
    asked = prompts.filter(pl.col("value") >= PROMPT_FROM).join(leaked, on="key", how="anti")
    found = pl.concat(
        [
            leaked.with_columns(code=pl.lit("evaluation_leak"), threshold=pl.lit(REPORTED_FROM)),
            asked.with_columns(code=pl.lit("evaluation_prompt"), threshold=pl.lit(PROMPT_FROM)),
        ]
    )
    leaking = pl.concat(records(conversations, found.select(conversation_id="key"), context))
    return _with_words(found, leaking, context.evaluation)


@dataclass(frozen=True)
class _Words:
    """What conversations say, read once."""

    keys: pl.Series  # conversation_id of each row, ascending
    owner: Indices  # row of each turn
    asked: npt.NDArray[np.bool_]  # whether a customer says the turn
    length: Indices  # words of each turn
    hashed: U64  # all words, in order of rows and turns

    @classmethod
    def of(cls, conversations: pl.DataFrame) -> "_Words":
        by = ["conversation_id", "turn"]
        roles = turns(conversations).select(*by, "role")
        said = folded_turns(conversations).join(roles, on=by, how="left").sort(by)
        words = said["text"].str.extract_all(WORD)
        return cls(
            said["conversation_id"].unique(maintain_order=True),
            said["conversation_id"].rle_id().to_numpy().astype(np.int64),
            (said["role"] == "user").to_numpy(),
            words.list.len().to_numpy().astype(np.int64),
            hashed(words.explode(empty_as_null=False)).to_numpy(),
        )

    def runs(self, size: int, prompts: bool) -> pl.DataFrame:
        """conversation_id and hash of every run of words; of what customers say alone, or of everything."""
        which = self.asked if prompts else np.ones(len(self.asked), bool)
        lengths = np.bincount(self.owner[which], self.length[which], len(self.keys)).astype(np.int64)
        flat, number = runs(self.hashed[np.repeat(which, self.length)], lengths, size)
        return pl.DataFrame(
            {"conversation_id": self.keys.gather(np.repeat(np.arange(len(lengths)), number)), "hash": flat}
        )


def _most_shared(here: pl.DataFrame, theirs: pl.DataFrame, total: int) -> pl.DataFrame:
    """key, key_there, of_here, of_there, value (the larger): the evaluation conversation each row is most like.

    `here` has `key` and `side`, runs and common ones; `theirs` is one of Sides.
    """
    said = here.drop_nulls("side").unnest("side")
    mine = said.explode("common").rename({"common": "hash"})
    often = mine.group_by("hash").len().filter(pl.col("len") > max(PHRASE_LEAST, PHRASE_SHARE * total))
    mine = mine.join(said.filter(pl.col("common").list.len() >= LEAST_RUNS), on="key", how="semi")
    # What leaked many times over (with another number each) looks like a phrase: near-copies count with their phrases.
    all_runs = _shares(mine, theirs).filter(pl.col("shared") >= LEAST_WHOLE)
    near_copies = all_runs.filter((pl.col("of_there") >= WHOLE_FROM) & (pl.col("of_here") >= WHOLE_FROM))
    phrases = pl.col("hash").is_in(often["hash"].implode())
    telling = mine.with_columns(runs=pl.col("runs") - phrases.sum().over("key")).filter(~phrases)
    told = _shares(telling, theirs.filter(~phrases)).filter(pl.col("shared") >= LEAST_RUNS)
    shares = pl.concat([told, near_copies])
    valued = shares.with_columns(value=pl.max_horizontal("of_here", "of_there"))
    ordered = valued.sort("value", "of_there", "there", descending=[True, True, False])
    first = ordered.unique("key", keep="first", maintain_order=True)
    return first.select("key", "of_here", "of_there", "value", key_there="there")


def _shares(mine: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """For each two conversations with a run in common: how many, and their share of either's runs.

    `mine` has key, `runs` in all and the `hash` of each common one; `theirs` is one of Sides.
    """
    pairs = mine.join(theirs, on="hash").group_by("key", "there").agg(pl.col("runs").first(), shared=pl.len())
    each = pairs.join(theirs.group_by("there").agg(theirs=pl.len()), on="there")
    of_here, of_there = (pl.col("shared") / pl.col(size).clip(SHORT) for size in ("runs", "theirs"))
    return each.select("key", "there", "shared", of_here=of_here, of_there=of_there)


def _with_words(found: pl.DataFrame, here: pl.DataFrame, there: pl.DataFrame) -> pl.DataFrame:
    """The findings with the turn and the words that both sides have."""
    mine, theirs = (
        {
            key: list(zip(turn, said, strict=True))
            for key, turn, said in folded_turns(
                table.join(found, left_on="conversation_id", right_on=column, how="semi")
            )
            .with_columns(pl.col("text").str.extract_all(WORD))
            .group_by("conversation_id", maintain_order=True)
            .agg("turn", "text")
            .iter_rows()
        }
        for table, column in ((here, "key"), (there, "key_there"))
    )
    names = dict(there.select("conversation_id", "row_id").iter_rows())
    rows = []
    columns = ("key", "key_there", "of_here", "of_there", "value", "code", "threshold")
    for key, key_there, of_here, of_there, value, code, threshold in found.select(columns).iter_rows():
        turn, shared = _longest_shared(mine[key], list(chain.from_iterable(said for _, said in theirs[key_there])))
        evidence = f"{names[key_there]} ({of_there:.0%} of it, {of_here:.0%} of this): {shared[:QUOTED]}"
        rows.append((key, code, value, threshold, turn, evidence))
    schema = ["conversation_id", "code", "value", "threshold", "turn", "evidence"]
    return pl.DataFrame(rows, schema, orient="row")


def _longest_shared(mine: list[tuple[int, list[str]]], theirs: list[str]) -> tuple[int, str]:
    """The turn of the row that has the longest run of words in common with the other conversation, and the run."""
    best, words_, at = 0, "", mine[0][0]
    for turn, said in mine:
        match = SequenceMatcher(None, said[:COMPARED], theirs[:COMPARED], autojunk=False).find_longest_match()
        if match.size > best:
            best, words_, at = match.size, " ".join(said[match.a : match.a + match.size]), turn
    return at, words_
