"""Patches and places drawn by what they hold, and the weights that undo it."""

from dataclasses import replace

import numpy as np
import pytest

from hrpn_tf.data.order import Order
from hrpn_tf.data.pipeline import make_dataset
from hrpn_tf.data.sampling import CANDIDATES, Sampling, learn_sampling
from hrpn_tf.data.window import Window

HELD = np.array([0.0, 0.0, 1.0, 3.0, 36.0])
SAMPLING = Sampling(np.arange(10, 15), HELD + HELD.mean())


def test_a_pass_draws_each_patch_as_often_as_its_content_says():
    n, passes = len(HELD), 400
    uses = Order(batch_size=1, seed=7, steps=n * passes).uses(SAMPLING.indices, SAMPLING)
    expected = n * SAMPLING.scores / SAMPLING.scores.sum()
    for number in range(passes):
        drawn = uses[uses[:, 0] == number]
        counts = np.bincount(drawn[:, 1] - 10, minlength=n)
        assert np.all(np.abs(counts - expected) < 1)
        assert len({tuple(row) for row in drawn}) == n  # each use is told apart
    weights = [SAMPLING.weight(index) for index in uses[:, 1]]
    assert np.mean(weights) == pytest.approx(1, abs=0.02)
    assert max(weights) <= 2
    held = HELD[uses[:, 1] - 10]
    assert held.mean() > 2 * HELD.mean()
    assert np.mean(weights * held) == pytest.approx(HELD.mean(), rel=0.05)


def test_places_with_more_target_are_preferred_and_weighted_down():
    target = np.zeros((32, 32), np.uint8)
    target[:8, :8] = 200
    window, results = Window(8), []
    for key in range(1200):
        (y, x), weight = SAMPLING.place(target, window, (0, key))
        results.append((target[y : y + 8, x : x + 8].mean(), weight))
    held, weights = np.array(results).T
    places = np.lib.stride_tricks.sliding_window_view(target, (8, 8)).mean(axis=(2, 3))
    assert held.mean() > 2 * places.mean()
    assert np.mean(held * weights) == pytest.approx(places.mean(), rel=0.1)
    assert weights.max() <= CANDIDATES * 200  # and never infinite


def test_the_batches_of_a_sampled_epoch(store):
    """Equal for equal seeds, in parts of an epoch, too; with weights beside the patches."""
    sampling = learn_sampling(store, ["g0"])
    assert sampling is not None
    order = Order(batch_size=2, seed=3, epoch=1, steps=3)
    options = {"window": Window(24, 4), "sampling": sampling}
    whole = list(make_dataset(store, ["g0"], order, **options))
    late = list(make_dataset(store, ["g0"], replace(order, first_step=2), **options))
    for inputs, target, places in whole:
        assert (inputs.shape, target.shape) == ((2, 24, 24, 2), (2, 16, 16, 1))
        assert places["weight"].shape == (2,)
        assert float(min(places["weight"])) > 0
    np.testing.assert_array_equal(late[0][0], whole[2][0])
    np.testing.assert_array_equal(late[0][2]["weight"], whole[2][2]["weight"])
