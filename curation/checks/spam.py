"""Advertising and fraud that found their way into the team's inbox, or into its replies."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from curation.checks import Context, check
from curation.conversation import turns
from curation.text import folded

REPORTED_FROM = 2
_SHOUT = r"(!{2,}|[🔥💰💵🤑🎁💯🚀]|\p{Lu}{4,} \p{Lu}{4,})"


@check(
    "spam",
    {"spam": "doubt"},
    languages=("en", "ar"),
    source="own phrase lists, curation/checks/spam.yaml",
)
def spam(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Advertisements, get-rich offers and phishing, in English and Arabic, in a turn of either side.

    A turn counts only with a lure (easy money, prizes, loans, miracles, followers; `spam.yaml`): `value` = 1 for it, 1
    more for what pushes to act (a link, "join now", "اضغط هنا"), 1 more for shouting (!!, 💰). The worst turn of a
    conversation, from 2 on.

    Limits: a shop that sells investments or runs lotteries talks like this all day; spam in plain words passes.
    """
    said = turns(conversations).filter(pl.col("role").is_in(["user", "assistant"]))
    lure, push = (pl.col("text").str.extract(pattern, 1) for pattern in _patterns())
    luring = said.with_columns(text=folded(pl.col("content"))).with_columns(lure=lure).drop_nulls("lure")
    each = luring.with_columns(push=push, shout=pl.col("content").str.extract(_SHOUT, 1))
    value = sum((pl.col(cue).is_not_null().cast(pl.Int32) for cue in ("push", "shout")), pl.lit(1))
    worst = each.with_columns(value=value).sort("conversation_id", "value", "turn", descending=[False, True, False])
    for row in worst.unique("conversation_id", keep="first", maintain_order=True).iter_rows(named=True):
        if row["value"] >= REPORTED_FROM:
            seen = {name: row[name] for name in ("conversation_id", "turn", "value")}
            words = " ... ".join(filter(None, (row["lure"], row["push"], row["shout"])))
            yield {**seen, "code": "spam", "threshold": REPORTED_FROM, "evidence": words}


@functools.cache
def _patterns() -> tuple[str, str]:
    """Patterns of lures and of pushes in either language, for folded text; the first group holds the words."""
    lists = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    lure, push = (
        "|".join(pattern for patterns in lists[kind].values() for pattern in patterns) for kind in ("lure", "push")
    )
    return rf"(?:^|[^\p{{L}}\p{{N}}])[وفب]?({lure})", rf"(?:^|[^\p{{L}}\p{{N}}])[وف]?({push})"
