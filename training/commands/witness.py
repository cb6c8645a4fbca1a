"""Which training conversations the team's own replies in dev speak against, by words and without a model.

Replies are held beside replies to alike questions. Training and dev are drawn from one stock, so around a sound reply
dev has its share of those; around what was taught wrongly there are other wrong replies and none of dev's. Source: the
witness function of two samples (Gretton et al. 2012; Lloyd & Ghahramani 2015, for criticism), over the nearest alone;
words find the rows behind what a model says better than gradients do (Akyürek et al. 2022). What stands alone has no
neighbours that could tell: there it counts how far dev's nearest replies are. Of both the ranks count, as by Fisher.

Related conversations are kept in one part by split, so a group neither speaks for its own nor is drawn apart.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from curation.core.record.conversation import is_taught
from curation.core.text.folding import fold

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_matrix

    Numbers = np.ndarray[Any, Any]

NEAREST = 150  # replies that speak for one: with a tenth of all in dev, 60 leave dev out by chance too often
CLOSEST = 3  # of dev, that say how far it is
SHARPNESS = 2.0  # power of the likeness of replies
OF_QUESTIONS = 0.5  # and of what was asked: it is written more freely than replies are
DRAWS = 200  # of groups into train and dev, to see what chance does
SURE = 0.95  # of the draws, in which chance accuses
BY_CHANCE = 0.1  # at most of those accused
AT_ONCE = 256  # replies compared with all others at a time
PULLS = pl.Schema(
    {
        "conversation_id": pl.String,
        "pull": pl.Float64,  # powers of ten; 0 is the mean, below it dev's replies speak against what it teaches
        "accused": pl.Boolean,  # with others of its kind, too few of dev among its neighbours for chance
    }
)
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Neighbours:
    """Of each reply the nearest of train and dev: (replies, nearest) places and weights, and dev's distance."""

    places: "Numbers"
    weights: "Numbers"
    far: "Numbers"  # (replies,) 0 to 1


def pulls(
    train: pl.DataFrame, dev: pl.DataFrame, seed: int, progress: Callable[[Iterable[int]], Iterable[int]] = iter
) -> pl.DataFrame:
    """PULLS of the conversations in `train`, by their worst reply; the one that hurts most first.

    Both are tables of splits: conversation_id, messages, cluster_id.
    """
    import numpy as np

    ours, theirs = replies(train), replies(dev)
    if not (ours.height and theirs.height):
        return pl.DataFrame(schema=PULLS)
    every = pl.concat([ours, theirs])
    of_dev = np.arange(every.height) >= ours.height
    near = neighbours(every, of_dev, progress)
    missed = _missed(near, of_dev)
    drawn = _drawn(near, every["cluster_id"], of_dev, seed)
    conversations, owners = np.unique(ours["conversation_id"].to_numpy(), return_inverse=True)
    worst = _of_conversations(-np.log10(_tail(missed)) - np.log10(_tail(near.far)), owners)
    beyond = _limit(_of_conversations(missed, owners), (_of_conversations(one, owners) for one in drawn))
    pull = worst.mean() - worst
    accused = (_of_conversations(missed, owners) >= beyond) & (pull < 0)  # not the sound ones beside the wrong
    columns = {"conversation_id": conversations, "pull": pull, "accused": accused}
    return pl.DataFrame(columns, schema=PULLS).sort("pull", "conversation_id")


def replies(conversations: pl.DataFrame) -> pl.DataFrame:
    """conversation_id, cluster_id, `asked` (all that the customer said before) and `said` of each taught reply."""
    found = []
    for key, group, messages in conversations.select("conversation_id", "cluster_id", "messages").iter_rows():
        asked: list[str] = []
        for m in messages:
            if m["role"] == "user":
                asked.append(m["content"] or "")
            elif is_taught(m) and m["content"]:
                found.append((key, group, " ".join(asked), m["content"]))
    names = ["conversation_id", "cluster_id", "asked", "said"]
    return pl.DataFrame(found, schema=dict.fromkeys(names, pl.String), orient="row")


