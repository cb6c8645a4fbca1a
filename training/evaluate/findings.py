"""What is shown for the adapter, what against it, and what is open and takes how much more; the rule is promote's."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import NormalDist
from typing import Any, Literal

import polars as pl

from curation.core.statistics.intervals import FEW, Z, unseen
from curation.core.statistics.power import needed, seen
from curation.core.statistics.sequential import reach_of
from training.judge.metrics import metrics
from training.judge.reasons import Reason
from training.judge.scoring import ALL, Evaluate
from training.judge.target import FEW_OF_A_LANGUAGE, Standing

FORGETTING = "forgetting"  # general ability among what is measured


@dataclass(frozen=True)
class Reach:
    """Standard errors that intervals reach."""

    now: float = Z
    then: float = Z  # once more was measured, which is one more look
    against: float = Z  # where one of many prompts speaks against the adapter

    @classmethod
    def of_look(cls, number: int) -> "Reach":
        return cls(reach_of(number), reach_of(number + 1), reach_of(number))

    def among(self, prompts: int) -> "Reach":
        """Where any of so many prompts may speak against the adapter they share the error, as Bonferroni has it.

        What speaks for it is asked against every one of them, which needs nothing of the kind.
        """
        error = 1 - NormalDist().cdf(self.now)
        return replace(self, against=NormalDist().inv_cdf(1 - error / max(prompts, 1)))


ONE_LOOK = Reach()


@dataclass(frozen=True)
class Gain:
    """A row of COMPARISONS turned so that more is better."""

    against: str
    metric: str
    language: str
    value: float
    low: float
    high: float
    n: int
    groups: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Gain":
        low, high = sorted(row["better"] * row[c] for c in ("low", "high"))
        names = (row["against"], row["metric"], row["language"])
        return cls(*names, row["better"] * row["difference"], low, high, row["n"], row["groups"])


@dataclass(frozen=True)
class Found:
    """One thing that was compared: shown to be well, shown against the adapter, or open."""

    word: Literal["shown", "against", "open"]
    reason: Reason
    what: str = ""  # was measured
    n: int = 0
    wanted: int | None = None  # of n in all, until it is shown either way with power.POWER; None: with no number
    whole: int = 0  # conversations of all languages, where n are those of one; of questions 0
    language: str = ALL
    param: str = ""  # the one that asks for less where it is set wider or lower

    @property
    def more(self) -> int:
        """Conversations of all languages that it takes besides."""
        return math.ceil((max(self.wanted or 0, self.n) / max(self.n, 1) - 1) * self.whole)


@dataclass(frozen=True)
class Supply:
    """How many there are to ask, by language, "all" among them; of a language that is not named it is not known."""

    conversations: Mapping[str, int] = field(default_factory=dict)  # of test
    questions: Mapping[str, int] = field(default_factory=dict)  # on general ability

    def lacking(self, one: Found) -> int | None:
        """How many there are, where what is open takes more."""
        there = (self.conversations if one.whole else self.questions).get(one.language)
        return there if there is not None and (one.wanted or 0) > there else None


def gained(gain: Gain, params: Evaluate, z: Reach) -> Found:
    """On the primary metric: beaten; or no gain, or less than its own margin would miss; or open."""
    least = params.guarded.get(params.primary, 0.0)
    if gain.low > 0 and gain.groups >= FEW:
        return Found("shown", Reason("beaten", asdict(gain)))
    if math.isnan(gain.value):
        return Found("against", Reason("unbeaten", asdict(gain)))
    if gain.groups >= FEW_OF_A_LANGUAGE and (_most(gain, z) <= 0 or _most(gain, z) < least):
        return Found("against", Reason("no_gain", {**asdict(gain), "least": least}))
    sd = _spread(gain, _span(gain.metric), z.now)
    wanted = _in_all((needed(sd, gain.value, z=z.then), needed(sd, -gain.value, least, z=z.then)), gain)
    few = {"n": gain.n, "metric": gain.metric, "least": FEW}
    reason = Reason("too_few", few) if gain.groups < FEW else Reason("unbeaten", asdict(gain))
    return Found("open", reason, gain.metric, gain.n, wanted, gain.n)


def guards(gains: Sequence[Gain], params: Evaluate, early: Collection[str], z: Reach) -> Iterator[Found]:
    """Each metric with a margin, in any language, against any prompt; open too where a metric was not measured.

    Of the replies of arms that stopped `early` only what is shown against the adapter counts: no more will be asked.
    """
    for metric in sorted(params.guarded.keys() - {gain.metric for gain in gains}):
        yield Found("open", Reason("unmeasured", {"metric": metric}), metric)
    asked = {gain.metric: gain.n for gain in gains if gain.language == ALL and not _cut_short(gain, early)}
    for gain, margin in sorted(guarded(gains, params), key=lambda pair: pair[0].language != ALL):
        if gain.language == ALL or gain.n >= FEW_OF_A_LANGUAGE:
            found = _held(("loss", "lost"), gain, margin, asked.get(gain.metric, 0), z)
            if found.word == "against" or not _cut_short(gain, early):
                yield found


def _cut_short(gain: Gain, early: Collection[str]) -> bool:
    """Whether fewer conversations than the adapter's stand behind it, since the other arm was asked no more."""
    return gain.against in early and metrics()[gain.metric].needs != "likelihood"


