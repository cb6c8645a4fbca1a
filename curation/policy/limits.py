"""params.yaml: route. The limits from which an observation matters, and what becomes of personal data."""

from collections.abc import Mapping
from typing import Any, Literal

import polars as pl
from pydantic import Field, ValidationError

from curation.core.record.codes import FACT, LABELS, PII, WRONG_LABELS, Code, Limit, fault
from curation.harness.errors import QiratError, faults, meant
from curation.harness.params import Params, mistyped

RARE_LANGUAGE = 0.1  # share of the rows below which a language is not ranked by itself
BALANCED = "balanced"  # the preset that needs no overrides: the values as they are written

# mask: put a tag in its place and use the row; review: ask a person; reject: drop the row; report: only say so
Treatment = Literal["mask", "review", "reject", "report"]
# unlearn: the row is used, the fact's tokens carry no loss; ground: the row is used, and the fact is learnt behind a
# context that holds it; review, reject and report as above
FactTreatment = Literal["unlearn", "ground", "review", "reject", "report"]


class Overrides(Params):
    """What a preset puts in place of the values written in `route` itself. Of limits the checks say it: NAME.yaml."""

    budget: float | None = Field(default=None, ge=0, le=1)
    pii: Mapping[str, Treatment] = Field(default_factory=dict)
    facts: Mapping[str, FactTreatment] = Field(default_factory=dict)


class Blind(Params):
    """params.yaml: route.blind; rows that people judge without being told what the checks say."""

    accepted: int = Field(default=60, ge=0)  # they tell what the checks miss
    rejected: int = Field(default=30, ge=0)  # they tell what the checks throw away
    seed: int = 7


class _Policy(Params):
    preset: str = BALANCED
    budget: float = Field(ge=0, le=1)  # share of the survivors that people can look at
    too_common: float = Field(gt=0, le=1)  # share of the rows from which a doubt with note_if_common is such a note
    usual_share: float = Field(default=1.0, gt=0, le=1)  # share of rows that usually have what a check looks for
    blind: Blind = Blind()  # what people judge without being told what the checks say
    pii: Mapping[str, Treatment] = Field(default_factory=dict)  # kind of personal data -> what becomes of it
    facts: Mapping[str, FactTreatment] = Field(default_factory=dict)  # kind of fact -> what becomes of it; else unlearn
    confirmed_facts: tuple[str, ...] = ()  # the house's own, which may be learnt as if the conversation held them


class Policy(_Policy):
    """The policy in force."""

    limits: Mapping[str, Limit]  # of every code

    @property
    def masked_kinds(self) -> frozenset[str]:
        """Kinds of personal data that leave the words of curated rows."""
        return frozenset(kind for kind, treatment in self.pii.items() if treatment == "mask")

    def treatment(self, code: str) -> str | None:
        """What becomes of the personal data or the facts that a code tells of; None of all other codes."""
        if code.startswith(FACT):
            return self.facts.get(code.removeprefix(FACT))
        return self.pii.get(code.removeprefix(PII)) if code.startswith(PII) else None


class Route(_Policy):
    """params.yaml: route, as it is written."""

    limits: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)  # code -> the fields of its limit that differ
    presets: Mapping[str, Overrides] = Field(default_factory=dict)

    def place(self, codes: Mapping[str, Code], *path: str) -> str:
        """Where a value that is in force stands: place(codes, "limits", "outlier", "doubt")."""
        if path[0] == "limits" and path[-1] not in self.limits.get(path[1], {}):
            return f"curation/checks/{codes[path[1]].check}.yaml"
        chosen = self.presets.get(self.preset, Overrides()).model_dump(exclude_unset=True)
        wins = path[0] in chosen and (len(path) == 1 or path[1] in chosen[path[0]])
        return ".".join(("route", *(("presets", self.preset) if wins else ()), *path))


def in_force(written: Route, codes: Mapping[str, Code]) -> Policy:
    """The policy by which rows are judged.

    A limit is what the check says, for the preset where it says it, less what params.yaml says: that wins. Of all else
    the chosen preset wins over the values beside it.
    """
    if written.preset not in {BALANCED, *written.presets}:
        known = [*written.presets] or [BALANCED]
        near = meant(written.preset, known)
        raise QiratError(
            f"params.yaml, route.preset: there is no {written.preset!r}{near}; expected one of {', '.join(known)}"
        )
    for name in sorted(set(written.limits) - set(codes)):
        raise QiratError(f"params.yaml, route.limits: no check reports {name}{meant(name, codes)}")
    _assert_kinds(written, codes)
    limits = {name: _limit(name, code, written) for name, code in codes.items()}
    for name, limit in limits.items():
        for other in sorted(set(limit.fatal_with) - set(codes)):
            raise QiratError(
                f"params.yaml, route.limits.{name}.fatal_with: no check reports {other}{meant(other, codes)}"
            )
    preset = written.presets.get(written.preset, Overrides())
    return Policy.model_validate(
        {
            **written.model_dump(exclude={"presets", "limits"}),
            "budget": written.budget if preset.budget is None else preset.budget,
            "pii": {**written.pii, **preset.pii},
            "facts": {**dict.fromkeys(_fact_kinds(codes), "unlearn"), **written.facts, **preset.facts},
            "limits": limits,
        }
    )


def expecting(policy: Policy, notes: pl.DataFrame) -> Policy:
    """The policy where score's notes tell how many labels are wrong: so many doubts of them are what is usual.

    At least the lower end of the interval; a usual share that the limit itself names, as measured, stays.
    """
    told = notes.filter(code=WRONG_LABELS)["low"].drop_nulls()
    limit = policy.limits.get(LABELS)
    if told.is_empty() or limit is None or limit.usual_share is not None or told[0] <= policy.usual_share:
        return policy
    return policy.model_copy(update={"limits": {**policy.limits, LABELS: limit.over({"usual_share": told[0]})}})


def _limit(name: str, code: Code, written: Route) -> Limit:
    try:
        limit = code.under(written.preset).over(written.limits.get(name, {}))
    except ValidationError as error:
        raise QiratError(f"params.yaml, route.limits.{name}: {faults(error)}{mistyped(error, Limit)}") from None
    if wrong := fault(name, limit):
        raise QiratError(f"params.yaml, route.limits.{name}: {wrong}")
    return limit


def _fact_kinds(codes: Mapping[str, Code]) -> list[str]:
    return [name.removeprefix(FACT) for name in codes if name.startswith(FACT)]


def _assert_kinds(written: Route, codes: Mapping[str, Code]) -> None:
    """Every kind of personal data that is found has its treatment, and no other; and so no other kind of fact."""
    for place, facts in (("", written.facts), *((f"presets.{p}.", o.facts) for p, o in written.presets.items())):
        for kind in sorted(set(facts) - set(kinds := _fact_kinds(codes))):
            raise QiratError(f"params.yaml, route.{place}facts: no fact is of the kind {kind}{meant(kind, kinds)}")
    if odd := sorted({name.removeprefix(PII) for name in codes if name.startswith(PII)} ^ set(written.pii)):
        raise QiratError(
            f"params.yaml, route.pii: {', '.join(odd)} stands in only one of route.pii and the codes of the checks (as "
            f"{PII}...); name each kind of personal data in both"
        )
    for preset, overrides in written.presets.items():
        if unknown := sorted(set(overrides.pii) - set(written.pii)):
            raise QiratError(
                f"params.yaml, route.presets.{preset}.pii: route.pii has no {', '.join(unknown)}; add or correct it"
            )
