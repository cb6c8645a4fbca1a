"""Replies that say the same thing over and over, as loops of a bot or a copying mistake do."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks.check import Context, check
from curation.checks.models.folded import FOLDED, turns_folded
from curation.core.record.conversation import turns
from curation.core.text.folding import fold

WINDOW = 4  # words
SHORTEST = 16  # words; below, a repeated phrase is emphasis
REPORTED_FROM = 0.1
_WORD = re.compile(r"\w+")
_SAID = r"[\p{L}\p{M}\p{N}]"
_WORD_SIGNS = r"[\p{L}\p{N}_]+"  # the same for Polars' engine
_LONG = rf"(?:{_WORD_SIGNS}[^\p{{L}}\p{{N}}_]+){{{SHORTEST - 1}}}[\p{{L}}\p{{N}}_]"
# What may fold to more words, as the fraction ½ does to 1/2, or to letters that a look at each sign does not tell: all
# but ASCII and Arabic without compatibility forms and marks that join a letter.
_ODD = r"[^\x00-\x7f\x{0600}-\x{0652}\x{0656}-\x{0674}\x{0679}-\x{06ff}]"


@check(
    "repetition",
    version=4,
    source="Rae et al. 2021, Scaling Language Models: Methods, Analysis & Insights from Training Gopher, table A1",
)
def repetition(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Loops: inside a reply, and from reply to reply.

    `repetition`: `value` = share of a reply's four-word runs that stood before in it, the worst reply of 16 words or
    more. `repeated_reply`: `value` = how many times in a row a reply of four words or more is said again, the longest
    row. What is said again to a customer of less than four words, without a figure or a question mark ("Bye", "Thanks
    a lot"), is not counted: courtesies are answered alike. A phrase that comes back after other replies is no loop.
    """
    yield from _said_again(conversations)
    worst: dict[str, tuple[float, int, str]] = {}
    for key, turn, _, text in _may_repeat(conversations).iter_rows():
        share, most = _repeated(text)
        worst[key] = max(worst.get(key, (0.0, 0, "")), (share, turn, most))
    for key, (share, turn, most) in worst.items():
        if share >= REPORTED_FROM:
            seen = {"conversation_id": key, "turn": turn, "code": "repetition", "value": share}
            yield {**seen, "threshold": REPORTED_FROM, "evidence": most}


def _said_again(conversations: pl.DataFrame) -> Iterator[Mapping[str, Any]]:
    said = _may_say_again(turns(conversations).filter(pl.col("role").is_in(["user", "assistant"])))
    words = pl.col("content").str.to_lowercase().str.extract_all(rf"{_SAID}+")
    wants = (words.list.len() >= WINDOW) | pl.col("content").str.contains(r"[?؟\p{N}]")
    asked = pl.when(pl.col("role") == "user").then(wants).forward_fill().over("conversation_id")
    replies = said.with_columns(words=words, asked=asked).filter(pl.col("role") == "assistant")
    same = (pl.col("words") == pl.col("words").shift(1).over("conversation_id")).fill_null(False)
    runs = (
        replies.with_columns(again=same & pl.col("asked"), run=(~same).cum_sum())
        .filter(pl.col("words").list.len() >= WINDOW)
        .group_by("conversation_id", "run", maintain_order=True)
        .agg(pl.col("again").sum(), pl.col("turn").get(1, null_on_oob=True), pl.col("content").first())
        .filter(pl.col("again") > 0)
        .sort("again", descending=True, maintain_order=True)
        .unique("conversation_id", maintain_order=True)
    )
    for key, times, turn, text in runs.drop("run").sort("conversation_id").iter_rows():
        seen = {"conversation_id": key, "turn": turn, "code": "repeated_reply", "value": times}
        yield {**seen, "threshold": 1, "evidence": text[:120]}


def _may_say_again(said: pl.DataFrame) -> pl.DataFrame:
    """The turns of conversations in which a reply begins with the word with which the one before it does."""
    replies = said.filter(pl.col("role") == "assistant")
    first = pl.col("content").str.extract(rf"({_SAID}+)").str.to_lowercase()
    begun = replies.select("conversation_id", first=first)
    again = begun.filter(pl.col("first") == pl.col("first").shift(1).over("conversation_id"))
    return said.join(again, on="conversation_id", how="semi", maintain_order="left")


def _may_repeat(conversations: pl.DataFrame) -> pl.DataFrame:
    """Turns: all replies in which enough is repeated, and few others. Looks at whole columns, which costs little."""
    text = pl.col("content")
    replies = turns_folded(conversations).filter((pl.col("role") == "assistant") & (text.str.len_chars() >= SHORTEST))
    odd = text.str.contains(_ODD)
    folds_to_more = replies.filter(odd & (text.str.count_matches(_WORD_SIGNS) >= SHORTEST // 2))

    long = replies.filter(~odd & text.str.contains(_LONG))
    words = long.select(words=pl.col(FOLDED).str.extract_all(_WORD_SIGNS))["words"]
    total, again = words.list.len(), words.list.len() - words.list.n_unique()
    # Runs that stood before, side by side or apart, hold as many words that stood before, and three more.
    enough = again >= REPORTED_FROM * (total - WINDOW + 1) + WINDOW - 1
    return pl.concat([folds_to_more, long.filter(enough)]).drop(FOLDED)


def _repeated(text: str) -> tuple[float, str]:
    words = _WORD.findall(fold(text))
    if len(words) < SHORTEST:
        return 0.0, ""
    runs = Counter(zip(*(words[k:] for k in range(WINDOW)), strict=False))
    most, times = runs.most_common(1)[0]
    return 1 - len(runs) / runs.total(), f"{' '.join(most)} (x{times})"
