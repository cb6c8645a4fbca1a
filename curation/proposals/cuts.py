"""Phrases that people cut out, or that stand in rows which they dropped for what these say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from curation.core.statistics.intervals import FEW, holm
from curation.core.text.folding import fold
from curation.decisions.decisions import Decision
from curation.proposals.evidence import CHANCE, Row, replies_of
from curation.proposals.phrases import Phrases, shared_phrases
from curation.proposals.search import FEWEST, MOST, Allowed, without_longer
from curation.proposals.wording import impersonal, written

SAYING = {"wrong_answer", "invented_fact", "wrong_tone", "against_playbook"}  # reasons that are about what replies say
SURE = 0.8  # share of the looks at a phrase that did not let it stand
ECHOED = 0.5  # share of the rows with a phrase whose customers say all its words, from which it is their subject
MOST_UNSEEN = 4000  # rows that nobody looked at, where people let too few stand to compare with
LONGEST = 8  # words


@dataclass(frozen=True)
class Looks:
    """Rows whose replies people did not let stand, as these were; rows that they let stand, corrected ones as written;
    and rows that nobody decided on."""

    cut: Sequence[Row]
    left: Sequence[Row]
    unseen: Sequence[Row]


def looks(rows: Sequence[Row], decisions: Sequence[Decision]) -> Looks:
    """What people decided about the replies of these rows; rows dropped for other reasons tell nothing of them."""
    decided = {decision.conversation_id: decision for decision in decisions}
    cut, left, unseen = list[Row](), list[Row](), list[Row]()
    for row in rows:
        decision = decided.get(row["conversation_id"])
        if decision is None:
            unseen.append(row)
        elif decision.decision == "drop":
            cut += [row] if not decision.reasons or SAYING & set(decision.reasons) else []
        else:
            cut += [row] if decision.messages else []
            left.append({**row, "messages": decision.messages} if decision.messages else row)
    return Looks(cut, left, unseen)


def cut_out(looked: Looks, countries: Sequence[str], seldom: Allowed) -> tuple[str, ...]:
    """Few phrases of which most looks did not let one stand, and not by chance, as they are written.

    Each phrase is tested once, exactly (Fisher): those of the same rows are one. The p-values are adjusted for their
    number (Holm).
    """
    import numpy as np

    left = [*looked.left, *(looked.unseen[:MOST_UNSEEN] if len(looked.left) < FEW else ())]
    seen, size = [*looked.cut, *left], len(looked.cut)
    if size < FEWEST or not left:
        return ()
    texts = [" | ".join(replies_of(row)) for row in seen]
    phrases = shared_phrases(texts, np.arange(len(texts)), LONGEST, FEWEST)
    own = impersonal(phrases, texts, countries)

    def allowed(phrase: str) -> bool:
        return own(phrase) and not _echoed(phrase, phrases, seen) and seldom(phrase)

    chosen = _covering(phrases, _objected(phrases, size), size, allowed)
    return written(chosen, phrases, texts)


def _objected(phrases: Phrases, size: int) -> list[str]:
    """The phrases that stand in the first `size` texts more than chance would have it, the surest first."""
    import numpy as np
    from scipy.stats import hypergeom

    longest: dict[bytes, str] = {}
    for word in sorted(phrases.known.words, key=lambda one: (one.count(" "), one)):
        longest[np.sort(phrases.texts_with(word)).tobytes()] = word
    names = sorted(longest.values())
    places = np.array([phrases.known.places[name] for name in names], np.int64)
    inside = phrases.among(np.arange(size)).counts[places]
    of = phrases.counts[places]
    total = phrases.stands.shape[0]
    adjusted = holm(hypergeom.sf(inside - 1, total, of, size).tolist())
    sure = [k for k, p in enumerate(adjusted) if p <= CHANCE and inside[k] >= max(FEWEST, SURE * of[k])]
    return [names[k] for k in sorted(sure, key=lambda k: (-int(inside[k]), names[k]))]


def _covering(phrases: Phrases, names: Sequence[str], size: int, allowed: Allowed) -> list[str]:
    """Those that each add rows which no other has, greedily."""
    import numpy as np

    chosen, open_ = list[str](), np.ones(size, bool)
    for name in names:
        rows = phrases.texts_with(name)
        rows = rows[rows < size]
        if len(chosen) < MOST and open_[rows].sum() >= FEWEST and allowed(name):
            chosen.append(name)
            open_[rows] = False
    return without_longer(chosen)


def _echoed(phrase: str, phrases: Phrases, rows: Sequence[Row]) -> bool:
    """Whether a phrase only takes up what customers say: all its words are theirs."""
    wanted, of = set(phrase.split()), phrases.texts_with(phrase).tolist()
    theirs = (fold(" ".join(m["content"] or "" for m in rows[k]["messages"] if m["role"] == "user")) for k in of)
    return sum(wanted <= set(_WORD.findall(said)) for said in theirs) >= ECHOED * len(of)


_WORD = re.compile(r"[\w'-]+")
