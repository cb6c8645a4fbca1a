"""A section of params.yaml, held against its model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from curation.harness.dvc import listed, stages
from curation.harness.errors import QiratError, faults, meant
from curation.harness.yaml_text import from_yaml

OF_NO_STAGE = ("machine", "review")  # sections that no stage depends on: where things run, and `qirat review`


class Params(BaseModel):
    """A section of params.yaml. Unknown keys are errors: a mistyped knob must not be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


AnyParams = TypeVar("AnyParams", bound=Params)
Section = TypeVar("Section", bound=Params)


def load_params(section: str, params: type[AnyParams]) -> AnyParams:
    """A section of params.yaml; errors name the key and what it expects."""
    path = Path("params.yaml")
    if not path.exists():
        raise QiratError(f"params.yaml is not in {Path.cwd()}; run this from the folder that holds it")
    try:
        found = from_yaml(path.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise QiratError(f"params.yaml is no YAML: {faults(error)}") from None
    if not isinstance(found, dict) or not isinstance(found.get(section) or {}, dict):
        raise QiratError(f"params.yaml: expected `{section}:` with its settings below it, each as `name: value`")
    known = {*OF_NO_STAGE, *(name for stage in stages().values() for name in listed(stage, "params"))}
    if unknown := sorted(set(found) - known):
        near = meant(unknown[0], known)
        raise QiratError(
            f"params.yaml: no stage reads {', '.join(unknown)}{near}; sections are {', '.join(sorted(known))}"
        )
    try:
        return params.model_validate(found.get(section) or {})
    except ValidationError as error:
        raise QiratError(f"params.yaml, {faults(error, section)}{mistyped(error, params)}") from None


def mistyped(error: ValidationError, params: type[BaseModel]) -> str:
    """What the first name that nobody knows may have been meant for; "" where none is like it."""
    unknown = next((fault["loc"] for fault in error.errors() if fault["type"] == "extra_forbidden"), None)
    if unknown is None:
        return ""
    return meant(str(unknown[-1]), _knobs(params, [str(part) for part in unknown[:-1]]))


def _knobs(kind: Any, place: Sequence[str]) -> list[str]:
    """The names that may stand at a place below a model, also where models lie in mappings or are optional."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        inner = kind.model_fields.get(place[0]) if place else None
        return _knobs(inner.annotation, place[1:]) if inner else [] if place else list(kind.model_fields)
    below = place[1:] if get_origin(kind) in (dict, Mapping) else place
    return [name for part in get_args(kind) for name in _knobs(part, below)]
