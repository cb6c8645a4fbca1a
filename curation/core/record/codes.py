"""What checks may see, by code, as score leaves it to all that come after: data/scored/codes.json.

Each check says it of its own codes, in curation/checks/NAME.yaml.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, FiniteFloat

from curation.harness.errors import QiratError
from curation.harness.files import refuse_no_project
from curation.harness.params import Params

CODES = Path("data/scored/codes.json")
PII = "pii_"  # codes of personal data: pii_email and so on
FACT = "ungrounded_"  # codes of facts that nothing before a reply contains: ungrounded_price and so on
SKIPPED = "skipped_"  # codes of the notes that a check was not run: skipped_judge and so on
LANGUAGES = "languages_"  # codes of the notes on what is said in which language: languages_unnamed, languages_unchecked
LABELS = "doubtful_label"  # code of a label that may be wrong
WRONG_LABELS = "wrong_labels"  # code of the note on the share of labels that are wrong, with its interval
JUDGE = "judge_"  # codes of a language model's opinion


class Limit(Params):
    """When a code matters. A code without limits is reported and decides nothing."""

    doubt: FiniteFloat | None = None  # from this value a person should look
    fatal: FiniteFloat | None = None  # from this value the row is rejected
    # A list of words condemns nobody alone: fatal only beside a doubt by one of these codes, learnt from the set.
    fatal_with: tuple[str, ...] = ()
    below: bool = False  # low values are the bad ones
    note_if_common: bool = False  # where most rows have it, it is about the set (a playbook not yours), not about rows
    precision: float = Field(default=0.5, gt=0, le=1)  # share of such doubts that people are expected to confirm
    usual_share: float | None = Field(default=None, gt=0, le=1)  # share of rows for which `precision` holds

    def over(self, changes: Mapping[str, Any]) -> "Limit":
        """This limit with other values for some of its fields."""
        return Limit.model_validate({**self.model_dump(exclude_unset=True), **changes})


class Code(Params):
    """One thing that a check may see."""

    check: str
    severity: Literal["info", "doubt", "fatal"]  # the check's own opinion; the policy decides
    limit: Limit = Limit()
    presets: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)  # preset -> fields of `limit` that differ
    says: str = ""  # what it means, or its value, for who sets limits
    confirmed_by: tuple[str, ...] = ()  # the reasons that a reviewer may tick for it
    title: Mapping[str, str] = Field(default_factory=dict)  # language -> what it is called, in two or three words
    words: Mapping[str, str]  # language -> what it means
    asked: Mapping[str, str] = Field(default_factory=dict)  # the same for reviewers, where other words serve better

    def under(self, preset: str) -> Limit:
        """Its limit under a preset."""
        return self.limit.over(self.presets.get(preset, {}))

    def told(self, language: str) -> str:
        """What it means; in English where nobody has said it in that language."""
        return self.words.get(language, self.words["en"])

    def called(self, name: str, language: str) -> str:
        """Its title, else in English, else its name."""
        return self.title.get(language) or self.title.get("en") or name.replace("_", " ")

    def told_to_reviewers(self, language: str) -> str:
        return self.asked.get(language, self.told(language))


def fault(code: str, limit: Limit) -> str:
    """What is wrong with such a limit for this code; "" where nothing is."""
    if code.startswith(JUDGE) and limit.fatal is not None:
        return "a language model's opinion is never the only ground to drop a row; give it a doubt, no fatal limit"
    if code.startswith(PII) and (limit.doubt, limit.fatal) != (None, None):
        return "route.pii says what becomes of it, not a limit"
    if code.startswith(FACT) and (limit.doubt, limit.fatal) != (None, None):
        return "route.facts says what becomes of it, not a limit"
    return ""


def read_codes(path: Path = CODES) -> dict[str, Code]:
    """The codes as score wrote them."""
    if not path.exists():
        refuse_no_project()
        raise QiratError(f"{path} is missing; run `dvc repro score` first")
    try:
        return {name: Code.model_validate(told) for name, told in json.loads(path.read_text("utf-8")).items()}
    except (ValueError, AttributeError):
        raise QiratError(f"{path} is not as score writes it; run `dvc repro score`, which makes it anew") from None


def as_json(codes: Mapping[str, Code]) -> dict[str, Any]:
    """The codes as they are written."""
    return {name: code.model_dump(mode="json", exclude_unset=True) for name, code in codes.items()}
