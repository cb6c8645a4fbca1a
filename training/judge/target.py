"""The target that prompts and adapter are held to: conversations that break no rule and whose replies all end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from curation.core.statistics.intervals import FEW, Z, effective, share
from curation.core.statistics.power import seen
from curation.core.statistics.sequential import reach_of
from training.judge.scoring import ALL, by_language, by_languages

FEW_OF_A_LANGUAGE = 10  # conversations; below, a language's interval tells nothing either way
GOOD = pl.Schema(
    {
        "arm": pl.String,
        "language": pl.String,  # "all" or a code
        "good": pl.Int64,  # conversations
        "n": pl.Int64,
        "effective": pl.Float64,  # independent draws that the n are worth, see effective
    }
)


@dataclass(frozen=True)
class Standing:
    """Where an arm stands against the target, in the language in which that is decided."""

    word: Literal["reached", "below", "open"]
    figures: Mapping[str, Any]  # language, good, value, low, high, n, target; whole: n over all languages


def good_shares(scores: pl.DataFrame, conversations: pl.DataFrame) -> pl.DataFrame:
    """GOOD: conversations, and those that break no rule and whose replies all end."""
    good = (
        scores.filter(pl.col("metric").is_in(("playbook_pass", "stopped")))
        .group_by("arm", "conversation_id")
        .agg(good=(pl.col("value") == pl.col("weight")).all())
    )
    parts = by_language(good, conversations).partition_by("arm", "language", as_dict=True)
    rows = []
    for key, part in parts.items():
        units = part.group_by("cluster_id").agg(pl.col("good").sum(), n=pl.len()).sort("cluster_id")
        worth = effective(units["good"].to_numpy(), units["n"].to_numpy())
        rows.append((*key, int(part["good"].sum()), part.height, worth))
    return pl.DataFrame(rows, schema=GOOD, orient="row")


def may_reach(shares: pl.DataFrame, arm: str, target: float) -> bool:
    """Whether the 95% intervals of an arm in GOOD leave it open that it reaches the target, over all and by language.

    To stop asking where they do not makes nothing look better than it is.
    """
    rows = shares.filter(arm=arm).iter_rows(named=True)
    return all(share(row["good"], row["n"], row["effective"]).high >= target for row in rows)


def showing(drawn: pl.DataFrame, answered: int, target: float) -> int | None:
    """How many conversations, in this order, show the target where none of them fails; None: not even all of them do.

    In each language that counts among the first `answered`, and over all, they hold so many groups that the lower end
    of Wilson's interval, as wide as the verdict's at its first look at the test set, reaches it: 96 for 0.95.
    """
    least = max(seen(1 - target, z=reach_of(1)) or drawn.height + 1, FEW)
    counted = drawn.head(answered).group_by("language").len().filter(pl.col("len") >= FEW_OF_A_LANGUAGE)["language"]
    ends: list[int] = []
    for code, part in by_languages(drawn.with_row_index("place")):
        if code == ALL or code in counted:
            begun = part.filter(pl.col("cluster_id").is_first_distinct())["place"]
            if len(begun) < least:
                return None
            ends.append(int(begun[least - 1]) + 1)
    return max(ends, default=None)


def standing(shares: pl.DataFrame, arm: str, target: float, z: float = Z) -> Standing:
    """Of an arm in GOOD: reached or below where the 95% interval shows it, over all and in each language.

    Fewer than FEW conversations show nothing, and of a language fewer than FEW_OF_A_LANGUAGE count not at all. `z`: how
    many standard errors the interval reaches, where looks at the test set share their error.
    """
    whole = int(shares.filter(arm=arm, language=ALL)["n"].sum())
    figures = []
    for row in shares.filter(arm=arm).sort(pl.col("language") != ALL, "language").iter_rows(named=True):
        if row["language"] == ALL or row["n"] >= FEW_OF_A_LANGUAGE:
            found = share(row["good"], row["n"], row["effective"], z)
            counted = {"language": row["language"], "good": row["good"], "effective": row["effective"], "whole": whole}
            figures.append(
                {**counted, "value": found.value, "low": found.low, "high": found.high, "n": found.n, "target": target}
            )
    lowest = min(figures, key=lambda one: float(one["low"]), default={"n": 0, "target": target})
    if not figures or figures[0]["effective"] < FEW:
        return Standing("open", lowest)
    if below := [one for one in figures if one["high"] < target]:
        return Standing("below", below[0])
    return Standing("reached" if lowest["low"] >= target else "open", lowest)
