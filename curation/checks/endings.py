"""Replies that break off, told by how the other replies of the set go on after the same words."""

import re
from bisect import bisect_right

import numpy as np
import polars as pl

from curation.checks.check import NOTHING, Context, check
from curation.checks.models.replies import Names, Replies, reply_tokens
from curation.checks.models.words import LEAST, Floats, Indices, Mask, by_language

REPORTED_FROM = 0.6
KNOWN_FROM = 5  # occurrences elsewhere from which it can be told how words go on
SHORTEST = 3  # words of a reply
HALF_WORD = 0.95  # value of a last word that nobody else uses, and with which words begin that many use


@check("endings", whole_set=True, reads=reply_tokens, source="own: end-of-sentence share after the last two words")
def endings(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """A last reply without a closing mark whose last words hardly ever end a sentence in the set.

    `value` = share of the other places with the same last two words (the last word, where the two are rare) in which
    the sentence goes on, times the share of the agent's other replies that end in a closing mark: who writes none has
    broken off nothing. A last word that stands nowhere else and with which a known word begins was cut in the middle.
    Knows every language that 200 conversations are in.

    Limits: a reply that is cut where a sentence may end passes, and so do last words that the set does not know.
    """
    found = [_broken(part, context) for part in by_language(conversations) if part.height >= LEAST]
    seen = pl.concat([NOTHING, *found], how="diagonal")
    return seen.with_columns(code=pl.lit("broken_off"), threshold=pl.lit(REPORTED_FROM))


def _broken(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """conversation_id, turn, value and the last words as evidence, of the replies that break off."""
    replies = Replies.of(conversations, context)
    judged, goes_on = _goes_on(replies)
    found = pl.DataFrame({"reply": judged, "value": goes_on * _closing(replies)[judged]})
    seen = replies.seen(found.filter(pl.col("value") >= REPORTED_FROM), conversations)
    return seen.select("conversation_id", "turn", "value", evidence=pl.col("content").str.tail(80))


def _closing(replies: Replies) -> Floats:
    """Of each reply: share of the agent's other replies that end in a closing mark, drawn towards the set's."""
    number, closed = np.bincount(replies.owner), np.bincount(replies.owner, replies.closed)
    others = closed[replies.owner] - replies.closed
    usual = replies.closed.sum() / max(len(replies.closed), 1)
    share: Floats = (others + usual) / number[replies.owner]
    return share


def _goes_on(replies: Replies) -> tuple[Indices, Floats]:
    """The last replies without a closing mark, and how sure it is that the sentence goes on after their last words."""
    words = np.flatnonzero(~replies.mark)
    token, before = replies.token[words], replies.before(np.ones_like(replies.mark))[words]
    last = np.append(replies.reply[1:] != replies.reply[:-1], True)
    ends = (last | np.append(replies.mark[1:], True))[words]

    length = np.bincount(replies.reply[words], minlength=len(replies.turn))
    final = np.append(replies.owner[1:] != replies.owner[:-1], True)
    judged = np.flatnonzero(final & ~replies.closed & (length >= SHORTEST))
    at = np.cumsum(length)[judged] - 1
    word, pairs = token[at], replies.pairs(before, token)
    seen = np.bincount(token, minlength=len(replies.names))
    of_pair = _share(*_counted(pairs[at], pairs[(alike := np.isin(token, word))], ends[alike]))
    of_word = _share(seen[word], np.bincount(token, ends, len(seen))[word])
    half = np.isin(replies.names[word], _half_words(replies.names, seen, word[seen[word] == 1]))
    return judged, np.select([of_pair >= 0, of_word >= 0, half], [of_pair, of_word, np.full(len(word), HALF_WORD)])


def _counted(wanted: Indices, pairs: Indices, ends: Mask) -> tuple[Indices, Indices]:
    """How often each of the wanted ones stands among the pairs, and how often a sentence ends with it."""
    known, place = np.unique(wanted, return_inverse=True)
    at = np.searchsorted(known, pairs).clip(max=len(known) - 1)
    here = known[at] == pairs
    return np.bincount(at[here], minlength=len(known))[place], np.bincount(at[here], ends[here], len(known))[place]


def _share(seen: Indices, ends: Indices) -> Floats:
    """Share of the other places in which the sentence goes on; -1 where these are too few."""
    share: Floats = np.where(seen - 1 >= KNOWN_FROM, 1 - (ends - 1) / np.maximum(seen - 1, 1), -1.0)
    return share


def _half_words(names: Names, seen: Indices, alone: Indices) -> list[str]:
    """Of words that stand nowhere else, those that begin a word that many replies have."""
    known = sorted(names[seen >= KNOWN_FROM])
    places = {word: bisect_right(known, word) for word in names[alone] if not re.search(r"\d", word)}
    return sorted(word for word, at in places.items() if at < len(known) and known[at].startswith(word))
