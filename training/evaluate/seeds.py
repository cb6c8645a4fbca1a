"""Is it the luck of one training? How many seeds stand behind the adapter that is judged."""

from collections.abc import Mapping
from typing import Any

from training.judge.reasons import Reason, Voice
from training.model.seeds import Seeds, training_id


def seeds_behind(provenance: Mapping[str, Any], known: Seeds) -> Voice:
    """Told always; where `qirat sweep` trained the same with several seeds, also how far apart these came out."""
    luck = known.trainings.get(training_id(provenance))
    if luck is None:
        return Voice(told=[Reason("seeds", {"n": 1})])
    return Voice(told=[Reason("seeds", {"n": luck.n}), Reason("seeds_differ", luck.model_dump())])
