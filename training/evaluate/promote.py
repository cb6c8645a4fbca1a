"""Should the adapter be used? The rule, apart from the measuring."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from curation.statistics.intervals import FEW, Bootstrap, Interval, paired_difference
from training.judge.arms import ADAPTER, prompt_arms
from training.judge.metrics import metrics
from training.judge.reasons import Reason, Voice, as_codes
from training.judge.scoring import ALL, Evaluate, best_arm, by_language, corpus_differences

COMPARISONS = pl.Schema(
    {
        "arm": pl.String,
        "against": pl.String,
        "metric": pl.String,
        "language": pl.String,  # "all" or a code
        "difference": pl.Float64,  # arm minus against, over the conversations that both answered
        "low": pl.Float64,
        "high": pl.Float64,
        "n": pl.Int64,  # conversations
        "better": pl.Int8,  # 1: more is better, -1: less is better, 0: neither
    }
)

FEW_OF_A_LANGUAGE = 10  # conversations; below, a language's interval tells nothing either way


@dataclass(frozen=True)
class Kept:
    """What the adapter must not have done: forgotten what the base model could, learnt personal data by heart."""

    forgetting: pl.DataFrame  # forgetting.TABLE
    memorised: pl.DataFrame  # memorisation.MEMORISED


def comparisons(
    scores: pl.DataFrame, conversations: pl.DataFrame, predictions: pl.DataFrame, params: Evaluate
) -> pl.DataFrame:
    """COMPARISONS of the adapter with every prompt arm, conversation by conversation."""
    pairs = _paired(by_language(scores, conversations), params.redraws)
    rows = [
        (ADAPTER, against, metric, code, found.value, found.low, found.high, found.n, metrics()[metric].better)
        for against, metric, code, found in (*pairs, *corpus_differences(predictions, conversations, ADAPTER))
    ]
    return pl.DataFrame(rows, schema=COMPARISONS, orient="row").sort("against", "metric", "language")


def _paired(spoken: pl.DataFrame, bootstrap: Bootstrap) -> Iterator[tuple[str, str, str, Interval]]:
    """(against, metric, language, difference) over the conversations that both answered."""
    ours = spoken.filter(arm=ADAPTER)
    for against in prompt_arms(spoken["arm"].unique()):
        theirs = spoken.filter(arm=against)
        pairs = ours.join(theirs, on=["conversation_id", "metric", "language"], suffix="_theirs", validate="1:1")
        parts = pairs.sort("conversation_id").partition_by("metric", "language", as_dict=True)
        for (metric, language), pair in parts.items():
            sides = [pair[f"{c}{s}"].to_numpy() for s in ("", "_theirs") for c in ("value", "weight")]
            found = paired_difference((sides[0], sides[1]), (sides[2], sides[3]), bootstrap)
            yield against, str(metric), str(language), found


def verdict(
    arms: pl.DataFrame,
    compared: pl.DataFrame,
    baseline: Mapping[str, Any],
    kept: Kept,
    params: Evaluate,
    voices: Sequence[Voice] = (),
) -> dict[str, Any]:
    """promote: the adapter beats every prompt arm on the primary metric, and keeps the others within their margins.

    Beating means that the paired 95% interval lies wholly on the better side of zero; keeping, that it lies wholly
    on the better side of the margin: what cannot be shown is not assumed. Every prompt arm, because the one that looks
    best on the test conversations is partly best by luck. General ability has a margin too, against the base model, and
    personal data learnt by heart always blocks. Where a prompt alone reached the target and the adapter does not win,
    prompting is enough. The first reason is the decisive one.
    """
    gains = [Gain.of(row) for row in compared.iter_rows(named=True)]
    primary = [g for g in gains if (g.metric, g.language) == (params.primary, ALL)]
    unbeaten = [g for g in primary if not g.low > 0]  # what is no number is not shown either
    blocked = [
        *_too_few(gains, params),
        *(Reason("unbeaten", asdict(g)) for g in unbeaten),
        *_losses(gains, params),
        *_forgotten(kept.forgetting, params.forgetting_margin),
        *_personal(kept.memorised),
        *(reason for voice in voices for reason in (*voice.against, *voice.unsure)),
    ]
    enough = bool(baseline["reached"] and unbeaten)
    word = "prompting is enough" if enough else "do not promote" if blocked else "promote"
    decisive = {
        "prompting is enough": [Reason("prompt_reached_unbeaten", {"arm": baseline["reached"]})],
        "do not promote": [],
        "promote": [Reason("beaten", asdict(g)) for g in sorted(primary, key=lambda g: g.low)[:1]],
    }[word]
    reasons = [*decisive, *blocked, *_not_shown(gains, params), *(reason for voice in voices for reason in voice.told)]
    if baseline["reached"] and baseline["override"]:
        reasons.append(Reason("overridden", {"reason": baseline["override"]}))
    best = best_arm(arms, params.primary, prompt_arms(arms["arm"].unique()))
    return {"verdict": word, **as_codes(reasons), "best_prompt_arm": best}


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

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Gain":
        low, high = sorted(row["better"] * row[c] for c in ("low", "high"))
        names = (row["against"], row["metric"], row["language"])
        return cls(*names, row["better"] * row["difference"], low, high, row["n"])


def _too_few(gains: Sequence[Gain], params: Evaluate) -> Iterator[Reason]:
    """When too few conversations stand behind a metric that decides."""
    behind = {g.metric: g.n for g in gains if g.language == ALL and g.metric in {params.primary, *params.guarded}}
    metric = min(behind, key=lambda m: behind[m])
    if behind[metric] < FEW:
        yield Reason("too_few", {"n": behind[metric], "metric": metric, "least": FEW})


def _losses(gains: Sequence[Gain], params: Evaluate) -> Iterator[Reason]:
    """Each metric with a margin that is not shown to be kept, in any language, against any prompt."""
    for gain, margin in _guarded(gains, params):
        if not gain.low >= -margin and (gain.language == ALL or gain.n >= FEW_OF_A_LANGUAGE):
            yield Reason("loss", {**asdict(gain), "margin": margin})


def _forgotten(forgetting: pl.DataFrame, margin: float) -> Iterator[Reason]:
    """Each language in which a loss of general ability beyond the margin cannot be ruled out; too few questions."""
    for row in forgetting.filter(pl.col("against").is_not_null()).sort("language").iter_rows(named=True):
        if row["language"] == ALL and row["n"] < FEW:
            yield Reason("forgetting_few", {"n": row["n"], "least": FEW})
        if not row["low"] >= -margin and row["n"] >= FEW_OF_A_LANGUAGE:
            figures = {name: row[name] for name in ("language", "value", "low", "high", "n")}
            yield Reason("forgotten", {**figures, "margin": margin})


def _personal(memorised: pl.DataFrame) -> Iterator[Reason]:
    found = memorised.filter(what="personal")
    if found.height:
        yield Reason("memorised_personal", {"n": found.height, "kinds": ", ".join(sorted(found["evidence"].unique()))})


def _not_shown(gains: Sequence[Gain], params: Evaluate) -> Iterator[Reason]:
    """Each language of which too few conversations say anything on a metric with a margin."""
    behind = {(g.language, g.metric): g.n for g, _ in _guarded(gains, params)}
    for language in sorted({g.language for g in gains} - {ALL}):
        counts = {metric: behind.get((language, metric), 0) for metric in params.guarded}
        if few := [f"{metric} ({n})" for metric, n in counts.items() if n < FEW_OF_A_LANGUAGE]:
            yield Reason("not_shown", {"language": language, "metrics": ", ".join(few), "least": FEW_OF_A_LANGUAGE})


def _guarded(gains: Sequence[Gain], params: Evaluate) -> Iterator[tuple[Gain, float]]:
    """The gains on metrics with a margin, and the margin."""
    for metric, margin in params.guarded.items():
        yield from ((g, margin) for g in gains if g.metric == metric)
