"""Spatial autocorrelation and hot spots, against values drawn over places and by hand."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hrpn_tf.evaluation.analysis.heterogeneity import hot_spots, moran, neighbours


def grid(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    row, column = np.divmod(np.arange(rows * columns), columns)
    return row, column


def test_squares_touch_at_edges_and_corners_whatever_their_order() -> None:
    random = np.random.default_rng(0)
    row, column = grid(6, 7)
    kept = random.permutation(len(row))[:30]
    found = neighbours(row[kept], column[kept]).toarray()
    apart = np.maximum(
        abs(row[kept][:, None] - row[kept]), abs(column[kept][:, None] - column[kept])
    )
    np.testing.assert_array_equal(found, apart == 1)


def test_morans_i_and_its_null_are_those_of_permutations() -> None:
    random = np.random.default_rng(1)
    row, column = grid(9, 8)
    kept = random.random(len(row)) < 0.85
    touching = neighbours(row[kept], column[kept])
    values = random.gamma(2, 1, int(kept.sum()))
    weights = touching.toarray()
    weights = weights / weights.sum(axis=1, keepdims=True)

    def by_hand(one: np.ndarray) -> float:
        off = one - one.mean()
        return float(len(one) / weights.sum() * (off @ weights @ off) / (off @ off))

    found = moran(values, touching)
    assert found.i == pytest.approx(by_hand(values))
    drawn = np.array([by_hand(random.permutation(values)) for _ in range(4000)])
    assert found.expected == pytest.approx(drawn.mean(), abs=3 * drawn.std() / 4000**0.5)
    assert found.sd == pytest.approx(drawn.std(), rel=0.05)
    assert found.p is not None
    share = np.mean(abs(drawn - found.expected) >= abs(found.i - found.expected))
    assert found.p == pytest.approx(share, abs=0.03)


def test_a_hot_spot_is_found_where_it_is_and_noise_has_none() -> None:
    row, column = grid(20, 20)
    touching = neighbours(row, column)
    noise = np.random.default_rng(2).normal(0, 1, 400)
    assert not hot_spots(noise, touching).kind.any()
    bump = np.zeros((20, 20))
    bump[5, 14] = 300
    found = hot_spots(noise + gaussian_filter(bump, 1.5).ravel(), touching)
    hot = found.kind.reshape(20, 20) == 1
    assert hot[5, 14]
    assert not hot[12:, :8].any()
    # Gi* by its definition, of one place
    near = touching.toarray()[105].astype(bool)
    near[105] = True
    values = noise + gaussian_filter(bump, 1.5).ravel()
    spread = values.std() * np.sqrt((400 * near.sum() - near.sum() ** 2) / 399)
    expected = (values[near].sum() - values.mean() * near.sum()) / spread
    assert found.z[105] == pytest.approx(expected)


def test_few_or_equal_values_say_nothing() -> None:
    row, column = grid(5, 5)
    touching = neighbours(row, column)
    assert moran(np.full(25, 3.7), touching).i is None
    assert np.isnan(hot_spots(np.full(25, 3.7), touching).z).all()
    few = neighbours(row[:4], column[:4])
    assert moran(np.arange(4.0), few).i is None
    apart = neighbours(2 * row, 2 * column)  # no neighbour anywhere
    assert moran(np.arange(25.0), apart).i is None
