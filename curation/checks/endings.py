"""Replies that break off, told by how the other replies of the set go on after the same words."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from curation.checks.check import NOTHING, Context, check
from curation.checks.models.replies import Codes, Names, Replies, reply_tokens
from curation.checks.models.words import LEAST, Floats, Indices, Mask, by_language
from curation.checks.structure import CUT
from curation.core.text.folding import folded

REPORTED_FROM = 0.4
SHORTEST = 4  # words of a reply
CUTS = 3_000  # planted
WEIGHT = 10  # places that the usual odds of a word, and of all words, count as
KNOWN_FROM = 5  # occurrences from which a word may be the whole of one that was cut
WHOLE = 4  # whole replies for each cut one, before the set is seen
SUREST = 100  # odds; what is learned from one set proves no more
AT_ONCE = 2_000_000  # words that are counted together
ROUNDS = 50  # in which the share of cuts settles
UNFINISHED_FROM_WORDS = 8  # shorter replies often carry no full stop: "Sure, one moment"
USUALLY = 0.9  # share of the other replies with a closing mark from which it is missed ...
USUALLY_OF = 10  # ... of so many at least


@check(
    "endings",
    version=3,
    whole_set=True,
    in_groups=True,
    reads=reply_tokens,
    source="own: cuts planted in the set; their share: EM",
)
def endings(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """A last reply without a closing mark, judged by what the other replies of the set tell. A missing full stop alone
    says nothing.

    `broken_off`: `value` = chance that it was cut, the evidence of its last words (how mostly sentences go on after the
    last two elsewhere; a last word that nobody else uses, or with which a known one begins) and of the agent's ways
    (whether the other replies of the conversation are closed). How the two look at cuts is learned from cuts planted in
    the set's own replies, at whole sentences from replies that are closed or were answered; how many there are, from
    all that are judged: where nobody writes full stops there are few. Knows every language that 200 conversations
    are in.

    `unfinished_reply`: in smaller sets, of 8 words or more. `value` = share of the other replies that end in a closing
    mark, where there are 10. Any language.

    Limits: a reply that is cut where a sentence may end passes.
    """
    seen = [stopped for part in by_language(conversations) for stopped in _stopped(part, context)]
    return pl.concat([NOTHING, *seen], how="diagonal")


def _stopped(conversations: pl.DataFrame, context: Context) -> Iterator[pl.DataFrame]:
    """What is told of the conversations of a language."""
    spoken = _Spoken.of(Replies.of(conversations, context))
    replies, last = spoken.replies, np.flatnonzero(spoken.judged)
    if conversations.height >= LEAST:
        chance = _chance(_odds(spoken, last, np.random.default_rng(context.params.seed)))
        broken = pl.DataFrame({"reply": last, "value": chance}).filter(pl.col("value") >= REPORTED_FROM)
        yield _told(replies.seen(broken, conversations, context), "broken_off", REPORTED_FROM)
        return
    long = last[spoken.length[last] >= UNFINISHED_FROM_WORDS]
    usual = _closing(spoken)
    unfinished = pl.DataFrame({"reply": long, "value": np.full(len(long), usual)}).filter(pl.col("value") >= USUALLY)
    cut = folded(pl.col("content")).str.contains(CUT)  # which `cut_reply` tells
    yield _told(replies.seen(unfinished, conversations, context).filter(~cut), "unfinished_reply", USUALLY)


def _told(seen: pl.DataFrame, code: str, threshold: float) -> pl.DataFrame:
    return seen.select(
        "conversation_id",
        "turn",
        "value",
        code=pl.lit(code),
        threshold=pl.lit(threshold),
        evidence=pl.col("content").str.tail(80),
    )


@dataclass(frozen=True)
class _Spoken:
    """The words of all replies, marks apart; and which replies are judged, and by which."""

    replies: Replies
    token: Codes
    before: Codes  # the word before it
    ends: Mask  # whether a mark or nothing follows
    length: Indices  # of each reply
    judged: Mask  # of each reply: the last of its conversation, of some words and without a closing mark
    whole: Mask  # of each reply: of some words, and closed or answered

    @classmethod
    def of(cls, replies: Replies) -> "_Spoken":
        words = ~replies.mark
        token = replies.token[words]
        last = np.append(replies.reply[1:] != replies.reply[:-1], True)[: len(words)]
        ends = (last | np.append(replies.mark[1:], True)[: len(words)])[words]
        length = np.bincount(replies.reply[words], minlength=len(replies.turn))
        some = length >= SHORTEST
        final = np.append(replies.owner[1:] != replies.owner[:-1], True)[: len(replies.owner)]
        judged, whole = some & final & ~replies.closed, some & (replies.closed | ~final)
        return cls(replies, token, replies.before(words), ends, length, judged, whole)

    def last(self, which: Indices) -> Indices:
        """The last word of each of these replies."""
        return np.asarray(np.cumsum(self.length)[which] - 1)

    def signs(self, end: "_End", pairs: "_Counted") -> Floats:
        """(n, 2) of these words at the end of a reply: log odds that others go on after the two, 0 for a new word;
        whether a known word begins with a new one.
        """
        counted, at = self._words, np.searchsorted(pairs.known, end.pair)
        seen = counted.number[end.token] - end.here
        by_word = _ending(counted.ends[end.token] - end.ended, seen, self.ends.mean())
        met = pairs.number[at] > 0
        by_pair = _ending(
            np.where(met, pairs.ends[at] - end.ended, 0.0), np.where(met, pairs.number[at] - end.here, 0.0), by_word
        )
        new = seen <= 0
        half = np.array(
            [isnew and _begins(word, self._common) for word, isnew in zip(end.words, new, strict=True)], bool
        )
        return np.column_stack([np.where(new, 0, np.log(1 / by_pair - 1)), half])

    @cached_property
    def _words(self) -> "_Counted":
        size = len(self.replies.names) + 1
        number, ends = np.bincount(self.token, minlength=size), np.bincount(self.token, self.ends, size)
        return _Counted(np.arange(size), number, ends)

    def counted(self, ends: Sequence["_End"]) -> "_Counted":
        """The pairs at these ends."""
        known = np.unique(np.concatenate([end.pair for end in ends]))
        number, ended = np.zeros(len(known), np.int64), np.zeros(len(known))
        for start in range(0, len(self.token) if len(known) else 0, AT_ONCE):
            some = slice(start, start + AT_ONCE)
            pair = self.replies.pairs(self.before[some], self.token[some])
            at = np.searchsorted(known, pair).clip(max=len(known) - 1)
            met = known[at] == pair
            number += np.bincount(at[met], minlength=len(known))
            ended += np.bincount(at[met], self.ends[some][met], len(known))
        return _Counted(known, number, ended)

    @cached_property
    def _common(self) -> Sequence[str]:
        """The words that are known well, in order."""
        return sorted(self.replies.names[np.flatnonzero(self._words.number >= KNOWN_FROM)])


@dataclass(frozen=True)
class _End:
    """Words at the end of replies."""

    words: Names
    token: Indices | Codes
    pair: Indices  # the word with the one before it
    here: Indices  # 1 where the word stands in the set as it is, and so counts no evidence
    ended: Indices  # 1 where it ends there


@dataclass(frozen=True)
class _Counted:
    """How often each of the `known` stands in the set, and how often a sentence ends there."""

    known: Indices
    number: Indices
    ends: Floats | Indices


def _ending(ends: Floats | Indices, seen: Floats | Indices, usual: Floats) -> Floats:
    """Share of the places that end a sentence, drawn towards the usual one."""
    return np.asarray((ends + WEIGHT * usual) / (seen + WEIGHT))


def _begins(word: str, known: Sequence[str]) -> bool:
    """Whether one of the known words, which are sorted, begins with this one."""
    at = bisect_left(known, word)
    return at < len(known) and known[at].startswith(word)


def _odds(spoken: _Spoken, last: Indices, rng: np.random.Generator) -> Floats:
    """Of each of these replies: how much likelier its end is if it was cut."""
    whole = np.flatnonzero(spoken.whole)
    ends = [_at_their_ends(spoken, last), _at_their_ends(spoken, whole), _cuts(spoken, whole, rng)]
    pairs = spoken.counted(ends)
    words = _by_words(*(spoken.signs(end, pairs) for end in ends))
    return np.minimum(words * _by_ways(spoken)[last], SUREST)


def _at_their_ends(spoken: _Spoken, which: Indices) -> _End:
    at, one = spoken.last(which), np.ones(len(which), np.int64)
    token = spoken.token[at]
    return _End(spoken.replies.names[token], token, spoken.replies.pairs(spoken.before[at], token), one, one)


def _cuts(spoken: _Spoken, whole: Indices, rng: np.random.Generator) -> _End:
    """Ends of replies cut after a letter or a space of theirs, not where a sentence ends."""
    names = spoken.replies.names
    cut = rng.permutation(whole)[:CUTS]
    first = spoken.last(cut) + 1 - spoken.length[cut]
    at = first + 1 + rng.integers(spoken.length[cut] - 1)
    at = at[~spoken.ends[at]]
    letters = np.array([len(word) for word in names[spoken.token[at]]], np.int64)
    left = 1 + (rng.random(len(at)) * (letters + 1)).astype(np.int64)  # the space after the word too
    words = np.array([word[:many] for word, many in zip(names[spoken.token[at]], left, strict=True)], object)
    code = {word: number for number, word in enumerate(names)}
    token = np.array([code.get(word, len(names)) for word in words], np.int64)
    pair = spoken.replies.pairs(spoken.before[at], spoken.token[at]) - spoken.token[at] + token
    entire = (token == spoken.token[at]).astype(np.int64)
    return _End(words, token, pair, entire, np.zeros_like(entire))


def _by_words(judged: Floats, whole: Floats, cuts: Floats) -> Floats:
    """How much likelier these signs are of a cut; 1 for new words, which are names as often as halves of rare words."""
    from sklearn.linear_model import LogisticRegression

    odds, told = np.ones(len(judged)), judged.any(axis=1)
    whole, cuts = whole[whole.any(axis=1)], cuts[cuts.any(axis=1)]
    if told.any() and len(whole) and len(cuts):
        model = LogisticRegression(class_weight="balanced", solver="newton-cholesky")
        model.fit(np.concatenate([whole, cuts]), np.repeat([0, 1], [len(whole), len(cuts)]))
        odds[told] = np.exp(model.decision_function(judged[told]))
    return odds


def _by_ways(spoken: _Spoken) -> Floats:
    """Of each reply: how much likelier the other replies of its conversation are if it was cut.

    Whose replies are all closed forgets no full stop: among the replies without one that were answered, and so are
    whole, there are few such conversations, and among all replies many.
    """
    closed, owner = spoken.replies.closed, spoken.replies.owner
    others = np.bincount(owner)[owner] - 1
    all_closed = np.bincount(owner, closed)[owner] - closed == others
    told = spoken.whole & (others > 0)
    any_, bare = ((all_closed[which].sum() + 1) / (which.sum() + 2) for which in (told, told & ~closed))
    return np.where(others == 0, 1, np.where(all_closed, any_ / bare, (1 - any_) / (1 - bare)))


def _chance(odds: Floats) -> Floats:
    """Chance of each to be a cut, where all of them tell how many there are (expectation maximisation)."""
    share = 1 / (1 + WHOLE)
    for _ in range(ROUNDS):
        chance: Floats = share * odds / (share * odds + 1 - share)
        share = (chance.sum() + 1) / (len(odds) + 1 + WHOLE)
    return chance


def _closing(spoken: _Spoken) -> float:
    """Share of the replies of some words that are closed, of which there must be enough; the judged ones aside."""
    number = int(spoken.whole.sum())
    return float(spoken.replies.closed[spoken.whole].mean()) if number >= USUALLY_OF else 0.0
