"""Replies in words that the team hardly uses: adverts, model talk, abuse, another company's text, jokes."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from curation.checks.check import NOTHING, Context, check
from curation.checks.models.replies import Codes, Replies, reply_tokens
from curation.checks.models.words import LEAST, Floats, Indices, Mask, by_language

REPORTED_FROM = 0.5
SHORTEST = 10  # words: in a shorter reply each unusual one counts as one of so many
UNUSUAL = 7.0  # nats: a word after its neighbour that 1 in 1,100 conversations has
AT_ONCE = 2_000_000  # words that are counted together: some 200 MB
BACK_OFF = 4.0  # nats that a pair seen nowhere else costs beyond its second word


@check(
    "novelty",
    whole_set=True,
    in_groups=True,
    reads=reply_tokens,
    source="bigram surprisal with back-off, Jelinek 1997, ch. 4",
)
def novelty(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Replies that speak as no other reply of the set does.

    Each word is as surprising as it is rare after the word before it, in the replies of all other conversations of its
    language (its own does not vouch for it). `value` = share of a reply's words that are very surprising, the worst
    reply of a conversation. Knows every language that 200 conversations are in; numbers are alike.

    Limits: a rare case that is rightly answered looks the same, and names and products may. It orders what people see.
    """
    found = [_worst(part, context) for part in by_language(conversations) if part.height >= LEAST]
    seen = pl.concat([NOTHING, *found], how="diagonal")
    return seen.with_columns(code=pl.lit("unusual_reply"), threshold=pl.lit(REPORTED_FROM))


def _worst(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """conversation_id, turn, value and the text as evidence of the most surprising reply of a conversation."""
    replies = Replies.of(conversations, context)
    values = pl.DataFrame({"value": _surprise(replies, conversations.height)}).with_row_index("reply")
    seen = replies.seen(values.filter(pl.col("value") >= REPORTED_FROM), conversations, context)
    worst = seen.sort("conversation_id", "value", "turn", descending=[False, True, False])
    return worst.unique("conversation_id", keep="first", maintain_order=True).select(
        "conversation_id", "turn", "value", evidence=pl.col("content").str.slice(0, 120)
    )


def _surprise(replies: Replies, conversations: int) -> Floats:
    """Of each reply: the share of its words that are very surprising."""
    words = ~replies.mark
    word, reply, before = replies.token[words], replies.reply[words], replies.before(words)
    unusual = np.zeros(len(word), bool)
    for here in _by_word(word):
        places = replies.owner[reply[here]]
        of_pair, of_word = _others(places, word[here], before[here]), _others(places, word[here])
        nats = np.where(of_pair > 0, _rarity(of_pair), _rarity(of_word) + BACK_OFF) + np.log(conversations)
        unusual[here] = nats > UNUSUAL
    length = np.bincount(reply, minlength=len(replies.turn))
    return np.bincount(reply, unusual, len(length)) / np.maximum(length, SHORTEST)


def _by_word(word: Codes) -> Iterator[Indices]:
    """Places of the words, some AT_ONCE at a time, and all places of a word together."""
    parts = max(-(-len(word) // AT_ONCE), 1)
    for part in range(parts):
        yield np.flatnonzero(word % parts == part)


def _others(place: Indices, *what: Codes) -> Indices:
    """In how many places, which ascend, beside its own each of these codes, or those of both columns, stands."""
    order = np.arange(len(place))
    for codes in what:
        order = order[_gathered(codes[order])]
    begins = _changes(*(codes[order] for codes in what))
    starts = np.flatnonzero(begins)
    others = np.add.reduceat(begins | _changes(place[order]), starts, dtype=np.int64) - 1 if len(place) else place
    found = np.empty(len(place), np.int64)
    found[order] = np.repeat(others, np.diff(starts, append=len(place)))
    return found


def _gathered(codes: Codes) -> Codes:
    """Their places, those of a code together and in their order: a transposed table, a fifth of the time of a sort."""
    from scipy.sparse import csr_matrix

    number = len(codes)
    row = csr_matrix((np.arange(number, dtype=np.int32), codes, [0, number]), (1, int(codes.max(initial=0)) + 1))
    places: Codes = row.tocsc().data
    return places


def _changes(*columns: Codes | Indices) -> Mask:
    """Whether a row is another one than that before it."""
    found: Mask = np.arange(len(columns[0])) == 0
    for column in columns:
        found[1:] |= column[1:] != column[:-1]
    return found


def _rarity(others: Indices) -> Floats:
    """Minus the logarithm of how many other conversations have it, a tenth where none has."""
    table: Floats = -np.log(np.arange(others.max(initial=0) + 1) + 0.1)
    return table[others]
