"""A section of params.yaml, held against its model."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from curation.harness.dvc import listed, stages
from curation.harness.errors import QiratError, faults
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
        raise QiratError(f"params.yaml: no stage reads {', '.join(unknown)}; sections are {', '.join(sorted(known))}")
    try:
        return params.model_validate(found.get(section) or {})
    except ValidationError as error:
        raise QiratError(f"params.yaml, {faults(error, section)}") from None
