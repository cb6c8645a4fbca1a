"""What the values of one context do over time: stay, change, contradict one another, or differ by customer."""

import math
from bisect import bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

STEADY, CHANGED, DISPUTED, VARIABLE = "steady", "changed", "disputed", "variable"
CONTRADICTORY = (CHANGED, DISPUTED)
REPEATED = 2  # conversations a value, on average, from which values are the house's and not each customer's own
OVERLAP = 0.1  # share of pairs of statements in the wrong order that values one after the other may have
CHANCE = 0.35  # that values drawn by lot fall apart in time; two conversations each: 1/3
CHANCE_IF_OWN = 0.02  # the same, where the sentence speaks of what is the customer's own: your order
FEW = 3  # values that can be in dispute at the same time
OFTEN = 4  # conversations in which each of these stands, at least
TOGETHER = 0.3  # share of the conversations that tell several values from which these belong together: from 10 to 25


@dataclass(frozen=True)
class Told:
    """That a conversation states a value, and when it was."""

    conversation: str
    value: str
    at: datetime | None
    subject: Hashable = None  # the words it stood among
    own: bool = False  # of the customer: your order, طلبك


def course(told: Sequence[Told]) -> str:
    """STEADY, CHANGED, DISPUTED or VARIABLE, of all that is told in one context.

    Values contradict one another if they are few for the conversations that tell them (REPEATED): what each customer
    has of his own, such as the total of an order, differs in nearly every conversation and is VARIABLE. They CHANGED
    if one follows the other (OVERLAP) and shuffled dates would hardly fall so (CHANCE, the number of orders of values
    that stand apart among all orders). They are in DISPUTE if FEW are told OFTEN side by side in the same words.
    """
    pairs = {(t.conversation, t.value): t for t in told}.values()
    counts = Counter(t.value for t in pairs)
    if len(counts) < 2:
        return STEADY
    a_conversation = Counter(t.conversation for t in pairs)
    several = sum(count > 1 for count in a_conversation.values())
    if len(pairs) < REPEATED * len(counts) or several >= TOGETHER * len(a_conversation):
        return VARIABLE
    if follow(list(pairs)):
        return CHANGED
    return DISPUTED if _disputed(pairs, counts) else VARIABLE


def follow(told: Sequence[Told]) -> bool:
    """Whether the values stand one after the other, more than by chance. What has no date says nothing."""
    dated = defaultdict[str, list[datetime]](list)
    for t in told:
        if t.at is not None:
            dated[t.value].append(t.at)
    counts = [len(times) for times in dated.values()]
    if len(counts) < 2 or len({t.value for t in told}) > len(counts):
        return False
    own = sum(t.own for t in told) > len(told) / 2
    return chance(counts) <= (CHANCE_IF_OWN if own else CHANCE) and overlap(dated) <= OVERLAP


def chance(counts: Sequence[int]) -> float:
    """That values told so often stand apart from one another when all are shuffled."""
    orders = math.lgamma(sum(counts) + 1) - sum(math.lgamma(count + 1) for count in counts)
    return math.exp(math.lgamma(len(counts) + 1) - orders)


def overlap(dated: Mapping[str, Sequence[datetime]]) -> float:
    """Share of the pairs of statements of different values in the wrong order, the values by their middle date.

    For two values that is Mann and Whitney's U by the number of pairs. Statements of one moment are in order.
    """
    middle = {value: (sorted(times)[len(times) // 2], value) for value, times in dated.items()}
    rank = {value: place for place, value in enumerate(sorted(middle, key=lambda value: middle[value]))}
    seen, misplaced = list[int](), 0
    for _, place in sorted((at, rank[value]) for value, times in dated.items() for at in times):
        misplaced += len(seen) - bisect_right(seen, place)
        insort(seen, place)
    of_one_value = sum(len(times) ** 2 for times in dated.values())
    return 2 * misplaced / (len(seen) ** 2 - of_one_value)


def _disputed(told: Collection[Told], counts: Mapping[str, int]) -> bool:
    """Whether few values are told again and again among the very same words, which so explain no difference."""
    if len(counts) > FEW or min(counts.values()) < OFTEN:
        return False
    values = defaultdict[Hashable, set[str]](set)
    for t in told:
        values[t.subject].add(t.value)
    return any(len(some) == len(counts) for some in values.values())
