"""Heads and the layer of bounds: order, the network that stays as it is, cost, saving."""

from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hrpn_tf.errors import ModelGraphError
from hrpn_tf.models.build import build_model
from hrpn_tf.models.graph import count_macs, receptive_field, stride_multiple
from hrpn_tf.models.intervals import (
    HEAD,
    add_interval_heads,
    bounds_of,
    with_factors,
    with_spreads,
)
from hrpn_tf.models.layers import IntervalBounds
from hrpn_tf.models.scaling import Scaling

SCALING = Scaling((7.0, 20.0), (8.0, 30.0), 4.7, (240.0, 250.0), 90.0)
FLOATS = st.floats(-1e4, 1e4, width=32, allow_subnormal=False)  # which TensorFlow takes as 0


def with_random_heads(preset: str) -> tuple[keras.Model, keras.Model]:
    """A network, and the same with heads that are not trained but not zero either."""
    keras.utils.set_random_seed(0)
    network = build_model(preset, inputs=2, scaling=SCALING)
    model = add_interval_heads(network, unit=2.0)
    head = model.get_layer(HEAD)
    rng = np.random.default_rng(1)
    head.set_weights([rng.normal(0, 0.3, w.shape) for w in head.get_weights()])
    return network, model


def image(side: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 200, (2, side, side, 2)).astype(np.float32)


@pytest.mark.parametrize("preset", ["hrpn-s", "ganda"])
def test_the_prediction_stays_and_bounds_cannot_cross(preset: str) -> None:
    network, model = with_random_heads(preset)
    x = image(64)
    before = network(x, training=False).numpy()
    mean, lower, upper = np.split(model(x, training=False).numpy(), 3, axis=-1)
    assert np.array_equal(mean, before)
    assert (lower <= mean).all()
    assert (mean <= upper).all()
    assert (lower >= np.minimum(mean, 0)).all()
    assert np.ptp(upper - mean) > 0
    names = {v.path.split("/")[0] for v in model.trainable_variables}
    assert names == {HEAD}
    assert stride_multiple(model) == stride_multiple(network)
    assert receptive_field(model) == receptive_field(network)


@pytest.mark.parametrize("preset", ["hrpn-s", "hrpn-m", "ganda"])
def test_heads_cost_little(preset: str) -> None:
    network = build_model(preset, inputs=2, scaling=SCALING)
    model = add_interval_heads(network, unit=1.0)
    assert 1 < count_macs(model, 512, 512) / count_macs(network, 512, 512) <= 1.05


def test_a_network_whose_end_is_a_sum() -> None:
    grey = keras.Input((None, None, 2))
    one, two = (keras.layers.Conv2D(1, 1)(grey) for _ in range(2))
    y = keras.layers.Rescaling(3.0)(keras.layers.Add()([one, two]))
    model = add_interval_heads(keras.Model(grey, y), 1.0)
    assert model.output_shape == (None, None, None, 3)
    assert model.get_layer(HEAD).kernel.shape == (1, 1, 1, 2)


@given(
    mean=arrays(np.float32, (1, 3, 4, 1), elements=FLOATS),
    spreads=arrays(
        np.float32, (1, 3, 4, 2), elements=st.floats(-1, 1e4, width=32, allow_subnormal=False)
    ),
    factors=st.lists(st.floats(0, 50, width=32, allow_subnormal=False), min_size=1, max_size=4),
    unit=st.floats(2.0**-7, 100, width=32),
)
@settings(max_examples=40, deadline=None)
def test_bounds_are_those_of_the_formula(
    mean: np.ndarray, spreads: np.ndarray, factors: list[float], unit: float
) -> None:
    edges = [10.0 * i for i in range(len(factors) - 1)]
    found = np.asarray(IntervalBounds(unit, edges, factors)([mean, spreads]))[0]
    factor = np.array(factors)[np.digitize(mean[0, ..., 0], edges)]
    widths = unit * factor[..., None] * (spreads[0].astype(float) + 1.001)
    lower = np.maximum(mean[0, ..., 0] - widths[..., 0], np.minimum(mean[0, ..., 0], 0))
    # factors are sums of their differences, so the largest one decides the rounding
    most = unit * max(factors) * len(factors) * (spreads[0].sum(-1) + 3)
    size = np.abs(mean[0, ..., 0]) + most + 1e-30
    assert np.array_equal(found[..., 0], mean[0, ..., 0])
    assert (np.abs(found[..., 1] - lower) <= 1e-5 * size).all()
    assert (np.abs(found[..., 2] - mean[0, ..., 0] - widths[..., 1]) <= 1e-5 * size).all()


def test_a_calibrated_network_is_saved_with_its_factors(tmp_path: Path) -> None:
    _, model = with_random_heads("hrpn-s")
    final = with_factors(model, (3.0, 8.0), (1.5, 1.0, 0.5))
    final.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert bounds_of(loaded).factors == [1.5, 1.0, 0.5]
    x = image(32)
    assert np.array_equal(loaded(x).numpy(), final(x).numpy())


def test_spreads_are_what_factors_multiply() -> None:
    _, model = with_random_heads("hrpn-s")
    x = image(32)
    mean, below, above = np.moveaxis(with_spreads(model, bounds=False)(x).numpy(), -1, 0)
    final = with_spreads(with_factors(model, (), (3.0,)), bounds=True)
    both = np.moveaxis(final(x).numpy(), -1, 0)
    np.testing.assert_array_equal(both[[0, 3, 4]], [mean, below, above])
    np.testing.assert_allclose(both[1], np.maximum(mean - 3 * below, 0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(both[2], mean + 3 * above, rtol=1e-5)


def test_networks_that_cannot_have_intervals() -> None:
    with pytest.raises(ModelGraphError, match="one output channel, not 2"):
        add_interval_heads(build_model("hrpn-s", inputs=2, outputs=2), 1.0)
    with pytest.raises(ModelGraphError, match="no prediction intervals"):
        bounds_of(build_model("hrpn-s", inputs=2))
    with pytest.raises(ValueError, match="ascend"):
        IntervalBounds(1.0, [2.0, 2.0], [1.0, 1.0, 1.0])
