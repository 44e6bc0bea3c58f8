"""Resizing against numpy.interp, space-to-depth against TensorFlow's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpn_tf.models.layers import AlignedUpsample, LogScaling, Upsample

LAYERS = [Upsample(2), Upsample(4), AlignedUpsample(2)]
sides = st.integers(1, 9)


def interpolated(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Separable linear interpolation of (N, H, W, C) at these positions; edges repeat."""
    for axis, positions in ((1, rows), (2, columns)):
        known = np.arange(image.shape[axis])
        image = np.apply_along_axis(lambda v, p=positions, k=known: np.interp(p, k, v), axis, image)
    return image


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, height, width, channels)).astype("float32")


@settings(deadline=None, max_examples=25)
@given(sides, sides, st.sampled_from([2, 4, 6]))
def test_upsample_interpolates_at_half_pixel_centres(height: int, width: int, factor: int) -> None:
    image = noise(height, width)
    rows, columns = ((np.arange(n * factor) + 0.5) / factor - 0.5 for n in (height, width))
    np.testing.assert_allclose(
        Upsample(factor)(image), interpolated(image, rows, columns), atol=1e-5
    )


@settings(deadline=None, max_examples=25)
@given(sides, sides, st.integers(1, 5))
def test_aligned_upsample_keeps_the_corners(height: int, width: int, factor: int) -> None:
    image = noise(height, width)
    rows, columns = (np.linspace(0, n - 1, n * factor) for n in (height, width))
    np.testing.assert_allclose(
        AlignedUpsample(factor)(image), interpolated(image, rows, columns), atol=1e-5
    )


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
class TestEveryLayer:
    def test_free_height_and_width_in_a_graph(self, layer: keras.layers.Layer) -> None:
        signature = tf.TensorSpec((None, None, None, 4), tf.float32)
        run = tf.function(lambda x: layer(x), input_signature=[signature])
        for image in (noise(4, 6, 4), noise(8, 2, 4)):
            np.testing.assert_allclose(run(image), layer(image), atol=1e-6)

    def test_symbolic_shapes_are_the_real_ones(self, layer: keras.layers.Layer) -> None:
        real = layer(noise(4, 6, 4)).shape
        assert layer(keras.Input((4, 6, 4), batch_size=2)).shape == real
        assert layer(keras.Input((None, None, 4))).shape == (None, None, None, real[-1])

    def test_survives_its_configuration(self, layer: keras.layers.Layer) -> None:
        config = keras.saving.serialize_keras_object(layer)
        copy = keras.saving.deserialize_keras_object(config)
        np.testing.assert_array_equal(copy(noise(4, 4, 4)), layer(noise(4, 4, 4)))

    @pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
    def test_half_precision(self, layer: keras.layers.Layer, jit: bool) -> None:
        half = type(layer)(layer.factor, dtype="mixed_bfloat16")
        result = tf.function(half, jit_compile=jit)(tf.constant(noise(4, 6, 4)))
        assert result.dtype == tf.bfloat16
        np.testing.assert_allclose(
            tf.cast(result, tf.float32), layer(noise(4, 6, 4)), rtol=0.02, atol=0.02
        )


def test_log_scaling_of_grey_levels() -> None:
    mean, std = np.array([10.0, 2000.0]), np.array([5.0, 3000.0])
    layer = LogScaling(mean, std)
    levels = np.random.default_rng(0).uniform(0, 65535, (1, 50, 50, 2))
    expected = np.log1p(levels / std) - np.log1p(mean / std)
    np.testing.assert_allclose(layer(levels.astype("float32")), expected, atol=2e-6)
    assert np.abs(layer(mean.reshape(1, 1, 1, 2))).max() < 1e-6
    np.testing.assert_array_equal(layer(-np.ones((1, 1, 1, 2))), layer(np.zeros((1, 1, 1, 2))))
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    np.testing.assert_array_equal(copy(levels), layer(levels))


def test_wrong_factors_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Upsample(0)
    with pytest.raises(ValueError, match="even"):
        Upsample(3)
