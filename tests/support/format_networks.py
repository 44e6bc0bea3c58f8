"""Networks, contracts and images that the tests of the formats share."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import keras
import numpy as np
import pytest
from hrpn_export import Contract
from hrpn_export.formats.onnx.exporter import to_onnx
from keras import layers

from hrpn_tf.models.build import build_model
from hrpn_tf.models.graph import receptive_field, stride_multiple
from hrpn_tf.models.scaling import Scaling

# The large ones take longest to convert.
PRESETS = (
    "hrpn-s",
    "hrpn-m",
    pytest.param("ganda", marks=pytest.mark.slow),
    pytest.param("hrpn-published", marks=pytest.mark.nightly),
)
SHAPES = ((1, 64, 96), (3, 96, 64), (1, 128, 160))  # batch, height, width


def tiny(grey_max: float = 255.0) -> tuple[keras.Model, Contract]:
    """Strides both ways, addition and batch normalisation, in five convolutions."""
    keras.utils.set_random_seed(0)
    unit = grey_max / 255
    x = grey_levels = keras.Input((None, None, 2))
    x = full = _convolve(layers.Rescaling(1 / (64 * unit))(x), 4)
    x = layers.Conv2DTranspose(4, 2, strides=2)(_convolve(x, 4, stride=2))
    x = _convolve(layers.Add()([full, x]), 4)
    x = layers.Activation("softplus")(layers.Conv2D(1, 1, name="head")(x))
    model = keras.Model(grey_levels, layers.Rescaling(8 * unit)(x), name="tiny")
    as_if_trained(model)
    return model, Contract(("vessels", "nuclei"), ("qd",), 0.5, 2, 15, True, grey_max)


@cache
def preset(name: str, grey_max: float = 255.0) -> tuple[keras.Model, Contract]:
    """A preset of the project with two inputs, its batch normalisation no longer the identity."""
    keras.utils.set_random_seed(0)
    k = grey_max / 255
    scaling = Scaling((20 * k, 30 * k), (25 * k, 35 * k), 12 * k, (grey_max,) * 2, grey_max)
    model = build_model(name, 2, 1, scaling)
    as_if_trained(model)
    reach = receptive_field(model)
    multiple = stride_multiple(model)
    return model, Contract(
        ("vessels", "nuclei"), ("qd",), 0.5, multiple, reach, reach is not None, grey_max
    )


@cache
def answer(name: str, shape: tuple[int, int, int]) -> np.ndarray:
    """What a preset gives for ``images(shape)``; the large ones take seconds."""
    model, _ = preset(name)
    result: np.ndarray = model(images(shape)).numpy()
    result.flags.writeable = False
    return result


@cache
def preset_graph(name: str) -> bytes:
    """The float32 ONNX graph of a preset, which takes seconds to make."""
    model, contract = preset(name)
    graph: bytes = to_onnx(model, 2, multiple=contract.stride_multiple).SerializeToString()
    return graph


def as_if_trained(model: keras.Model) -> None:
    """Statistics and biases that a converter cannot fold away as zeros and ones."""
    random = np.random.default_rng(0)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            shape = layer.gamma.shape
            layer.gamma.assign(random.uniform(0.7, 1.3, shape))
            layer.beta.assign(random.normal(0, 0.2, shape))
            layer.moving_mean.assign(random.normal(0, 0.2, shape))
            layer.moving_variance.assign(random.uniform(0.5, 1.5, shape))
        elif isinstance(layer, layers.Conv2D) and layer.bias is not None:
            layer.bias.assign(random.normal(0, 0.1, layer.bias.shape))


def images(shape: tuple[int, int, int], grey_max: float = 255.0, seed: int = 1) -> np.ndarray:
    """Smooth blobs and noise (N, H, W, 2), whole grey levels up to the largest."""
    random = np.random.default_rng(seed)
    batch, height, width = shape
    coarse = random.gamma(0.5, 1.0, (batch, -(-height // 8), -(-width // 8), 2))
    smooth = coarse.repeat(8, 1).repeat(8, 2)[:, :height, :width]
    noisy = smooth / smooth.max() * grey_max + random.normal(0, grey_max / 100, smooth.shape)
    return np.clip(np.round(noisy), 0, grey_max).astype(np.float32)


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """What is built within computes under this Keras policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _convolve(x: keras.KerasTensor, width: int, stride: int = 1) -> keras.KerasTensor:
    x = layers.Conv2D(width, 3, stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))
