"""Replies that nobody of the team wrote for this customer: a language model's, a template's, an auto-responder's."""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from curation.checks.check import Context, check, lists_of
from curation.checks.models.folded import FOLDED, turns_folded
from curation.core.text.folding import fold
from curation.core.text.patterns import Patterns
from curation.core.text.titles import is_name

TALK = "model_refusal"
LIKELY, CERTAIN = 1, 2
_EDGE = "(?:^|$|[^a-z0-9ء-ي])"  # of a word, in folded text; the engine is fifty times as slow at \\b outside of ASCII
_TAG = r"\[[a-z_]+_\d+\]"
# "Press [Sign in] and then [Next step]" names what the customer sees.
_BUTTON = (
    r"(?i:(?:press|click|tap|choose|select|hit|push|open|button|under|menu|screen|(?:ال)?زر|اضغط\p{L}*|انقر\p{L}*|اختر\p{L}*)"
    r"(?: (?:on|the|على|علي))*:? \[[^\[\]\n]{1,40}\])"
)


# What mails and pages link to, as ingest writes it: the words and behind them the address.
_LINK = r"\[([^\[\]\n]*)\]\([^()\s]*\)"
_MACHINE = re.compile(r"\b(?:gpt|chat ?gpt|openai|anthropic)\b|\bai[ -](?:generated|written)")
_SIZE = r"(?i:(?-u:\b)x{2,4}[ -]?(?:large|small|l|s)(?-u:\b))"


@check("refusal", version=8, languages=("en", "ar"), source="own phrase patterns, curation/checks/lists/refusal.yaml")
def refusal(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Replies that speak as a language model, keep a template's blanks, or come from a machine that answers mail.

    `model_refusal`: talk of being an AI, of training, guidelines and rewording; `value` = 1 for what a person might say
    as well ("I cannot discuss such topics"), 2 for what only they say ("as an AI language model"). `placeholder`: [Your
    Name], {{order_id}}, "insert date here", lorem ipsum, TODO, XXX, "نص تجريبي". `boilerplate`: automatic replies,
    absence notes, mail footers, disclaimers. `value` of these = 2 for a layout or a phrase that means nothing else,
    else 1. `turn` and `evidence` = the first of the surest.

    Limits: refusals in the team's own words are its business (and the playbook's); a bot that is meant to introduce
    itself as one needs model_refusal switched off in params.yaml.
    """
    replies = turns_folded(conversations).filter(pl.col("role") == "assistant")
    shown = pl.col("content")
    for harmless in (_TAG, _LINK, _BUTTON, _SIZE):
        shown = shown.str.replace_all(harmless, "")
    distinct = replies.select("content", text=FOLDED).unique("content", maintain_order=True)  # teams repeat themselves
    told = distinct.with_columns(shown=shown)
    for code, (certain, likely, layout) in _patterns().items():
        sure = pl.coalesce(certain.first_in(pl.col("text")), layout.first_in(pl.col("shown")))
        found = told.select("content", sure=sure, unsure=likely.first_in(pl.col("text")))
        seen = found.filter(pl.col("sure").is_not_null() | pl.col("unsure").is_not_null())
        if code == TALK:  # a blank is none of the words that titles are made of
            seen = _no_titles(seen)
        each = replies.join(seen, on="content").select("conversation_id", "turn", "sure", "unsure")
        first = each.sort("conversation_id", pl.col("sure").is_null(), "turn").unique(
            "conversation_id", keep="first", maintain_order=True
        )
        for key, turn, surely, maybe in first.iter_rows():
            value = LIKELY if surely is None else CERTAIN
            what = {"turn": turn, "value": value, "threshold": LIKELY, "evidence": surely or maybe}
            yield {"conversation_id": key, "code": code, **what}


def _no_titles(found: pl.DataFrame) -> pl.DataFrame:
    """Without what is only likely, and written as a name or a title: a film called Say Anything, no machine's name."""
    titles = [
        sure is None
        and not _MACHINE.search(unsure)
        and (at := fold(text).find(unsure)) >= 0
        and is_name(text, fold(text), at, at + len(unsure))
        for text, sure, unsure in found.iter_rows()
    ]
    return found.filter(~pl.Series(titles, dtype=pl.Boolean))


@functools.cache
def _patterns() -> Mapping[str, tuple[Patterns, Patterns, Patterns]]:
    """code -> patterns of what is certain and what is likely, for folded text, and of layout, for text as it stands."""
    lists = lists_of("refusal")
    parts = {name: re.sub(r" (?=\|)", "", part) for name, part in lists.pop("parts").items()}  # lines are joined by " "

    def filled(patterns: Sequence[str]) -> Sequence[str]:
        """The patterns, with the parts in their places."""
        return [re.sub(r"<(\w+)>", lambda named: parts.get(named[1], named[0]), pattern) for pattern in patterns]

    return {
        code: (
            Patterns(rf"{_EDGE}[وف]?", filled(groups.get("certain", ())), _EDGE),
            Patterns(rf"{_EDGE}[وفبل]?", filled(groups.get("likely", ())), _EDGE),
            Patterns("", filled(groups.get("layout", ())), ""),
        )
        for code, groups in lists.items()
    }
