"""How likely people would change a conversation, by everything but what they said of it."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import polars as pl

from curation.decisions.answers import Answer

if TYPE_CHECKING:
    import numpy as np

FEWEST = 20  # conversations that people would change, and that they would keep, from which on there is enough to learn
FOLDS = 5
SCALE = 3.0  # standard deviations beyond which a finding's value tells no more


def chances(verdicts: pl.DataFrame, findings: pl.DataFrame, answers: Sequence[Answer]) -> dict[str, float]:
    """conversation_id -> chance, for the doubtful conversations that people answered.

    It is the policy's priority at first. Once people have answered on enough conversations, a logistic regression on
    the priority and the findings takes its place, which never learns from the answers on the row it speaks of.
    Blind and gold rows have no chance here: people's word on them must not lean on the policy's.
    """
    asked = {answer.conversation_id for answer in answers if answer.purpose == "doubt"}
    doubtful = verdicts.filter(pl.col("conversation_id").is_in(sorted(asked)), pl.col("priority") > 0)
    rows = doubtful.select("conversation_id", "priority").sort("conversation_id")
    said = _changed(answers)
    changed = [said[key] for key in rows["conversation_id"]]
    if min(sum(changed), rows.height - sum(changed)) < FEWEST:
        return dict(rows.iter_rows())
    return dict(zip(rows["conversation_id"], _learned(_features(rows, findings), rows, changed), strict=True))


def _changed(answers: Iterable[Answer]) -> dict[str, bool]:
    """Whether at least half of those who answered would change the conversation."""
    said: dict[str, list[bool]] = {}
    for answer in answers:
        said.setdefault(answer.conversation_id, []).append(answer.decision != "keep")
    return {key: 2 * sum(votes) >= len(votes) for key, votes in said.items()}


def _features(rows: pl.DataFrame, findings: pl.DataFrame) -> "np.ndarray":
    """(rows, features): log-odds of the priority; of each code, whether it was found and how strongly."""
    import numpy as np

    chance = rows["priority"].clip(0.01, 0.99).to_numpy()
    seen = rows.select("conversation_id", row=pl.int_range(pl.len())).join(findings, on="conversation_id")
    worst = seen.group_by("row", "code").agg(value=pl.col("value").max().fill_null(0.0))
    codes = sorted(worst["code"].unique())
    place = worst["code"].replace_strict(codes, range(len(codes)), return_dtype=pl.Int64).to_numpy()
    spread = pl.col("value").std().over("code").fill_null(0.0)
    value = (pl.col("value") - pl.col("value").mean().over("code")) / pl.when(spread > 0).then(spread).otherwise(1.0)
    strength = worst.select(value.clip(-SCALE, SCALE)).to_series().to_numpy()

    found, strong = np.zeros((2, rows.height, len(codes)))
    found[worst["row"], place] = 1.0
    strong[worst["row"], place] = strength
    return np.column_stack([np.log(chance / (1 - chance)), found, strong])


def _learned(features: "np.ndarray", rows: pl.DataFrame, changed: Sequence[bool]) -> list[float]:
    """Out-of-fold chances. An id is a hash of the words, so its first digits are a fold that stays."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import PredefinedSplit, cross_val_predict

    fold = [int(key[:8], 16) % FOLDS for key in rows["conversation_id"]]
    model = LogisticRegression(C=0.3, max_iter=1_000)
    split = PredefinedSplit(fold)
    chance = cross_val_predict(model, features, list(changed), cv=split, method="predict_proba")[:, 1]
    return [round(float(c), 6) for c in chance]
