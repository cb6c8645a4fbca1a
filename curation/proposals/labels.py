"""What replies to some intents always say and replies to others do not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.proposals.answers import own_wording
from curation.proposals.phrases import Phrases
from curation.proposals.search import PRICE, Allowed, Texts, covering, spelled_out

if TYPE_CHECKING:
    import numpy as np

FEWEST_OF_LABEL = 10  # conversations; below, a label tells nothing
SAID = 0.1  # share of a label's conversations from which a phrase belongs to it
ALWAYS = 0.8  # share of every label's conversations that the phrases of a rule must cover
PER_LABEL = 2  # phrases of a rule; more are what there is to say of a subject, and no rule
LOOKED_AT = 60  # sets of labels


@dataclass(frozen=True)
class OfLabels:
    """Phrases of which a reply to one of these labels holds one."""

    labels: tuple[str, ...]
    say: tuple[str, ...]


def of_labels(customers: Phrases, replies: Phrases, labels: Sequence[str | None], allowed: Allowed) -> list[OfLabels]:
    """Rules of labels, the best first; a label is in one of them at most. A text is a conversation, with its label."""
    import numpy as np

    told = np.array([label or "" for label in labels])
    known = [label for label in sorted(set(told.tolist())) if label and (told == label).sum() >= FEWEST_OF_LABEL]
    if len(known) < 2:
        return []
    sides = customers, replies
    scored = [_covered(sides, told, [known[k] for k in some], allowed) for some in _parted(replies, told, known)]
    found: list[OfLabels] = []
    for _, rule, texts in sorted((one for one in scored if one), key=lambda one: (-one[0], one[1].labels)):
        if not any(set(rule.labels) & set(other.labels) for other in found):
            found.append(OfLabels(rule.labels, tuple(spelled_out(texts, rule.say, allowed, 2))))
    return found


def _parted(replies: Phrases, told: "np.ndarray", known: Sequence[str]) -> list[tuple[int, ...]]:
    """Sets of labels that phrases part from the others by the widest gap; those first that are most said."""
    import numpy as np

    rates = np.stack([replies.shares(np.flatnonzero(told == label)) for label in known])
    ordered = np.sort(rates, axis=0)[::-1]
    widest = (ordered[:-1] - ordered[1:]).argmax(axis=0)
    below = np.take_along_axis(ordered, widest[None] + 1, axis=0)[0]
    said: dict[tuple[int, ...], float] = {}
    for phrase in np.flatnonzero(np.take_along_axis(ordered, widest[None], axis=0)[0] >= SAID):
        some = tuple(np.flatnonzero(rates[:, phrase] > below[phrase]).tolist())
        if some:  # else all labels say it alike
            said[some] = max(said.get(some, 0.0), float(rates[list(some), phrase].sum()))
    return sorted(said, key=lambda some: (-said[some], some))[:LOOKED_AT]


def _covered(
    sides: tuple[Phrases, Phrases], told: "np.ndarray", labels: Sequence[str], allowed: Allowed
) -> tuple[float, OfLabels, Texts] | None:
    """A rule of these labels, before its phrases are spelled out, and how well they part the labels from others."""
    import numpy as np

    customers, replies = sides
    inside = np.isin(told, labels)
    texts = Texts(replies.among(np.flatnonzero(inside)), replies.shares(np.flatnonzero(~inside)))
    its_own = own_wording(texts, customers.among(np.flatnonzero(inside)))
    rates = np.stack([replies.shares(np.flatnonzero(told == label)) for label in labels])
    general = (rates >= SAID / 2).sum(axis=0) * 2 > len(labels)  # else it is a rule of fewer labels

    def of_all(phrase: str) -> bool:
        return bool(general[replies.known.places[phrase]]) and its_own(phrase) and allowed(phrase)

    say = covering(texts, of_all)
    if not say or len(say) > PER_LABEL * len(labels):
        return None
    held = replies.holding(say)
    always = tuple(label for label in labels if held[told == label].mean() >= ALWAYS)
    if len(say) > PER_LABEL * len(always):
        return None
    worth = float(held[inside].mean() - held[~inside].mean()) - PRICE * len(say)
    return worth, OfLabels(always, tuple(say)), texts
