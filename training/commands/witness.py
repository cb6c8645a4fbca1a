"""Which training conversations the team's own replies in dev speak against, by words and without a model.

Training and dev are drawn from one stock, so among replies to alike questions nothing should tell the two apart. Where
something does, the rows of training that look least like dev's are the suspects: novelty detection against a sample
that is held to be sound (AdaDetect, Marandon, Lei, Mary and Roquain 2024). What tells them apart is Fisher's
discriminant in its dual form, each reply judged by those of other groups (Harchaoui, Bach and Moulines 2008, for two
samples); how surely, says the hypergeometric tail of the most surprising upper part that a reply stands in. So a whole
intent that is taught wrongly is seen by its dev replies which nothing in training is like, however many wordings the
wrong ones have. What stands alone has no like that could tell: there it counts how far dev's nearest replies are.

Related conversations are kept in one part by split, so a group neither speaks for its own nor is drawn apart.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import polars as pl

from curation.core.record.conversation import is_taught
from curation.core.text.folding import fold

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_matrix

    Numbers = np.ndarray[Any, Any]

LARGEST = 400  # replies compared as answers to alike questions; where an intent has more, its questions are clustered
USUAL = 200  # in such a cluster
RIDGE = 5.0  # added to the likenesses, whose mean diagonal is 1
CLOSEST = 3  # of dev, that say how far it is
DRAWS = 200  # of groups into train and dev, to see what chance does
SURE = 0.95  # of the draws, in which chance accuses nobody (the highest of all counts: Westfall and Young 1993)
AT_ONCE = 1024  # replies compared with those of dev at a time
PULLS = pl.Schema(
    {
        "conversation_id": pl.String,
        "pull": pl.Float64,  # powers of ten; 0 is the mean, below it dev's replies speak against what it teaches
        "accused": pl.Boolean,  # with others, too little like dev's replies to alike questions for chance
    }
)
_DIGIT = re.compile(r"\d")
_ENDS = r"[.!?؟…]\W*$"
_ARABIC = r"\p{Arabic}"


@dataclass(frozen=True)
class Neighbourhood:
    """Replies to alike questions, and how dev is told apart among them."""

    places: "Numbers"  # of the replies among all
    foretold: "Numbers"  # (replies, replies): times who is of dev, what those of other groups say of each


def pulls(
    train: pl.DataFrame, dev: pl.DataFrame, seed: int, progress: Callable[[Iterable[int]], Iterable[int]] = iter
) -> pl.DataFrame:
    """PULLS of the conversations in `train`, by their worst reply; the one that hurts most first.

    Both are tables of splits: conversation_id, messages, cluster_id, and label where intents are known.
    """
    import numpy as np

    ours, theirs = replies(train), replies(dev)
    if not (ours.height and theirs.height):
        return pl.DataFrame(schema=PULLS)
    every = pl.concat([ours, theirs])
    of_dev = np.arange(every.height) >= ours.height
    said, asked = _weighed(every["said"]), _weighed(every["asked"])
    near = neighbourhoods(every, said, asked, progress)
    conversations, owners = np.unique(ours["conversation_id"].to_numpy(), return_inverse=True)
    apart = _of_conversations(_apart(near, of_dev), owners)
    alone = _of_conversations(_alone(every, said, asked, of_dev), owners)
    pull = (apart + alone).mean() - (apart + alone)
    drawn = [_apart(near, one)[: ours.height].max() for one in _draws(every["cluster_id"], of_dev, seed)]
    accused = (apart > np.quantile(drawn, SURE)) & (pull < 0)  # not the sound ones beside the wrong
    columns = {"conversation_id": conversations, "pull": pull, "accused": accused}
    return pl.DataFrame(columns, schema=PULLS).sort("pull", "conversation_id")


def replies(conversations: pl.DataFrame) -> pl.DataFrame:
    """Each taught reply: conversation_id, cluster_id, `label`, `first` of its conversation, `asked` (all that the
    customer said before) and `said`.
    """
    labels = conversations["label"] if "label" in conversations.columns else [None] * conversations.height
    found = []
    columns = conversations.select("conversation_id", "cluster_id", "messages")
    for (key, group, messages), label in zip(columns.iter_rows(), labels, strict=True):
        asked: list[str] = []
        first = True
        for m in messages:
            if m["role"] == "user":
                asked.append(m["content"] or "")
            elif is_taught(m) and m["content"]:
                found.append((key, group, label, first, " ".join(asked), m["content"]))
                first = False
    names = ["conversation_id", "cluster_id", "label", "first", "asked", "said"]
    schema = {**dict.fromkeys(names, pl.String), "first": pl.Boolean}
    return pl.DataFrame(found, schema=schema, orient="row")


def neighbourhoods(
    every: pl.DataFrame, said: "csr_matrix", asked: "csr_matrix", progress: Callable[[Iterable[int]], Iterable[int]]
) -> list[Neighbourhood]:
    """Of all replies, by intent, the script of what was asked, and whether it is a conversation's first reply."""
    of_intent = every.select("label", "first", arabic=_of_arabic("asked") > 0.5)
    parts = of_intent.with_row_index().group_by("label", "first", "arabic", maintain_order=True).agg("index")["index"]
    kinds = [kind for part in parts for kind in _clustered(part.to_numpy(), asked)]
    form, groups = _form(every["said"]), every["cluster_id"].rank("dense").to_numpy()
    found = []
    for number in progress(range(len(kinds))):
        at = kinds[number]
        alike = (said[at] @ said[at].T).toarray() + form[at] @ form[at].T / form.shape[1]
        found.append(Neighbourhood(at, _foretold(alike, groups[at])))
    return found


