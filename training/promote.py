"""Should the adapter be used? The rule, apart from the measuring."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from training.arms import ADAPTER, PROMPT_ARMS
from training.intervals import paired_difference
from training.scoring import ALL, METRICS, Evaluate, best_arm

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
    }
)

FEW = 30  # conversations; below, percentile bootstrap intervals are known to be too narrow


def comparisons(scores: pl.DataFrame, conversations: pl.DataFrame, params: Evaluate) -> pl.DataFrame:
    """COMPARISONS of the adapter with every prompt arm, conversation by conversation."""
    spoken = scores.join(conversations.select("conversation_id", "language"), on="conversation_id")
    both = pl.concat([spoken, spoken.with_columns(language=pl.lit(ALL))])
    ours = both.filter(pl.col("arm") == ADAPTER)
    rows = []
    for against in PROMPT_ARMS:
        theirs = both.filter(pl.col("arm") == against)
        pairs = ours.join(theirs, on=["conversation_id", "metric", "language"], suffix="_theirs", validate="1:1")
        for (metric, language), pair in (
            pairs.sort("conversation_id").partition_by("metric", "language", as_dict=True).items()
        ):
            sides = [pair[f"{c}{s}"].to_numpy() for s in ("", "_theirs") for c in ("value", "weight")]
            found = paired_difference((sides[0], sides[1]), (sides[2], sides[3]), params.redraws)
            rows.append((ADAPTER, against, metric, language, found.value, found.low, found.high, found.n))
    return pl.DataFrame(rows, schema=COMPARISONS, orient="row").sort("against", "metric", "language")


def verdict(
    arms: pl.DataFrame, compared: pl.DataFrame, baseline: Mapping[str, Any], params: Evaluate
) -> dict[str, Any]:
    """promote: the adapter beats the best prompt arm on the primary metric, and keeps the others within their margins.

    Beating means that the paired 95% interval lies wholly on the better side of zero; keeping, that it lies wholly
    on the better side of the margin: what cannot be shown is not assumed. When a prompt alone reached the target and
    the adapter is no better, prompting is enough.
    """
    best = best_arm(arms, params.primary, PROMPT_ARMS)
    against = compared.filter(pl.col("against") == best)
    gains = {(row["metric"], row["language"]): _gain(row) for row in against.iter_rows(named=True)}
    answered = int(against.filter((pl.col("metric") == params.primary) & (pl.col("language") == ALL))["n"].item())
    won = gains[params.primary, ALL][1] > 0
    kept, losses = _kept(gains, params)
    reasons = [_said(params.primary, best, gains[params.primary, ALL], won), *losses]
    if answered < FEW:
        reasons.append(
            f"only {answered} conversations stand behind this; intervals from fewer than {FEW} are too narrow: "
            "raise evaluate.generated and evaluate.conversations before you rely on it"
        )
    if baseline["override"]:
        reasons.append(f"trained although prompting was enough: {baseline['override']}")
    otherwise = "prompting is enough" if baseline["reached"] and not won else "do not promote"
    word = "promote" if won and kept else otherwise
    return {"verdict": word, "reasons": reasons, "best_prompt_arm": best, "primary": params.primary}


def _gain(row: Mapping[str, Any]) -> tuple[float, float, float]:
    """Difference and interval turned so that more is better: (value, low, high)."""
    bounds = sorted(METRICS[row["metric"]] * row[c] for c in ("low", "high"))
    return METRICS[row["metric"]] * row["difference"], bounds[0], bounds[1]


def _kept(gains: Mapping[tuple[str, str], tuple[float, float, float]], params: Evaluate) -> tuple[bool, Sequence[str]]:
    """Whether every metric with a margin held in every language, and a sentence for each that did not."""

    def losses() -> Iterator[str]:
        for (metric, language), (value, low, _) in gains.items():
            margin = params.margins.get(metric)  # type: ignore[call-overload]
            if margin is not None and low < -margin:
                yield (
                    f"{metric} ({language}): worse by more than the margin {margin:g} cannot be ruled out "
                    f"(gain {value:+.3f}, at worst {low:+.3f})"
                )

    found = list(losses())
    return not found, found


def _said(metric: str, best: str, gain: tuple[float, float, float], won: bool) -> str:
    does = "beats" if won else "is not shown to beat"
    value, low, high = gain
    return f"the adapter {does} the best prompt arm ({best}) on {metric}: gain {value:+.3f} [{low:+.3f}, {high:+.3f}]"
