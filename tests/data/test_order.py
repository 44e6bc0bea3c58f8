"""The order of patches: no gaps, every patch as often as the others, shares that join."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpn_tf.data.order import Order
from hrpn_tf.errors import ConfigError


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 5), st.integers(1, 15))
def test_steps_continue_over_passes_without_a_gap(n, batch, epochs, steps):
    indices = np.arange(100, 100 + n)
    order = Order(batch, seed=7, steps=steps)
    stream = np.concatenate([replace(order, epoch=k).uses(indices) for k in range(epochs + 1)])
    assert len(stream) == (epochs + 1) * steps * batch
    for start in range(0, len(stream) - n + 1, n):
        one_pass = stream[start : start + n]
        assert sorted(one_pass[:, 1]) == indices.tolist()
        assert set(one_pass[:, 0]) == {start // n}


@given(st.integers(1, 40), st.integers(1, 12))
def test_one_pass_drops_only_the_partial_batch(n, batch):
    uses = Order(batch, seed=7, epoch=2).uses(np.arange(n))
    assert len(uses) == (n // batch * batch or n)
    assert len(set(uses[:, 1])) == len(uses)


def test_order_does_not_follow_storage():
    order = Order(10).uses(np.arange(1000))[:, 1]
    assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.1


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 6), st.integers(0, 5), st.booleans())
def test_the_shares_of_all_processes_are_the_batches_that_are_left(
    processes, part, steps, first, shuffle
):
    order = Order(processes * part, shuffle=shuffle, first_step=min(first, steps - 1))
    indices = np.arange(steps * order.batch_size)
    parts = [replace(order, share=(k, processes)) for k in range(processes)]
    got = [each.part(each.uses(indices)) for each in parts]
    left = order.part(order.uses(indices))
    assert len(left) == (steps - order.first_step) * order.batch_size
    if shuffle:
        assert all(each.batch == part for each in parts)
        batches = [each.reshape(-1, part, 2) for each in got]
        np.testing.assert_array_equal(np.concatenate(batches, axis=1).reshape(-1, 2), left)
    else:
        np.testing.assert_array_equal(np.stack(got, axis=1).reshape(-1, 2), left)


def test_steps_of_an_order_of_storage_are_refused():
    with pytest.raises(ConfigError, match="for shuffled batches"):
        Order(4, shuffle=False, steps=3)
