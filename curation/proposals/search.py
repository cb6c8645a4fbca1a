"""Few phrases that nearly all of some texts hold and others do not."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.proposals.phrases import Phrases

if TYPE_CHECKING:
    import numpy as np

FEWEST, RAREST = 3, 0.03  # texts, and share of them, that a phrase must add
MOST = 12  # phrases of one rule; more describe the texts and no rule
COMMON, PRICE = 0.6, 0.02  # share of the texts from which phrases are proposed, and what each of them costs of it
LIFT, LIFT_OF_ONE = 5, 20  # a phrase of a place stands there so many times as often as elsewhere; a single word more
LIFT_OF_OWN = 2.5  # and one of its words so many times: "have a" has none, "have a nice day" has two
KEPT, FORMS = 0.97, 0.01  # share of the texts that its forms together must still hold, and that each must
Allowed = Callable[[str], bool]


@dataclass(frozen=True)
class Texts:
    """Phrases in the texts of a place, beside the share of other texts in which each stands."""

    inside: Phrases
    elsewhere: "np.ndarray"

    @property
    def size(self) -> int:
        return max(int(self.inside.stands.shape[0]), 1)

    def share(self, chosen: Sequence[str]) -> float:
        """Share of the texts that hold any of these phrases."""
        return float(self.inside.holding(chosen).sum()) / self.size


def covering(texts: Texts, allowed: Allowed, most: int = MOST) -> list[str]:
    """Few phrases of which nearly every text holds one and other texts hold none; none where too few texts do.

    Greedily, whatever adds most: the share of the texts that only it holds, less the share elsewhere that holds it.
    """
    import numpy as np

    possible = _telling(texts)
    words = [texts.inside.known.words[int(place)] for place in possible]
    stands, open_, barred = texts.inside.columns[:, possible], np.ones(texts.size), np.zeros(len(words), bool)
    chosen: list[str] = []
    while len(chosen) < most and words:
        gain = np.asarray(open_ @ stands).ravel()
        enough = (gain >= max(FEWEST, RAREST * texts.size)) & ~barred
        best = _best(np.where(enough, gain / texts.size - texts.elsewhere[possible], 0.0), words, barred, allowed)
        if best is None:
            break
        chosen.append(words[best])
        open_[texts.inside.texts_with(words[best])] = 0
    return chosen if texts.share(chosen) - PRICE * len(chosen) >= COMMON else []


def _best(worth: "np.ndarray", words: Sequence[str], barred: "np.ndarray", allowed: Allowed) -> int | None:
    """The phrase that is worth most of those that are allowed; the others that were met are barred."""
    for place in (-worth).argsort(kind="stable").tolist():
        if worth[place] <= 0:
            break
        if allowed(words[place]):
            return int(place)
        barred[place] = True
    return None


def _telling(texts: Texts) -> "np.ndarray":
    """The places of phrases that stand here often, and far more often than elsewhere."""
    import numpy as np

    phrases = texts.inside
    times = phrases.counts / texts.size / np.maximum(texts.elsewhere, 1e-9)
    often = phrases.counts >= max(FEWEST, RAREST * texts.size)
    likely = np.flatnonzero(often & (times >= np.where(phrases.known.single, LIFT_OF_ONE, LIFT)))
    own = [
        max(times[phrases.known.places[word]] for word in phrases.known.words[int(place)].split()) for place in likely
    ]
    return likely[np.array(own) >= LIFT_OF_OWN] if len(likely) else likely


def spelled_out(texts: Texts, chosen: Sequence[str], allowed: Allowed, short: int) -> list[str]:
    """The phrases as people say them: with the words that always stand beside them, in all their forms if `short`.

    short: words below which a phrase is told in its different forms.
    """
    said, least = list(chosen), KEPT * texts.share(chosen)

    def holds(longer: list[str]) -> bool:
        return texts.share(longer) >= least and all(allowed(one) for one in longer if one not in said)

    while longer := next(filter(holds, _longer(texts, said, short)), None):
        said = longer
    return without_longer(said)


def _longer(texts: Texts, said: Sequence[str], short: int) -> Iterator[list[str]]:
    """The phrases with one of them in its forms of one word more."""
    for phrase in said:
        for side in ("left", "right"):
            forms = [one for one in texts.inside.known.longer.get((phrase, side), []) if _is_form(texts, one)]
            single = len(forms) == 1 or phrase.count(" ") + 1 < short
            rest = [one for one in said if one != phrase]
            if forms and single and len(set(rest + forms)) <= MOST:
                yield [*rest, *(one for one in forms if one not in rest)]


def _is_form(texts: Texts, phrase: str) -> bool:
    share = texts.share([phrase])
    often = share >= max(FEWEST / texts.size, FORMS)
    return often and share >= LIFT * float(texts.elsewhere[texts.inside.known.places[phrase]])


def without_longer(said: Sequence[str]) -> list[str]:
    """The phrases that hold no other one of them as words: those say the same."""
    return [one for one in said if not any(other != one and f" {other} " in f" {one} " for other in said)]
