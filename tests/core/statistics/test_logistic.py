import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.statistics.logistic import logistic, probabilities


@given(st.integers(2, 4), st.booleans(), st.booleans(), st.sampled_from([1e-4, 1, 10]), st.integers(0, 99))
def test_it_is_scikit_learns(classes: int, balanced: bool, intercept: bool, penalty: float, seed: int):
    from sklearn.linear_model import LogisticRegression

    drawn = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), drawn.integers(classes, size=60)])
    features = drawn.normal(size=(len(truth), 3)) + truth[:, None] * drawn.normal(size=3)
    peer = LogisticRegression(
        C=1 / penalty, fit_intercept=intercept, class_weight="balanced" if balanced else None, tol=1e-8, max_iter=10_000
    ).fit(features, truth)
    found = logistic(features, truth, penalty=penalty, intercept=intercept, balanced=balanced)
    assert probabilities(found(features)) == pytest.approx(peer.predict_proba(features), abs=1e-4)
