"""What a check is: what it is given, what it sees, and the form in which it says so."""

import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from curation.checks.codes import codes
from curation.core.record.codes import Code
from curation.core.record.conversation import turns
from curation.core.record.playbook import Playbook
from curation.harness.errors import QiratError
from curation.harness.params import Params
from curation.harness.parts import kept
from curation.harness.yaml_text import from_yaml
from curation.privacy.params import Privacy
from curation.privacy.tables import with_evidence_masked
from curation.similarity.vectors import Vectors

ANY: Collection[str] = ()  # knows every language

FINDINGS = pl.Schema(
    {
        "conversation_id": pl.String,
        "check": pl.String,
        "code": pl.String,
        "severity": pl.String,  # the check's own opinion: info, doubt or fatal; the policy decides
        "value": pl.Float64,  # the higher, the worse; 1 where there is nothing to measure
        "threshold": pl.Float64,  # the value from which the check reports
        "turn": pl.Int32,  # 0-based message it was seen in; null: the conversation as a whole
        "evidence": pl.String,
        "rule_version": pl.Int32,
    }
)
NOTHING = pl.DataFrame(schema=FINDINGS)
EVIDENCE_CHARACTERS = 300


class JudgeParams(Params):
    """params.yaml: score.judge. The address and the key stand in QIRAT_JUDGE_URL and QIRAT_JUDGE_API_KEY."""

    model: str
    rubric: str  # what is asked of each conversation
    most: int = Field(gt=0)  # conversations judged, the first by id
    timeout: float = Field(default=60, gt=0)  # seconds an answer may take


class Score(Params):
    """params.yaml: score"""

    languages: tuple[str, ...]  # ISO 639-1 codes the data set may be in; "mixed" counts as all of them
    outlier_neighbours: int
    evaluation_words: int  # words in a row shared with an evaluation set that make a leak
    difficulty_model: str | None = None  # folder of a causal language model; none: difficulty is not measured
    judge: JudgeParams | None = None  # a language model asked for its opinion; none: nobody is asked
    skip: tuple[str, ...] = ()  # checks that are not run
    seed: int


# What the answer depends on, the request, and what reads the answer or raises ValueError -> the answer as it was read;
# None where there is none.
Ask = Callable[[str, Mapping[str, Any], Callable[[str], dict[str, Any]]], dict[str, Any] | None]
# The whole records, as checks see them and in parts, of the conversations of a table that tells their ids.
Records = Callable[[pl.DataFrame], Iterable[pl.DataFrame]]
# Of a reading, what it tells of the conversations of a table that tells their ids: some of its columns, all if none.
AtHand = Callable[[pl.DataFrame, Sequence[str]], pl.DataFrame]
Losses = Callable[[str, str], tuple[float, float]]  # nats a token of a text after another, and of the text by itself


@dataclass(frozen=True)
class Noted:
    """What a check of the whole set tells of the set, not of a row."""

    code: str
    value: float
    evidence: str  # a sentence for people
    low: float | None = None  # ends of the interval of the value, where it is an estimate
    high: float | None = None


@dataclass(frozen=True)
class Context:
    """What checks may look at beside the conversations, and whom they tell what no row can."""

    params: Score
    privacy: Privacy
    playbook: Playbook
    vectors: Vectors | None  # None: no embeddings at hand
    evaluation: pl.DataFrame  # the record, of the evaluation sets
    readings: Mapping[str, AtHand] = field(default_factory=dict)  # those at hand, by name
    records: Records | None = None  # of conversations that are given without what they say; None: none are
    ask: Ask | None = None  # the language model that score.judge names; None: nobody is asked
    losses: Losses | None = None  # of the language model in score.difficulty_model; None: difficulty is not measured
    tell: Callable[[Noted], None] | None = None  # hears notes on the set; None: nobody does
    planted: pl.DataFrame | None = None  # spoilt rows to judge beside the set: the record, `made_of`, `replies_of`


# How a check of the whole set is tried on spoilt rows: it looks `again`, with them in the places of the rows that they
# were made of; it judges them `along` with the set and learns nothing of them; or it sees nothing of what is planted.
Tried = Literal["again", "along", "never"]
Observations = Iterable[Mapping[str, Any]]
Observe = Callable[[pl.DataFrame, Context], pl.DataFrame | Observations]
Reading = Callable[[pl.DataFrame, Context], pl.DataFrame]  # conversation_id and anything else, at most one row for each


