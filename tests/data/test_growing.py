"""Which slides and patches an epoch uses while slides are still being made."""

import numpy as np
import pytest

from hrpn_tf.data.growing import fresh_uses, slides_at
from hrpn_tf.data.simulated import SlidePlan


@pytest.mark.parametrize(
    ("epochs", "first", "slides"), [(1, 4, 9), (5, 2, 10), (3, 7, 7), (9, 1, 4)]
)
def test_an_epoch_uses_at_least_the_slides_of_the_one_before(epochs, first, slides):
    plan = SlidePlan(training=slides, validation=2, first=first)
    numbers = [slides_at(epoch, epochs, plan) for epoch in range(epochs)]
    assert numbers == sorted(numbers)
    assert numbers[-1] == slides
    assert numbers[0] == (first if epochs > 1 else slides)
    steps = np.diff(numbers)
    assert len(steps) == 0 or steps.max() - steps.min() <= 1


def test_fresh_patches_come_first_and_none_twice_before_all_have_come_once():
    new, old = np.arange(10, 16), np.arange(3, 10)
    few = fresh_uses(new, old, 8, seed=1, epoch=2)
    assert few.shape == (8, 2)
    assert set(new) < set(few[:, 1]) <= {*new, *old}
    assert len(set(few[:, 1])) == 8

    many = fresh_uses(new, old, 30, seed=1, epoch=2)
    counts = np.bincount(many[:, 1], minlength=16)[3:]
    assert set(counts) <= {2, 3}
    assert counts.sum() == 30
    assert len({tuple(use) for use in many.tolist()}) == 30  # never the same change twice


def test_uses_depend_on_seed_and_epoch_alone():
    new, old = np.arange(4), np.arange(4, 9)
    again = [fresh_uses(new, old, 6, seed, epoch) for seed, epoch in [(0, 0), (0, 0), (1, 0)]]
    assert (again[0] == again[1]).all()
    assert (again[0] != again[2]).any()
    later = fresh_uses(new, old, 20, 0, 1)
    assert not set(later[:, 0]) & set(fresh_uses(new, old, 20, 0, 0)[:, 0])


def test_an_epoch_that_is_shorter_than_its_new_patches_uses_new_ones_only():
    uses = fresh_uses(np.arange(50), np.arange(50, 60), 12, 0, 0)
    assert uses[:, 1].max() < 50
    assert len(set(uses[:, 1])) == 12
