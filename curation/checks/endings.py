"""Replies that break off, told by how the other replies of the set go on after the same words."""

import re
from bisect import bisect_right
from collections.abc import Iterator

import numpy as np
import polars as pl

from curation.checks.check import NOTHING, Context, check
from curation.checks.models.replies import Names, Replies, reply_tokens
from curation.checks.models.words import LEAST, Floats, Indices, Mask, by_language
from curation.checks.structure import CUT
from curation.text.folding import folded

REPORTED_FROM = 0.6
UNTOLD = -1.0
MOSTLY = 0.5  # share of the other places from which such words do not end a sentence
UNFINISHED_FROM_WORDS = 8  # shorter replies often carry no full stop: "Sure, one moment"
KNOWN_FROM = 5  # occurrences elsewhere from which it can be told how words go on
SHORTEST = 3  # words of a reply
HALF_WORD = 0.95  # value of a last word that nobody else uses, and with which words begin that many use


@check(
    "endings", version=2, whole_set=True, reads=reply_tokens, source="own: ends of sentences after the last two words"
)
def endings(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """A last reply without a closing mark, judged by how the other replies of the set go on after its last words.

    `broken_off`: these hardly ever end a sentence. `value` = share of the other places with the same last two words
    (the last word, where the two are rare) in which the sentence goes on, times the share of the agent's other replies
    that end in a closing mark: who writes none has broken off nothing. A last word that stands nowhere else and with
    which a known word begins was cut in the middle. Knows every language that 200 conversations are in.

    `unfinished_reply`: of 8 words or more, and others do not mostly end with such words either, or it cannot be told
    how they do. `value` = 1 + share of the replies before that end in a closing mark. Any language.

    Limits: a reply that is cut where a sentence may end passes.
    """
    seen = [stopped for part in by_language(conversations) for stopped in _stopped(part, context)]
    return pl.concat([NOTHING, *seen], how="diagonal")


def _stopped(conversations: pl.DataFrame, context: Context) -> Iterator[pl.DataFrame]:
    """What both codes say of the conversations of a language."""
    replies = Replies.of(conversations, context)
    last, words = _unclosed(replies)
    can_tell = conversations.height >= LEAST
    goes_on = _goes_on(replies, last) if can_tell else np.full(len(last), UNTOLD)
    surely = goes_on * _closing(replies)[last]
    unlike = (goes_on == UNTOLD) | (goes_on >= MOSTLY)
    broken = pl.DataFrame({"reply": last, "value": surely}).filter(pl.col("value") >= REPORTED_FROM)
    bare = pl.DataFrame({"reply": last, "value": 1 + _closed_before(replies)[last]})
    unfinished = bare.filter(pl.Series((words >= UNFINISHED_FROM_WORDS) & unlike, dtype=pl.Boolean))
    cut = folded(pl.col("content")).str.contains(CUT)  # which `cut_reply` tells
    yield _told(replies.seen(broken, conversations), "broken_off", REPORTED_FROM)
    yield _told(replies.seen(unfinished, conversations).filter(~cut), "unfinished_reply", 1.0)


def _told(seen: pl.DataFrame, code: str, threshold: float) -> pl.DataFrame:
    return seen.select(
        "conversation_id",
        "turn",
        "value",
        code=pl.lit(code),
        threshold=pl.lit(threshold),
        evidence=pl.col("content").str.tail(80),
    )


def _unclosed(replies: Replies) -> tuple[Indices, Indices]:
    """The last replies of SHORTEST words or more without a closing mark, and how many words they have."""
    length = np.bincount(replies.reply[~replies.mark], minlength=len(replies.turn))
    final = np.append(replies.owner[1:] != replies.owner[:-1], True)[: len(replies.owner)]
    last = np.flatnonzero(final & ~replies.closed & (length >= SHORTEST))
    return last, length[last]


def _closed_before(replies: Replies) -> Floats:
    """Of each reply: share of the conversation's other replies that end in a closing mark, 0 where there are none."""
    number, closed = np.bincount(replies.owner), np.bincount(replies.owner, replies.closed)
    share: Floats = (closed[replies.owner] - replies.closed) / np.maximum(number[replies.owner] - 1, 1)
    return share


def _closing(replies: Replies) -> Floats:
    """Of each reply: share of the agent's other replies that end in a closing mark, drawn towards the set's."""
    number, closed = np.bincount(replies.owner), np.bincount(replies.owner, replies.closed)
    others = closed[replies.owner] - replies.closed
    usual = replies.closed.sum() / max(len(replies.closed), 1)
    share: Floats = (others + usual) / number[replies.owner]
    return share


def _goes_on(replies: Replies, judged: Indices) -> Floats:
    """Of these replies: how sure it is that the sentence goes on after their last words, UNTOLD where they are new."""
    words = np.flatnonzero(~replies.mark)
    token, before = replies.token[words], replies.before(np.ones_like(replies.mark))[words]
    last = np.append(replies.reply[1:] != replies.reply[:-1], True)
    ends = (last | np.append(replies.mark[1:], True))[words]

    at = np.cumsum(np.bincount(replies.reply[words], minlength=len(replies.turn)))[judged] - 1
    word, pairs = token[at], replies.pairs(before, token)
    seen = np.bincount(token, minlength=len(replies.names))
    of_pair = _share(*_counted(pairs[at], pairs[(alike := np.isin(token, word))], ends[alike]))
    of_word = _share(seen[word], np.bincount(token, ends, len(seen))[word])
    half = np.isin(replies.names[word], _half_words(replies.names, seen, word[seen[word] == 1]))
    told = [of_pair, of_word, np.full(len(word), HALF_WORD)]
    return np.select([of_pair >= 0, of_word >= 0, half], told, UNTOLD)


def _counted(wanted: Indices, pairs: Indices, ends: Mask) -> tuple[Indices, Indices]:
    """How often each of the wanted ones stands among the pairs, and how often a sentence ends with it."""
    known, place = np.unique(wanted, return_inverse=True)
    at = np.searchsorted(known, pairs).clip(max=len(known) - 1)
    here = known[at] == pairs
    return np.bincount(at[here], minlength=len(known))[place], np.bincount(at[here], ends[here], len(known))[place]


def _share(seen: Indices, ends: Indices) -> Floats:
    """Share of the other places in which the sentence goes on; UNTOLD where these are too few."""
    share: Floats = np.where(seen - 1 >= KNOWN_FROM, 1 - (ends - 1) / np.maximum(seen - 1, 1), UNTOLD)
    return share


def _half_words(names: Names, seen: Indices, alone: Indices) -> list[str]:
    """Of words that stand nowhere else, those that begin a word that many replies have."""
    known = sorted(names[seen >= KNOWN_FROM])
    places = {word: bisect_right(known, word) for word in names[alone] if not re.search(r"\d", word)}
    return sorted(word for word, at in places.items() if at < len(known) and known[at].startswith(word))
