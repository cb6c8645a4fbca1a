"""One file a metric: how it is measured, which direction is better, and its words.

A metric is a function under `@Metric(...)` that needs one of three things: `likelihood`, what a model makes of the
team's own replies in a conversation (`Likely`); `replies`, a conversation with an arm's replies (`Answered`); or
`corpus`, all that was written. To add one, write a module here and run `python -m benchmarks.document`. It is
found by itself: tables, params.yaml, verdict and page know it.
"""

import functools
import importlib
import math
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from curation.core.record.playbook import Playbook
from training.judge.arms import Row
from training.judge.facts import NO_HOUSE, House, Stated, stated
from training.judge.rules import kept_rules

Needs = Literal["likelihood", "replies", "corpus"]
Better = Literal[1, -1, 0]
Text = Mapping[str, str]  # by language code
Measure = TypeVar("Measure", bound=Callable[..., Any])
# Of one conversation: value and weight; over conversations a metric is sum of values / sum of weights. None: the
# conversation has nothing to measure.
Score = tuple[float, float] | None


@dataclass(frozen=True)
class Likely:
    """The team's own replies in a conversation, as a model finds them behind an arm's prompt."""

    nats: float  # -ln of their probability
    tokens: int
    bytes: int  # of their text in UTF-8


@dataclass(frozen=True)
class Answered:
    """A conversation that an arm answered in the team's place."""

    conversation: Row  # the record
    replies: Sequence[Row]  # the arm's, rows of PREDICTIONS by turn; at least one
    playbook: Playbook
    house: House = NO_HOUSE

    @functools.cached_property
    def kept(self) -> dict[str, bool]:
        """The playbook's rules that apply to the team's own replies, kept or not."""
        return kept_rules(self.playbook, self.conversation, {reply["turn"]: reply["text"] for reply in self.replies})

    @functools.cached_property
    def stated(self) -> Sequence[Stated]:
        """The facts of each reply."""
        return list(stated(self.conversation["messages"], self.replies, self.house))


@dataclass
class Metric:
    """What a metric says of itself, over the function that measures it and gives it its name.

    `measure` gives a Score of a `Likely` or an `Answered`. Of a corpus, (PREDICTIONS, conversations), it gives for each
    arm the value and the values with each conversation left out, whose spread is the interval.
    """

    needs: Needs
    better: Better  # 1: more is better, -1: less is better, 0: neither
    title: Text  # of its tables
    explanation: Text  # a sentence: what is measured, and how
    decides: bool = True  # may be evaluate.primary, and have a margin; never without a better direction or of a corpus
    margin: float | None = None  # may be worse by this much than any prompt arm, unless evaluate.margins says otherwise
    bounds: tuple[float, float] = (-math.inf, math.inf)  # what a conversation's value, or a corpus', cannot leave
    measure: Callable[..., Any] = field(init=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.decides &= self.better != 0 and self.needs != "corpus"

    def __call__(self, measure: Measure) -> Measure:
        """Registers the function."""
        self.measure, self.name = measure, measure.__name__
        _METRICS[self.name] = self
        return measure


_METRICS: dict[str, Metric] = {}


@functools.cache
def metrics() -> Mapping[str, Metric]:
    """All metrics by name, those that may decide first."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return {m.name: m for m in sorted(_METRICS.values(), key=lambda m: (not m.decides, m.name))}


def measured(needs: Needs) -> list[Metric]:
    """The metrics that need this."""
    return [one for one in metrics().values() if one.needs == needs]


def described() -> dict[str, Any]:
    """data/evaluated/metrics.json: by name, what the page must know of a metric."""
    return {m.name: {"better": m.better, "title": m.title, "explanation": m.explanation} for m in metrics().values()}