@dataclass(frozen=True)
class Check:
    """A registered check. `codes` is what it may see, as the NAME.yaml beside it says."""

    name: str
    codes: Mapping[str, Code]
    version: int
    languages: Collection[str]
    whole_set: bool  # compares rows with one another, so it says nothing of a single row
    in_groups: bool  # of the whole set, and learns as much from a group of a large one (`models.words.groups`)
    sees_edits: bool  # of the whole set, and also asked about rows that people edited, beside all others
    needs_vectors: bool  # silent where there are none; always a check of the whole set
    reads: Reading | None  # what a check of the whole set needs of each row, told by the row alone: remembered
    tried: Tried  # of the whole set: how it looks at spoilt rows
    source: str  # where the method comes from: a paper, a standard, a library
    observe: Observe

    def __call__(self, conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
        """FINDINGS of the conversations in the languages the check knows."""
        return shown(self.seen(conversations, context), conversations, context)

    def seen(self, conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
        """FINDINGS whose evidence is not fit to be shown yet."""
        if self.needs_vectors and context.vectors is None:
            return NOTHING
        if self.languages:
            conversations = conversations.filter(pl.col("language").is_in([*self.languages, "mixed"]))
        found = self._observed(conversations, context)
        if found.is_empty():
            return NOTHING
        if strange := set(found["code"].unique()) - set(self.codes):
            raise QiratError(f"the check {self.name} reports {', '.join(sorted(strange))}: name it in its NAME.yaml")
        given = {
            "check": pl.lit(self.name),
            "severity": pl.col("code").replace_strict({name: code.severity for name, code in self.codes.items()}),
            "rule_version": pl.lit(self.version),
        }
        absent = {name: pl.lit(None) for name in ("threshold", "turn", "evidence") if name not in found.columns}
        return found.with_columns(**given, **absent).select(
            pl.col(name).cast(dtype) for name, dtype in FINDINGS.items()
        )

    def _observed(self, conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
        try:
            seen = self.observe(conversations, context)
            if isinstance(seen, pl.DataFrame):
                return seen
            return pl.DataFrame(list(seen), schema_overrides=dict(FINDINGS), infer_schema_length=None)
        except QiratError:
            raise
        except Exception as error:
            rows = " to ".join(conversations["row_id"].gather([0, -1])) if conversations.height else "no rows"
            place = traceback.extract_tb(error.__traceback__)[-1]
            raise QiratError(
                f"the check {self.name} failed on {rows}: {type(error).__name__}: {error} "
                f"({Path(place.filename).name}, line {place.lineno}); mend the check, or take the row out of data/raw"
            ) from error


_CHECKS: dict[str, Check] = {}


def check(  # noqa: PLR0913 - a form to fill in, each field by its name
    name: str,
    *,
    version: int = 1,
    languages: Collection[str] = ANY,
    whole_set: bool = False,
    in_groups: bool = False,
    sees_edits: bool = False,
    needs_vectors: bool = False,
    reads: Reading | None = None,
    tried: Tried = "again",
    source: str = "",
) -> Callable[[Observe], Observe]:
    """Registers a check. Raise `version` whenever the same row may give another finding.

    A check of the `whole_set` is not given what all conversations say, for which there is no memory: `reads` names what
    it needs of each, and `contents` and `records` give it the words of a few.
    """

    def register(observe: Observe) -> Observe:
        kind = (whole_set, in_groups, sees_edits, needs_vectors, reads, tried)
        its = {code: told for code, told in codes().items() if told.check == name}
        if not its:
            raise QiratError(f"curation/checks/{name}.yaml is missing; say there what the check {name} may see")
        _CHECKS[name] = Check(name, its, version, languages, *kind, source, observe)
        return observe

    return register


def lists_of(name: str) -> dict[str, Any]:
    """The word lists of a check, lists/NAME.yaml."""
    found: dict[str, Any] = from_yaml((Path(__file__).parent / f"lists/{name}.yaml").read_text("utf-8"))
    return found


def read(reading: Reading, conversations: pl.DataFrame, context: Context, *columns: str) -> pl.DataFrame:
    """conversation_id of each, in their order, and what the reading tells of it: null where that is nothing.

    `columns`: those of the reading that are asked for, where it is not all.
    """
    at_hand = context.readings.get(reading.__name__)
    told = reading(conversations, context) if at_hand is None else at_hand(conversations, columns)
    told = told.select("conversation_id", *columns) if columns else told
    return conversations.select("conversation_id").join(told, on="conversation_id", how="left", maintain_order="left")


def at_hand(told: pl.DataFrame) -> AtHand:
    """What a reading told of some conversations, in memory."""
    return lambda _, columns: told.select("conversation_id", *columns) if columns else told


def records(conversations: pl.DataFrame, wanted: pl.DataFrame, context: Context) -> Iterator[pl.DataFrame]:
    """The whole records of those of the conversations that are `wanted`, which has their ids, part by part."""
    parts = [conversations] if context.records is None else context.records(wanted)
    for part in parts:
        yield part.join(wanted, on="conversation_id", how="semi")


def contents(places: pl.DataFrame, conversations: pl.DataFrame, context: Context) -> pl.Series:
    """What is said in these turns (conversation_id, turn) of the conversations, in their order."""
    by = ["conversation_id", "turn"]
    said = [kept(turns(part).join(places, on=by, how="semi")) for part in records(conversations, places, context)]
    return places.select(by).join(pl.concat(said), on=by, how="left", maintain_order="left")["content"]


def shown(
    found: pl.DataFrame, conversations: pl.DataFrame, context: Context, personal: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The findings without personal data in what they quote. For all checks at once: each row is read but once.

    `personal`: the conversations in which such data was found, where that is known; no others are read.
    """
    placed = found.with_row_index("place")
    read = placed if personal is None else placed.join(personal, on="conversation_id", how="semi")
    parts = [conversations] if context.records is None else context.records(read)
    told = [_covered(placed.join(read, on="place", how="anti"), None, context)]
    told += [kept(_covered(read.join(part, on="conversation_id", how="semi"), part, context)) for part in parts]
    return pl.concat(told).sort("place").drop("place")


def _covered(found: pl.DataFrame, conversations: pl.DataFrame | None, context: Context) -> pl.DataFrame:
    # What is cut in the end is cut before it is read: a check may quote a turn of a megabyte.
    quoted = found.with_columns(pl.col("evidence").str.slice(0, 4 * EVIDENCE_CHARACTERS))
    covered = with_evidence_masked(quoted, conversations, context.privacy.countries)
    return covered.with_columns(pl.col("evidence").str.slice(0, EVIDENCE_CHARACTERS))


def in_order(found: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """FINDINGS as one table whose order does not depend on that of its parts."""
    table = pl.concat([NOTHING, *found])
    return table.sort("conversation_id", "check", "code", "turn", "value", "evidence", nulls_last=True).rechunk()