def neighbours(
    every: pl.DataFrame, of_dev: "Numbers", progress: Callable[[Iterable[int]], Iterable[int]]
) -> Neighbours:
    """Of each reply of train: alike are the same words, as many of them, to alike questions."""
    import numpy as np

    said, asked = _weighed(every["said"]), _weighed(every["asked"])
    words = every["said"].str.split(" ").list.len().to_numpy().astype(np.float32) + 1
    groups = every["cluster_id"].rank("dense").to_numpy()
    kept = min(NEAREST, every.height - 1)
    parts = []
    for start in progress(range(0, int((~of_dev).sum()), AT_ONCE)):
        rows = slice(start, min(start + AT_ONCE, int((~of_dev).sum())))
        other = groups[rows, None] != groups
        length = np.minimum(words[rows, None], words) / np.maximum(words[rows, None], words)
        reply = (said[rows] @ said.T).toarray() * other
        question = (asked[rows] @ asked.T).toarray() * other
        alike = reply**SHARPNESS * question**OF_QUESTIONS * length
        nearest = np.argpartition(-alike, kept - 1, axis=1)[:, :kept]
        same_question = question / np.maximum(question.max(1, keepdims=True), 1e-9)
        closest = np.sort((reply * same_question * length)[:, of_dev], axis=1)[:, -CLOSEST:]
        parts.append((nearest, np.take_along_axis(alike, nearest, 1), 1 - closest.mean(1)))
    return Neighbours(*map(np.concatenate, zip(*parts, strict=True)))


def _weighed(texts: pl.Series) -> "csr_matrix":
    """TF-IDF of single words and pairs of them, folded, all digits alike."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    def folded(text: str) -> str:
        return _DIGIT.sub("0", fold(text))

    vectorizer = TfidfVectorizer(
        preprocessor=folded, token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32
    )
    return vectorizer.fit_transform(texts.to_list())


def _missed(near: Neighbours, of_dev: "Numbers") -> "Numbers":
    """How many standard deviations dev's share of the neighbours lies below dev's share of all."""
    import numpy as np

    share = float(of_dev.mean())
    spread = share * (1 - share) * (near.weights**2).sum(1)
    return (near.weights * (share - of_dev[near.places])).sum(1) / np.sqrt(spread + 1e-9)  # type: ignore[no-any-return]


def _drawn(near: Neighbours, groups: pl.Series, of_dev: "Numbers", seed: int) -> "Iterator[Numbers]":
    """What `_missed` says where whole groups are drawn anew into train and dev, DRAWS times."""
    import numpy as np

    draw = np.random.default_rng(seed)
    numbers = groups.rank("dense").to_numpy().astype(np.int64) - 1
    theirs = np.zeros(numbers.max() + 1, bool)
    theirs[numbers[of_dev]] = True
    for _ in range(DRAWS):
        yield _missed(near, draw.permutation(theirs)[numbers])


def _limit(found: "Numbers", drawn: "Iterable[Numbers]") -> float:
    """The least value from which chance explains at most BY_CHANCE of what was found; infinite where there is none.

    Source: counts under permutation, as in SAM (Tusher et al. 2001), at a high quantile in place of their mean.
    """
    import numpy as np

    values = np.sort(found)
    counts = [len(one) - np.searchsorted(np.sort(one), values) for one in drawn]
    explained = np.quantile(counts, SURE, axis=0) <= BY_CHANCE * (len(values) - np.searchsorted(values, values))
    return float(values[explained].min(initial=np.inf))


def _of_conversations(values: "Numbers", owners: "Numbers") -> "Numbers":
    """The highest of each conversation's replies."""
    import numpy as np

    found = np.full(owners.max() + 1, -np.inf)
    np.maximum.at(found, owners, values)
    return found


def _tail(values: "Numbers") -> "Numbers":
    """The share of all that is as high or higher."""
    from scipy.stats import rankdata

    return rankdata(-values, "max") / len(values)  # type: ignore[no-any-return]
