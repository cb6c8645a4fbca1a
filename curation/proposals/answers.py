"""What replies say when customers said something before, and only then: hand-overs, and answers always given."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.proposals.phrases import Phrases
from curation.proposals.search import FEWEST, LIFT, PRICE, Allowed, Texts, covering, spelled_out, without_longer

if TYPE_CHECKING:
    import numpy as np

RAREST, MOST_COMMON = 0.01, 0.4  # share of conversations in which an answer stands: what is said in more is manners
MAYBE, SURE = (
    0.6,
    0.8,
)  # share of the conversations with a trigger in which the answer stands: to look at it, to keep it
AGREE = 0.8  # harmonic mean of that share and of the answers that a trigger explains
SAME = 0.5  # share of their conversations in common from which two answers are one
MOST_TRIGGERS, MOST_WAYS = 15, 4  # phrases that ask for an answer, and cores of what it says
LONGEST = 5  # words of an answer that is looked at; the whole is spelled out afterwards
LOOKED_AT = 60  # answers, the likeliest first
OWN_WORD = 0.1  # times as often as agents that customers may say a word of it; beyond, it is the subject's
OWN = 0.5  # times as often as agents that customers may say an answer; beyond, it only repeats them


@dataclass(frozen=True)
class Answer:
    """What customers say, and what replies say in the same conversations; `agree` tells how well the two fit."""

    triggers: tuple[str, ...]
    say: tuple[str, ...]
    agree: float


def answers(customers: Phrases, replies: Phrases, may_ask: Allowed, may_say: Allowed) -> list[Answer]:
    """Answers of a set of conversations (texts of both sides: one a conversation, in the same order), the best first.

    A phrase of a reply is looked at when short phrases of customers tell where it stands, as association rules do
    (Agrawal and Srikant 1994); what else replies say there is then added, and triggers that are sure of all of it kept.
    """
    found: list[tuple[Answer, np.ndarray]] = []
    for target in _likely(customers, replies):
        own = triggers(customers, target, MAYBE, may_ask)
        answer = _settled(customers, replies, customers.holding(own), (may_ask, may_say))
        if answer is not None:
            found.append((answer, replies.holding(answer.say)))
    found.sort(key=lambda one: (-round(one[0].agree, 2), -int(one[1].sum()), one[0].say))
    return [one for one, _ in _apart(found)]


def _likely(customers: Phrases, replies: Phrases) -> Iterator["np.ndarray"]:
    """In which conversations those phrases of replies stand that customers' words foretell, the best foretold first."""
    import numpy as np

    said, size = replies.stands.T.tocsr(), replies.stands.shape[0]
    counts = replies.counts
    worth = (counts >= max(2 * FEWEST, RAREST * size)) & (counts <= MOST_COMMON * size)
    kept = np.array(
        [k for k in map(int, np.flatnonzero(worth)) if 1 <= replies.known.words[k].count(" ") < LONGEST], np.int64
    )
    repeated = np.array([_said(customers, replies.known.words[k]) for k in kept])
    kept = kept[repeated <= OWN * counts[kept]] if len(kept) else kept
    both = (said[kept] @ customers.stands).tocsr()
    both.data = both.data * (both.data >= MAYBE * customers.counts[both.indices])
    reach = np.asarray(both.sum(axis=1)).ravel() / np.maximum(counts[kept], 1)
    targets = {(said[[k]] > 0).toarray().tobytes(): k for k in kept[reach >= AGREE]}
    scored = []
    for k in targets.values():
        target = said[[k]].toarray().ravel() > 0
        chosen = triggers(customers, target, MAYBE, lambda _: True)
        scored.append(
            (agreement(customers.holding(chosen), target) - PRICE * len(chosen), replies.known.words[k], target)
        )
    scored.sort(key=lambda one: (-one[0], one[1]))
    seen: list[np.ndarray] = []
    for _, _, target in scored:
        if len(seen) < LOOKED_AT and not any(_alike(target, other) for other in seen):
            seen.append(target)
    yield from seen


def _settled(
    customers: Phrases, replies: Phrases, asked: "np.ndarray", allowed: tuple[Allowed, Allowed]
) -> Answer | None:
    """All that replies say where customers asked, and the triggers that are sure of it; None where these disagree."""
    import numpy as np

    if asked.sum() < 2 * FEWEST or asked.all():
        return None
    may_ask, may_say = allowed
    own = Texts(replies.among(np.flatnonzero(asked)), replies.shares(np.flatnonzero(~asked)))

    theirs = customers.among(np.flatnonzero(asked))

    its_own = own_wording(own, theirs)

    def own_words(phrase: str) -> bool:
        return " " in phrase and its_own(phrase) and may_say(phrase)

    say = covering(own, own_words, MOST_WAYS)
    if not say:
        return None
    say = spelled_out(own, say, may_say, 2)
    answered = replies.holding(say)
    chosen = triggers(customers, answered, SURE, may_ask)
    agree = agreement(customers.holding(chosen), answered)
    return Answer(tuple(chosen), tuple(say), agree) if agree >= AGREE else None


def triggers(customers: Phrases, target: "np.ndarray", sure: float, allowed: Allowed) -> list[str]:
    """Few short phrases of customers that stand where the target is and hardly elsewhere, greedily."""
    import numpy as np

    counts, hits = customers.counts, np.asarray(target.astype(float) @ customers.stands).ravel()
    possible = np.flatnonzero((hits >= FEWEST) & (hits >= sure * counts))
    stands = customers.columns[:, possible]
    left, chosen, least = np.ones(len(target)), list[str](), max(FEWEST - 1, RAREST * target.sum())
    while len(chosen) < MOST_TRIGGERS and len(possible):
        gain = np.asarray((left * target) @ stands).ravel()
        worth = np.where(gain >= least, gain - np.asarray((left * ~target) @ stands).ravel(), 0.0)
        best = int(worth.argmax())
        if worth[best] <= 0:
            break
        word = customers.known.words[possible[best]]
        if allowed(word):
            chosen.append(word)
            left[customers.holding([word])] = 0
        else:
            possible = np.delete(possible, best)
            stands = customers.columns[:, possible]
    return without_longer(chosen)


def _said(phrases: Phrases, phrase: str) -> int:
    place = phrases.known.places.get(phrase)
    return 0 if place is None else int(phrases.counts[place])


def own_wording(own: Texts, theirs: Phrases) -> Allowed:
    """Whether a phrase has a word that agents say here and hardly elsewhere, and that customers hardly say here.

    Without one, it only takes up the subject. theirs: what customers say in the same conversations.
    """

    @functools.cache
    def is_own(word: str) -> bool:
        share = own.share([word])
        return share >= LIFT * float(own.elsewhere[own.inside.known.places[word]]) and (
            _said(theirs, word) <= OWN_WORD * share * own.size
        )

    return lambda phrase: any(is_own(word) for word in phrase.split())


def agreement(one: "np.ndarray", other: "np.ndarray") -> float:
    """Of two sets of texts, the harmonic mean of the shares of each that the other has."""
    return 2 * float((one & other).sum()) / max(int(one.sum() + other.sum()), 1)


def _alike(one: "np.ndarray", other: "np.ndarray") -> bool:
    return int((one & other).sum()) >= SAME * int((one | other).sum())


def _apart(found: "list[tuple[Answer, np.ndarray]]") -> "Iterator[tuple[Answer, np.ndarray]]":
    """Those that stand in other conversations than better ones do."""
    seen: list[np.ndarray] = []
    for answer, held in found:
        if not any(_alike(held, other) for other in seen):
            seen.append(held)
            yield answer, held
