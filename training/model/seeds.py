"""How much of a result may be a training seed's luck: what a sweep found, kept in git as data/seeds.json.

Trainings are the same but for the seed when base, data, template and recipe are; `training_id` is a hash of these.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from curation.core.record.conversation import canonical_json
from curation.harness.errors import QiratError, faults
from curation.harness.files import atomic
from curation.harness.params import Params

PATH = Path("data/seeds.json")


class Luck(Params):
    """One recipe, trained with several seeds and judged once on test. Losses are in nats a token."""

    n: int  # seeds
    spread: float  # largest loss less smallest
    value: float  # what the loss falls by against the base model, over the seeds
    low: float  # its 95% interval, with the luck of conversations and of seeds in it
    high: float


class Seeds(Params):
    """The file."""

    qirat: Literal["seeds"]
    version: Literal[1]
    trainings: dict[str, Luck]  # by training_id


def training_id(provenance: Mapping[str, Any]) -> str:
    """SHA-256 of all that an adapter was trained with but its seed, from its provenance."""
    parts = {name: provenance[name] for name in ("data", "template")}
    told = {**parts, "base": provenance["base"]["weights"], "recipe": provenance["params"]["recipe"]}
    return hashlib.sha256(canonical_json(told).encode()).hexdigest()


def read_seeds(path: Path = PATH) -> Seeds:
    """What is known; a file that somebody broke is told with its place."""
    try:
        return Seeds.model_validate_json(path.read_text("utf-8"))
    except OSError:
        raise QiratError(f"{path} is missing; restore it from git (`git checkout {path}`)") from None
    except ValueError as error:
        raise QiratError(
            f"{path}: {faults(error, quoted=False)}; restore it from git (`git checkout {path}`)"
        ) from None


def write_seeds(seeds: Seeds) -> None:
    """The same bytes for the same content."""
    with atomic(PATH) as temporary:
        temporary.write_text(json.dumps(seeds.model_dump(), indent=1, sort_keys=True) + "\n", "utf-8")