def _clustered(places: "Numbers", asked: "csr_matrix") -> "list[Numbers]":
    """Places of alike questions, so few that they can be compared with one another."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.decomposition import TruncatedSVD

    if len(places) <= LARGEST:
        return [places]
    shapes = TruncatedSVD(50, random_state=0).fit_transform(asked[places])
    found = MiniBatchKMeans(-(-len(places) // USUAL), n_init=3, random_state=0).fit(shapes).labels_
    return [places[found == label] for label in sorted({*found})]


def _of_arabic(column: str) -> pl.Expr:
    """The share of the letters that are Arabic."""
    letters = pl.col(column).str.count_matches(r"\pL")
    return pl.col(column).str.count_matches(_ARABIC) / letters.clip(1)


def _form(said: pl.Series) -> "Numbers":
    """(replies, 3): length, whether it ends as sentences do, and script, each with a spread of about 1."""
    import numpy as np

    table = said.to_frame("said").select(
        length=pl.col("said").str.split(" ").list.len().log1p(),
        ends=pl.col("said").str.contains(_ENDS).cast(pl.Float64),
        script=_of_arabic("said"),
    )
    values = table.to_numpy().astype(np.float64)
    return (values - values.mean(0)) / np.maximum(values.std(0), 0.2)  # type: ignore[no-any-return]


def _foretold(alike: "Numbers", groups: "Numbers") -> "Numbers":
    """(replies, replies): what ridge regression foretells of each by those of other groups, as a linear map.

    Leaving out a whole group of a linear smoother takes no new fit (Cook and Weisberg 1982, section 2.2, for deletion).
    """
    import numpy as np

    count = len(alike)
    centred = alike - alike.mean(0) - alike.mean(1)[:, None] + alike.mean()
    centred *= count / max(float(np.trace(centred)), 1e-9)
    smooth = np.linalg.solve(centred + RIDGE * np.eye(count), centred).T
    found = np.zeros_like(smooth)
    for group in np.unique(groups):
        own = groups == group
        kept = np.eye(int(own.sum())) - smooth[np.ix_(own, own)]
        found[np.ix_(own, ~own)] = np.linalg.solve(kept, smooth[np.ix_(own, ~own)])
    return found


def _apart(near: Sequence[Neighbourhood], of_dev: "Numbers") -> "Numbers":
    """How surely each reply stands where dev has too few, in powers of ten; 0 where none of dev is near."""
    import numpy as np

    found = np.zeros(len(of_dev))
    for one in near:
        theirs = of_dev[one.places]
        order = np.argsort(one.foretold @ (theirs - theirs.mean()), kind="stable")
        found[one.places[order]] = _surprise(theirs[order])
    return found


def _surprise(theirs: "Numbers") -> "Numbers":
    """Of replies in order, those least like dev's first: how surprising the beginning is that each stands in.

    Which beginning has too few of dev is asked of dev's share, or the rows before dev's own end would be accused for
    what that lacks; how surely, of how all lie. What follows on it is judged without it, by the share alone.
    """
    import numpy as np

    count, marked = len(theirs), int(theirs.sum())
    few = _few(count, marked)[np.arange(count), np.cumsum(theirs)]
    most = int(few.argmax()) + 1
    surely = _fewer(count, marked)[most - 1, theirs[:most].sum()]
    rest = _few(count, marked)[np.arange(count - most), np.cumsum(theirs[most:])]
    after = np.maximum.accumulate(rest[::-1])[::-1]
    return np.concatenate([np.full(most, surely), np.minimum(after, surely)])


@lru_cache(2048)
def _few(count: int, marked: int) -> "Numbers":
    """(count, marked + 1): -log10 of how likely `drawn` + 1 hold so few marked ones or fewer, by their share alone."""
    import numpy as np
    from scipy.special import bdtr

    likely = bdtr(np.arange(marked + 1.0)[None], np.arange(1, count + 1)[:, None], marked / count)
    likely = np.where(np.isnan(likely), 1.0, likely)  # as many as are drawn, or more
    return -np.log10(np.clip(likely, 1e-300, 1.0))  # type: ignore[no-any-return]


@lru_cache(2048)
def _fewer(count: int, marked: int) -> "Numbers":
    """The same where just `marked` of `count` are (hypergeometric)."""
    import numpy as np
    from scipy.special import gammaln

    def ways(of: int, some: "Numbers") -> "Numbers":
        inside = np.clip(some, 0, of)
        return np.where(some == inside, gammaln(of + 1) - gammaln(inside + 1) - gammaln(of - inside + 1), -np.inf)

    drawn, seen = np.arange(1, count + 1)[:, None], np.arange(marked + 1)[None]
    likely = ways(marked, seen) + ways(count - marked, drawn - seen) - ways(count, drawn)
    return -np.minimum(np.logaddexp.accumulate(likely, axis=1), 0.0) / np.log(10)  # type: ignore[no-any-return]


def _alone(every: pl.DataFrame, said: "csr_matrix", asked: "csr_matrix", of_dev: "Numbers") -> "Numbers":
    """How seldom dev's own replies are as far from dev as each is, in powers of ten: far from those to alike questions.

    What no reply of dev is as far as counts as one more of dev (conformal p-value, Vovk et al. 2005).
    """
    import numpy as np

    words = every["said"].str.split(" ").list.len().to_numpy().astype(np.float32) + 1
    groups = every["cluster_id"].rank("dense").to_numpy()
    their_words, their_groups = words[of_dev], groups[of_dev]
    their_said, their_asked = said[of_dev].T, asked[of_dev].T
    near = np.empty(every.height)
    for start in range(0, every.height, AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        other = groups[rows, None] != their_groups
        question = (asked[rows] @ their_asked).toarray() * other
        same_question = question / np.maximum(question.max(1, keepdims=True), 1e-9)
        length = np.minimum(words[rows, None], their_words) / np.maximum(words[rows, None], their_words)
        alike = np.sort((said[rows] @ their_said).toarray() * same_question * length, axis=1)
        near[rows] = alike[:, -CLOSEST:].mean(1)
    theirs = np.sort(near[of_dev])
    return -np.log10((1 + np.searchsorted(theirs, near, "right")) / (1 + len(theirs)))  # type: ignore[no-any-return]


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


def _draws(groups: pl.Series, of_dev: "Numbers", seed: int) -> "Iterator[Numbers]":
    """Who is of dev where whole groups are drawn anew into train and dev, DRAWS times."""
    import numpy as np

    draw = np.random.default_rng(seed)
    numbers = groups.rank("dense").to_numpy().astype(np.int64) - 1
    theirs = np.zeros(numbers.max() + 1, bool)
    theirs[numbers[of_dev]] = True
    for _ in range(DRAWS):
        yield draw.permutation(theirs)[numbers]


def _of_conversations(values: "Numbers", owners: "Numbers") -> "Numbers":
    """The highest of each conversation's replies; `values` may go on with those of dev."""
    import numpy as np

    found = np.full(owners.max() + 1, -np.inf)
    np.maximum.at(found, owners, values[: len(owners)])
    return found
