"""Advertising and fraud that found their way into the team's inbox, or into its replies."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from curation.checks.check import Context, check, lists_of
from curation.record.conversation import turns
from curation.text.folding import folded

REPORTED_FROM = 2
CUES = 4  # of advertising in one turn, that make it such whatever it is for
SHORTEST_ADVERT = 60  # characters; a shorter turn has no room for so many
_SHOUT = r"(!{2,}|[🔥💰💵🤑🎁💯🚀⚡🎉🤩😍📲📢💎👉👇✅⭐💸📈]|\p{Lu}{4,} \p{Lu}{4,})"


@check("spam", version=2, languages=("en", "ar"), source="own phrase lists, curation/checks/lists/spam.yaml")
def spam(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Advertisements, get-rich offers and phishing, in English and Arabic, in a turn of either side.

    What a turn is about (`spam.yaml`) gives 2 where hardly anybody else speaks of it ("double your bitcoin", "جلب
    الحبيب"), 1 for other lures (gifts, loans, best prices); 1 more for what pushes to act (a link, "join now", "اضغط
    هنا"), 1 more for shouting (!!, 💰). Whatever it is about, a turn is spam that does four of the things that adverts
    do: a hook, haste, a price, an address, an order to act, praise, a seller's "we", shouting (`value` = 2, 1 more for
    each more). The worst turn of a conversation, from 2 on.

    Limits: a shop that sells investments or runs lotteries talks like this all day; spam in plain words passes.
    """
    said = turns(conversations).filter(pl.col("role").is_in(["user", "assistant"]))
    found = {kind: pl.col("text").str.extract(pattern, 1).alias(kind) for kind, pattern in _patterns().items()}
    cues = sorted(found.keys() - {"sold", "lure", "push"})
    told = said.with_columns(text=folded(pl.col("content"))).with_columns(found["sold"], found["lure"])
    about = pl.col("sold").is_not_null() | pl.col("lure").is_not_null()
    likely = told.filter(about | (pl.col("text").str.len_chars() >= SHORTEST_ADVERT))
    shout = pl.col("content").str.extract(_SHOUT, 1)
    each = likely.with_columns(found["push"], *(found[cue] for cue in cues), shout=shout)
    worst = each.with_columns(value=_value(cues)).sort(
        "conversation_id", "value", "turn", descending=[False, True, False]
    )
    for row in worst.unique("conversation_id", keep="first", maintain_order=True).iter_rows(named=True):
        if row["value"] >= REPORTED_FROM:
            seen = {name: row[name] for name in ("conversation_id", "turn", "value")}
            about = row["sold"] or row["lure"]
            said_so = (about, row["push"], row["shout"]) if about else (row[cue] for cue in cues)
            words = " ... ".join(filter(None, said_so))
            yield {**seen, "code": "spam", "threshold": REPORTED_FROM, "evidence": words}


def _value(cues: Sequence[str]) -> pl.Expr:
    """How much a turn is like spam: by what it is about, or by how much of what adverts do it does."""

    def seen(*kinds: str) -> pl.Expr:
        return pl.sum_horizontal(pl.col(kind).is_not_null().cast(pl.Int32) for kind in kinds)

    about = pl.when(pl.col("sold").is_not_null()).then(2).when(pl.col("lure").is_not_null()).then(1).otherwise(0)
    pushing = pl.when(about > 0).then(about + seen("push", "shout")).otherwise(0)
    return pl.max_horizontal(pushing, seen(*cues, "shout") - CUES + REPORTED_FROM)


@functools.cache
def _patterns() -> Mapping[str, str]:
    """Patterns over folded text of what spam is about (sold, lure), what pushes to act, and the cues of adverts."""
    lists = lists_of("spam")
    cues = lists.pop("cues")
    either = {kind: "|".join(p for patterns in of.values() for p in patterns) for kind, of in lists.items()}
    either |= {kind: "|".join(patterns) for kind, patterns in cues.items()}
    return {kind: rf"(?:^|[^a-z0-9ء-ي])[وفبل]?({patterns})" for kind, patterns in either.items()}
