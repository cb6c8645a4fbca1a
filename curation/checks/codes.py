"""What the checks may see, read from the NAME.yaml beside each of them, without running any of them."""

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from curation.core.record.codes import Code, fault
from curation.harness.errors import QiratError, faults
from curation.harness.yaml_text import from_yaml

HERE = Path(__file__).parent
LANGUAGES = ("en", "ar")  # in which each code is explained


@functools.cache
def codes(folder: Path = HERE) -> Mapping[str, Code]:
    """All codes by name."""
    found: dict[str, Code] = {}
    for path in sorted(folder.glob("*.yaml")):
        for name, said in _said(path).items():
            if name in found:
                raise QiratError(f"{path}: {name} is a code of {found[name].check}.yaml too; give it another name")
            found[name] = _code(path, name, said)
    return found


def _said(path: Path) -> Mapping[str, Any]:
    """What the file says of each code."""
    text = path.read_text("utf-8")
    try:
        said = from_yaml(text)
    except yaml.YAMLError as error:
        raise QiratError(f"{path} is no YAML: {error}") from None
    if not isinstance(said, dict):
        raise QiratError(f"{path}: expected codes, each as `name:` with its severity and words below it")
    names = re.findall(r"^(\w+):", text, re.MULTILINE)
    if twice := sorted({name for name in names if names.count(name) > 1}):  # of which YAML would take the last
        raise QiratError(f"{path}: {twice[0]} stands there twice; give one of them another name")
    return said


_KEYS = [key for key in Code.model_fields if key != "check"]  # that the file's name tells


def _code(path: Path, name: str, said: Any) -> Code:
    try:
        code = Code.model_validate({**(said or {}), "check": path.stem})
        wrong = next(_wrong(name, code), "")
    except (ValidationError, TypeError) as error:
        said = faults(error) if isinstance(error, ValidationError) else "expected its severity and words below it"
        raise QiratError(f"{path}, {name}: {said}; keys are {', '.join(_KEYS)}") from None
    if wrong:
        raise QiratError(f"{path}, {name}: {wrong}")
    return code


def _wrong(name: str, code: Code) -> Iterator[str]:
    for words in ("words", *(optional for optional in ("asked", "title") if getattr(code, optional))):
        if lacking := [language for language in LANGUAGES if not getattr(code, words).get(language)]:
            yield f"{words} lacks {', '.join(lacking)}; say there what it means"
    for preset in ("", *code.presets):
        if said := fault(name, code.under(preset)):
            yield said