def abilities(forgetting: pl.DataFrame, margin: float, z: Reach) -> Iterator[Found]:
    """General ability, over all and in each language, against the base model."""
    compared = forgetting.filter(pl.col("against").is_not_null())
    for row in compared.sort(pl.col("language") != ALL, "language").iter_rows(named=True):
        if row["language"] == ALL or row["n"] >= FEW_OF_A_LANGUAGE:
            against, language, value, low, high, n = (
                row[c] for c in ("against", "language", "value", "low", "high", "n")
            )
            gain = Gain(against, FORGETTING, language, value, low, high, n, n)
            yield _held(("forgotten", "forgot"), gain, margin, 0, z)


def _held(codes: tuple[str, str], gain: Gain, margin: float, whole: int, z: Reach) -> Found:
    """Kept where the interval shows it, and where what no unit has shown, spanning all it can, would not undo it.

    `codes` are for a loss that cannot be ruled out, and for one that is shown.
    """
    figures, span = {**asdict(gain), "margin": margin}, _span(gain.metric)
    if math.isnan(gain.value):
        return Found("against", Reason(codes[0], figures))
    if _most(gain, z) < -margin and gain.groups >= FEW_OF_A_LANGUAGE:
        return Found("against", Reason(codes[1], figures))
    many = gain.language != ALL or gain.groups >= FEW
    if many and gain.low >= -margin and gain.value - span * unseen(gain.groups, z.now) >= -margin:
        return Found("shown", Reason(codes[0], figures))
    sd = _spread(gain, span, z.now)
    keeping = needed(sd, gain.value, margin, z=z.then)
    if keeping and span:
        keeping = max(keeping, seen(margin / span, gain.value / span, z.then) or 0)
    name = gain.metric if gain.language == ALL else f"{gain.metric} ({gain.language})"
    wanted = _in_all((keeping, needed(sd, -gain.value, -margin, z=z.then)), gain)
    param = "evaluate.forgetting_margin" if gain.metric == FORGETTING else f"evaluate.margins.{gain.metric}"
    return Found("open", Reason(codes[0], figures), name, gain.n, wanted, whole, gain.language, param)


def _most(gain: Gain, z: Reach) -> float:
    """The upper end where that speaks against the adapter."""
    return gain.value + (gain.high - gain.value) * z.against / z.now


def _span(metric: str) -> float:
    """How far two arms can lie apart on it in one conversation; 0: it has no bounds to say so."""
    least, most = (0.0, 1.0) if metric == FORGETTING else metrics()[metric].bounds
    return most - least if math.isfinite(most - least) else 0.0


def _spread(gain: Gain, span: float, z: float) -> float:
    """The standard deviation of a unit's differences, from the interval without what it keeps for the unseen."""
    half, kept = (gain.high - gain.low) / 2, span * unseen(gain.groups, z)
    return math.sqrt(max(half * half - kept * kept, 0.0) * gain.groups) / z


def _in_all(units: Iterable[int | None], gain: Gain) -> int | None:
    """Of the ways in which it may be decided the shortest, in conversations; more than now."""
    known = [max(one, FEW, gain.groups + 1) for one in units if one]
    return math.ceil(min(known) * gain.n / gain.groups) if known else None


def unsettled(stands: Standing, z: float) -> Found:
    """Whether the target is reached, where that is open; `z`: what an interval will reach that decides it."""
    figures, target = stands.figures, stands.figures["target"]
    if not figures["n"]:
        return Found("open", Reason("unmeasured", {"metric": "playbook_pass"}), "playbook_pass")
    value, worth = figures["value"], max(1, round(figures["effective"]))
    sd = math.sqrt(value * (1 - value))
    reached = max(needed(sd, value, -target, z=z) or 0, seen(1 - target, z=z) or 0) if value > target else None
    gain = Gain("", "playbook_pass", figures["language"], value, figures["low"], figures["high"], figures["n"], worth)
    wanted = _in_all((reached, needed(sd, -value, target, z=z)), gain)
    reason, code = Reason("target_open", figures), figures["language"]
    return Found("open", reason, "playbook_pass", figures["n"], wanted, figures["whole"], code, "baseline.target")


def personal(memorised: pl.DataFrame) -> Iterator[Reason]:
    """When the adapter repeats personal data of training conversations."""
    found = memorised.filter(what="personal")
    if found.height:
        yield Reason("memorised_personal", {"n": found.height, "kinds": ", ".join(sorted(found["evidence"].unique()))})


def too_little(few: Sequence[Found], supply: Supply) -> Iterator[Reason]:
    """One line on all that is open: of each what was measured, and what it takes at the most.

    What takes more than there is stands in lines of its own: asking more of what there is would not show it.
    """
    most: dict[str, Found] = {}
    for one in few:
        if one.what not in most or (one.wanted or math.inf) > (most[one.what].wanted or math.inf):
            most[one.what] = one
    beyond = {what: there for what, one in most.items() if (there := supply.lacking(one)) is not None}
    if within := [f"{what} {one.n}/{one.wanted or '?'}" for what, one in most.items() if what not in beyond]:
        yield Reason("too_little", {"measured": ", ".join(within)})
    for code, of_questions in (("beyond_questions", True), ("beyond_test", False)):
        told = [
            f"{what} {most[what].wanted}/{there}{most[what].param and f' ({most[what].param})'}"
            for what, there in beyond.items()
            if of_questions == (not most[what].whole)
        ]
        if told:
            yield Reason(code, {"measured": ", ".join(told)})


def guarded(gains: Sequence[Gain], params: Evaluate) -> Iterator[tuple[Gain, float]]:
    """The gains on metrics with a margin, and the margin."""
    for metric, margin in params.guarded.items():
        yield from ((g, margin) for g in gains if g.metric == metric)
