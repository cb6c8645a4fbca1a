import numpy as np
import pytest

from curation.similarity import neighbours
from curation.similarity.neighbours import copies, nearest


def unit(rows: int, dimensions: int = 24, seed: int = 0):
    vectors = np.random.default_rng(seed).normal(size=(rows, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def planted(rows: int, twins: int, seed: int):
    """Vectors whose last `twins` rows lie near their first ones."""
    vectors = unit(rows, 64, seed)
    vectors[-twins:] = vectors[:twins] + 0.02 * unit(twins, 64, seed + 1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_nearest_are_those_of_comparing_all():
    vectors = unit(150)
    found = nearest(vectors, 4)
    all_distances = 1 - vectors @ vectors.T
    np.fill_diagonal(all_distances, np.inf)
    assert (found.places == np.argsort(all_distances, axis=1)[:, :4]).all()
    assert found.distances == pytest.approx(np.sort(all_distances, axis=1)[:, :4], abs=1e-6)


def test_of_a_large_set_the_first_rows_stand_for_all(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(neighbours, "EXACT", 100)
    monkeypatch.setattr(neighbours, "SAMPLE", 40)
    places = nearest(unit(150), 4).places
    assert places.max() < 40
    assert not (places == np.arange(150)[:, None]).any()


def test_of_many_equals_the_first_are_the_nearest(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(neighbours, "TILE", 32)
    vectors = np.repeat(unit(3), 50, axis=0)
    found = nearest(vectors, 4)
    first = np.repeat([0, 50, 100], 50)[:, None] + np.arange(4)
    for row in (*range(4), 54, 149):
        assert found.places[row].tolist() == [at for at in (*first[row], first[row, 0] + 4) if at != row][:4]
    assert found.distances == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("exact", [1_000, 10])
def test_copies_are_alike_on_both_sides_and_point_to_an_earlier_row(exact: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(neighbours, "EXACT", exact)
    monkeypatch.setattr(neighbours, "AXES", 8)
    left, right = planted(300, 20, 0), planted(300, 20, 5)
    right[290:] = unit(10, 64, 9)
    place, likeness = copies(left, right, 0.9, seed=7)
    assert place.tolist() == [-1] * 280 + list(range(10)) + [-1] * 10
    assert (likeness >= 0.9).tolist() == (place >= 0).tolist()
    assert likeness[280] == pytest.approx(min(left[280] @ left[0], right[280] @ right[0]))


def test_many_rows_alike_all_point_back(monkeypatch: pytest.MonkeyPatch):
    vectors = np.concatenate([unit(1, 64) + 0.01 * unit(200, 64, 3), unit(50, 64, 4)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    monkeypatch.setattr(neighbours, "EXACT", 10)
    place, likeness = copies(vectors, vectors, 0.9, seed=7)
    assert (place[1:200] >= 0).all()
    assert (place[1:200] < np.arange(1, 200)).all()
    assert (likeness[1:200] >= 0.9).all()
    assert (place[200:] == -1).all()
