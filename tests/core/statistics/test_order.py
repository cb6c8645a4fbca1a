import numpy as np
import pytest

from curation.core.statistics.order import order_p_value
from curation.similarity.neighbours import nearest


@pytest.mark.parametrize("ordered", [True, False])
def test_what_order_tells_is_what_datalab_says(ordered: bool):
    from cleanlab.datalab.datalab import Datalab
    from scipy.sparse import csr_matrix

    rows, k = 150, 10
    groups = np.random.default_rng(1).integers(0, 5, rows)
    vectors = np.eye(16)[np.sort(groups) // 2 if ordered else groups]
    vectors = (vectors + np.random.default_rng(2).normal(0, 0.3, vectors.shape)).astype(np.float32)
    places, distances = nearest(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), k)
    near = csr_matrix((distances.ravel(), places.ravel(), np.arange(0, rows * k + 1, k)), shape=(rows, rows))
    lab = Datalab(data={"id": [*range(rows)]}, verbosity=0)
    lab.find_issues(knn_graph=near, issue_types={"non_iid": {}})
    assert order_p_value(places) == pytest.approx(lab.get_info("non_iid")["p-value"], abs=1e-6)
