"""One file a check. A check observes and gives evidence; route decides what an observation means.

A check is a function from conversations to findings under `@check(...)`. To add one, write a module here and name its
codes in params.yaml under route.limits; it is found by itself. A check says what languages it knows and is silent
outside them.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from curation.personal_data import masked
from curation.playbook import Playbook
from curation.stage import Params, QiratError

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
EVIDENCE_CHARACTERS = 300


class Score(Params):
    """params.yaml: score"""

    languages: tuple[str, ...]  # ISO 639-1 codes the data set may be in; "mixed" counts as all of them
    countries: tuple[str, ...]  # ISO 3166 codes, for phone numbers written without a country code
    outlier_neighbours: int
    evaluation_words: int  # words in a row shared with an evaluation set that make a leak
    seed: int


@dataclass(frozen=True)
class Context:
    """What checks may look at beside the conversations."""

    params: Score
    playbook: Playbook
    vectors: pl.DataFrame | None  # conversation_id, vector; None: no embeddings at hand
    evaluation: pl.DataFrame  # the record, of the evaluation sets


Observations = Iterable[Mapping[str, Any]]
Observe = Callable[[pl.DataFrame, Context], pl.DataFrame | Observations]


@dataclass(frozen=True)
class Check:
    """A registered check. `codes` names what it may see with its own opinion of the severity."""

    name: str
    codes: Mapping[str, str]
    version: int
    languages: Collection[str]
    whole_set: bool  # compares rows with one another, so it says nothing of a single row
    observe: Observe

    def __call__(self, conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
        """FINDINGS of the conversations in the languages the check knows."""
        known = conversations
        if self.languages:
            known = conversations.filter(pl.col("language").is_in([*self.languages, "mixed"]))
        seen = self.observe(known, context)
        found = seen if isinstance(seen, pl.DataFrame) else _table(seen)
        if found.is_empty():
            return pl.DataFrame(schema=FINDINGS)
        if strange := set(found["code"].unique()) - set(self.codes):
            raise QiratError(f"the check {self.name} reports {', '.join(sorted(strange))}: name it in its codes")
        given = {
            "check": pl.lit(self.name),
            "severity": pl.col("code").replace_strict(dict(self.codes)),
            "rule_version": pl.lit(self.version),
        }
        absent = {name: pl.lit(None) for name in ("threshold", "turn", "evidence") if name not in found.columns}
        shown = pl.col("evidence").map_elements(
            lambda text: masked(text, context.params.countries)[:EVIDENCE_CHARACTERS], return_dtype=pl.String
        )
        return (
            found.with_columns(**given, **absent)
            .select(pl.col(name).cast(dtype) for name, dtype in FINDINGS.items())
            .with_columns(evidence=shown)
        )


def _table(seen: Observations) -> pl.DataFrame:
    return pl.DataFrame(list(seen), schema_overrides=dict(FINDINGS), infer_schema_length=None)


_CHECKS: dict[str, Check] = {}


def check(
    name: str, codes: Mapping[str, str], *, version: int = 1, languages: Collection[str] = ANY, whole_set: bool = False
) -> Callable[[Observe], Observe]:
    """Registers a check. Raise `version` whenever the same row may give another finding."""

    def register(observe: Observe) -> Observe:
        _CHECKS[name] = Check(name, codes, version, languages, whole_set, observe)
        return observe

    return register


@functools.cache
def checks() -> Mapping[str, Check]:
    """All checks by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_CHECKS.items()))


def findings(conversations: pl.DataFrame, context: Context, which: Iterable[Check]) -> pl.DataFrame:
    """FINDINGS of all these checks, in a fixed order."""
    found = [pl.DataFrame(schema=FINDINGS), *(one(conversations, context) for one in which)]
    return pl.concat(found).sort("conversation_id", "check", "code", "turn", "value", "evidence", nulls_last=True)
