"""params.yaml: route. The limits from which an observation matters, and what becomes of personal data."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, FiniteFloat, ValidationError, model_validator

from curation.harness.errors import QiratError, faults
from curation.harness.params import Params

PII = "pii_"  # codes of personal data: pii_email and so on
JUDGE = "judge_"  # codes of a language model's opinion
RARE_LANGUAGE = 0.1  # share of the rows below which a language is not ranked by itself
BALANCED = "balanced"  # the preset that needs no overrides: the values as they are written

# mask: put a tag in its place and use the row; review: ask a person; reject: drop the row; report: only say so
Treatment = Literal["mask", "review", "reject", "report"]


class Limit(Params):
    """When a code matters. A code without limits is reported and decides nothing."""

    doubt: FiniteFloat | None = None  # from this value a person should look
    fatal: FiniteFloat | None = None  # from this value the row is rejected
    below: bool = False  # low values are the bad ones
    note_if_common: bool = False  # where most rows have it, it is about the set (a playbook not yours), not about rows
    precision: float = Field(default=0.5, gt=0, le=1)  # share of such doubts that people are expected to confirm
    usual_share: float | None = Field(default=None, gt=0, le=1)  # share of rows for which `precision` holds


class Overrides(Params):
    """What a preset puts in place of the values written in `route` itself."""

    budget: float | None = None
    pii: Mapping[str, Treatment] = Field(default_factory=dict)
    limits: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)  # code -> the fields of Limit that differ


class Blind(Params):
    """params.yaml: route.blind; rows that people judge without being told what the checks say."""

    accepted: int = Field(default=60, ge=0)  # they tell what the checks miss
    rejected: int = Field(default=30, ge=0)  # they tell what the checks throw away
    seed: int = 7


class Route(Params):
    """params.yaml: route, as it holds once the values of the chosen preset are in place."""

    preset: str = BALANCED
    budget: float = Field(ge=0, le=1)  # share of the survivors that people can look at
    too_common: float = Field(gt=0, le=1)  # share of the rows from which a doubt with note_if_common is such a note
    usual_share: float = Field(default=1.0, gt=0, le=1)  # share of rows that usually have what a check looks for
    blind: Blind = Blind()  # what people judge without being told what the checks say
    pii: Mapping[str, Treatment] = Field(default_factory=dict)  # kind of personal data -> what becomes of it
    limits: Mapping[str, Limit]
    presets: Mapping[str, Overrides] = Field(default_factory=dict)

    @property
    def masked_kinds(self) -> frozenset[str]:
        """Kinds of personal data that leave the words of curated rows."""
        return frozenset(kind for kind, treatment in self.pii.items() if treatment == "mask")

    def place(self, *path: str) -> str:
        """Where params.yaml holds a value that is in force: place("limits", "outlier", "doubt")."""
        part: Any = self.presets[self.preset].model_dump(exclude_unset=True) if self.preset in self.presets else {}
        for key in path:
            if not isinstance(part, Mapping) or key not in part:
                return ".".join(("route", *path))
            part = part[key]
        return ".".join(("route", "presets", self.preset, *path))

    @model_validator(mode="before")
    @classmethod
    def _under_preset(cls, written: Any) -> Any:
        """The section with the chosen preset's values in place; every other preset must fit the section as well."""
        presets, chosen = written.get("presets") or {}, written.get("preset", BALANCED)
        nested = (presets, written.get("pii") or {}, written.get("limits") or {})
        if (not presets and chosen == BALANCED) or not all(isinstance(part, Mapping) for part in nested):
            return written
        if chosen not in presets:
            known = ", ".join(presets) or BALANCED
            raise QiratError(f"params.yaml, route.preset: there is no {chosen!r}; expected one of {known}")
        plain = {**written, "preset": BALANCED, "presets": {}}
        for name, overrides in presets.items():
            try:
                cls.model_validate(_overridden(plain, Overrides.model_validate(overrides), name))
            except ValidationError as error:
                raise QiratError(f"params.yaml, route with the preset {name}: {faults(error)}") from None
        return _overridden(written, Overrides.model_validate(presets[chosen]), chosen)

    @model_validator(mode="after")
    def _limits_make_sense(self) -> "Route":
        for code, limit in self.limits.items():
            if code.startswith(JUDGE) and limit.fatal is not None:
                raise QiratError(
                    f"params.yaml, route.limits.{code}: a language model's opinion is never the only ground to drop a "
                    "row; give it a doubt instead of a fatal limit"
                )
            if code.startswith(PII) and (limit.doubt, limit.fatal) != (None, None):
                raise QiratError(f"params.yaml, route.limits.{code}: route.pii says what becomes of it, not a limit")
        if odd := sorted({code.removeprefix(PII) for code in self.limits if code.startswith(PII)} ^ set(self.pii)):
            raise QiratError(
                f"params.yaml, route: {', '.join(odd)} stands in only one of route.pii and route.limits (as {PII}...); "
                "name each kind of personal data in both"
            )
        return self


def _overridden(written: Mapping[str, Any], preset: Overrides, name: str) -> dict[str, Any]:
    """The section with a preset's values over its own; what a preset names must be there to be overridden."""
    for part, given in (("pii", preset.pii), ("limits", preset.limits)):
        if unknown := sorted(set(given) - set(written.get(part) or {})):
            raise QiratError(
                f"params.yaml, route.presets.{name}.{part}: route.{part} has no {', '.join(unknown)}; add or correct it"
            )
    limits = {**(written.get("limits") or {})}
    for code, fields in preset.limits.items():
        if isinstance(limits[code] or {}, Mapping):  # else the model tells what is wrong with it
            limits[code] = {**(limits[code] or {}), **fields}
    changed = {"pii": {**(written.get("pii") or {}), **preset.pii}, "limits": limits}
    budget = {} if preset.budget is None else {"budget": preset.budget}
    return {**written, **changed, **budget}
