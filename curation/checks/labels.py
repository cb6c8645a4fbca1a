"""Labels that the words do not bear out, and how many there are."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.checks.check import NOTHING, Context, Noted, check
from curation.checks.models.datalab import both_sides
from curation.checks.models.mislabelled import Mislabelled, mislabelled
from curation.checks.models.topics import MOST, by_vectors, by_words, folds, pooled
from curation.checks.models.words import Indices, fair_parts, grams_by_conversation, words_by_turn
from curation.core.record.codes import LABELS, WRONG_LABELS

FEWEST = 5  # rows a label needs to be judged by cross-validation
REPORTED_SHARE = 0.3  # of the rows, the likeliest to be wrong: people look among them where they have time left
TOLD_FROM = 0.05  # value from which it is told what the words say; below, making it fit to be shown costs more than all


@check(
    "labels",
    version=3,
    whole_set=True,
    needs_vectors=True,
    reads=words_by_turn,
    tried="along",
    source="Northcutt et al. 2021, Confident Learning, with confusions as in Dawid and Skene 1979",
)
def labels(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Labels (intents, topics) beside which another one is likelier. `value` = probability that the label is wrong.

    Two models that did not see the row say which label it would have: a shrunken linear discriminant over the
    embeddings of both sides (agents mostly understood what was asked, so their replies tell the topic too), and naive
    Bayes over words and their letter trigrams; each weighs as much, language by language, as it helps to foretell
    labels. Which labels are confused, and how often, is learned with them: the more labels of a set are wrong, the
    likelier is each doubt. A note on the set tells the share of wrong labels with an interval.

    The likeliest three tenths of the rows are reported, for people who have time left. Rows without a label, or with a
    label that is too rare, are not judged. Of more than 50,000 rows, parts by id are each judged by themselves, and the
    note is their mean.
    """
    learned: list[tuple[int, Mislabelled]] = []
    found = [_doubted(part.filter(_common(part)), context, learned) for part in fair_parts(conversations)]
    if context.tell and learned:
        context.tell(_noted(learned))
    return pl.concat(found, how="diagonal_relaxed")


def _doubted(judged: pl.DataFrame, context: Context, learned: list[tuple[int, Mislabelled]]) -> pl.DataFrame:
    """What is seen in rows that teach one another; what was `learned` of so many is added."""
    if judged["label"].n_unique() < 2:
        return NOTHING
    classes, given = np.unique(judged["label"].to_numpy().astype(str), return_inverse=True)
    _, language = np.unique(judged["language"].fill_null("").to_numpy().astype(str), return_inverse=True)
    sides = both_sides(judged, context)
    parts = folds(given, context.params.seed)
    views = [by_vectors(sides, given, parts), by_words(grams_by_conversation(judged, context), given, parts)]
    weighed = pooled(views, given, language, context.params.seed)
    found = mislabelled(weighed, given)
    learned.append((judged.height, found))
    spoilt = NOTHING if context.planted is None else _planted(context.planted, judged, weighed, given, classes)
    wrong = judged.select(
        "conversation_id",
        "label",
        likelier=pl.Series(classes[found.likelier]),
        value=pl.Series(found.wrong, dtype=pl.Float64).round(9),
    )
    likeliest = wrong.sort("value", "conversation_id", descending=[True, False])
    reported = likeliest.head(int(np.ceil(REPORTED_SHARE * wrong.height))).filter(pl.col("value") > 0)
    said = pl.format("given {}, the words say {}", "label", "likelier")
    told = reported.select(
        "conversation_id",
        "value",
        code=pl.lit(LABELS),
        threshold=pl.col("value").min(),
        evidence=pl.when(pl.col("value") >= TOLD_FROM).then(said),
    )
    return pl.concat([told, spoilt], how="diagonal_relaxed")


def _planted(
    planted: pl.DataFrame,
    judged: pl.DataFrame,
    weighed: npt.NDArray[np.float32],
    given: Indices,
    classes: npt.NDArray[np.str_],
) -> pl.DataFrame:
    """What is said of spoilt rows with another label than their originals: their words are those that were judged."""
    rows = judged.select(made_of="conversation_id", was="label").with_row_index("place")
    labels = pl.DataFrame({"label": pl.Series(classes, dtype=pl.String)}).with_row_index("class")
    changed = planted.select("conversation_id", "made_of", "label").join(rows, on="made_of").join(labels, on="label")
    changed = (
        changed.filter(pl.col("label") != pl.col("was")).sort("place", "conversation_id").unique("place", keep="first")
    )
    changed = changed.sort("place")
    place = changed["place"].to_numpy().astype(np.int64)
    wrong = given.copy()
    wrong[place] = changed["class"].to_numpy()
    value = mislabelled(weighed, wrong).wrong[place] if len(place) else np.zeros(0)
    return changed.select("conversation_id", value=pl.Series(value, dtype=pl.Float64).round(9), code=pl.lit(LABELS))


def _noted(learned: Sequence[tuple[int, Mislabelled]]) -> Noted:
    """The share of wrong labels of all parts, in the mean of their intervals, which is no narrower than its own."""
    rows = sum(number for number, _ in learned)
    share, low, high = (
        round(sum(number * getattr(found, name) for number, found in learned) / rows, 6)
        for name in ("share", "low", "high")
    )
    return Noted(
        WRONG_LABELS, share, f"some {share:.1%} of the labels are wrong (between {low:.1%} and {high:.1%})", low, high
    )


def _common(conversations: pl.DataFrame) -> pl.Expr:
    """Whether a row's label is frequent enough, and not one too many."""
    counts = conversations["label"].drop_nulls().value_counts().filter(pl.col("count") >= FEWEST)
    most = MOST // max(conversations.height, 1)
    judged = counts.sort("count", "label", descending=[True, False]).head(most)["label"]
    return pl.col("label").is_in(judged.to_list())
