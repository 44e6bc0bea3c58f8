"""What the graph says about a network against what the network does."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from support.model_checks import measured_field

from hrpn_tf.errors import ModelGraphError
from hrpn_tf.models.graph import count_macs, macs_by_layer, receptive_field, stride_multiple
from hrpn_tf.models.layers import AlignedUpsample, Upsample
from hrpn_tf.training.runtime import dtype_policy

Part = Callable[[Any], Any]
WIDTH = 4

SAME_SIZE: dict[str, Part] = {
    "3x3": lambda x: layers.Conv2D(WIDTH, 3, padding="same")(x),
    "1x5": lambda x: layers.Conv2D(WIDTH, (1, 5), padding="same")(x),
    "2x2": lambda x: layers.Conv2D(WIDTH, 2, padding="same")(x),
    "dilated": lambda x: layers.Conv2D(WIDTH, 3, dilation_rate=3, padding="same")(x),
    "depthwise": lambda x: layers.DepthwiseConv2D(3, padding="same")(x),
    "separable": lambda x: layers.SeparableConv2D(WIDTH, 5, padding="same")(x),
    "padded": lambda x: layers.Conv2D(WIDTH, 3)(layers.ZeroPadding2D(1)(x)),
    "cropped": lambda x: layers.Cropping2D(((1, 0), (0, 1)))(
        layers.Conv2D(WIDTH, 2)(layers.ZeroPadding2D(1)(x))
    ),
    "smoothed": lambda x: layers.AveragePooling2D(3, strides=1, padding="same")(x),
    "dropped": lambda x: layers.Dropout(0.5)(layers.LeakyReLU(0.2)(x)),
    "normalised": lambda x: layers.ReLU()(layers.BatchNormalization()(x)),
}
DOWN: dict[str, tuple[int, Part]] = {
    "3x3 / 2": (2, lambda x: layers.Conv2D(WIDTH, 3, strides=2, padding="same")(x)),
    "3x3 / 2, padded": (
        2,
        lambda x: layers.Conv2D(WIDTH, 3, strides=2)(layers.ZeroPadding2D(1)(x)),
    ),
    "5x5 / 4": (4, lambda x: layers.Conv2D(WIDTH, 5, strides=4, padding="same")(x)),
    "pooling / 2": (2, lambda x: layers.AveragePooling2D(2)(x)),
}
UP: dict[str, Callable[[int], Part]] = {
    "bilinear": lambda f: lambda x: Upsample(f)(x),
    "keras bilinear": lambda f: lambda x: layers.UpSampling2D(f, interpolation="bilinear")(x),
    "nearest": lambda f: lambda x: layers.UpSampling2D(f)(x),
    "transposed": lambda f: lambda x: layers.Conv2DTranspose(WIDTH, f, strides=f)(x),
    "transposed, odd": lambda f: (
        lambda x: layers.Conv2DTranspose(WIDTH, f + 1, strides=f, padding="same")(x)
    ),
    "transposed, wide": lambda f: (
        lambda x: layers.Conv2DTranspose(WIDTH, 2 * f, strides=f, padding="same")(x)
    ),
}

chains = st.lists(st.sampled_from(sorted(SAME_SIZE)), max_size=2)
scales = st.lists(
    st.tuples(chains, st.sampled_from(sorted(DOWN)), chains, st.sampled_from(sorted(UP))),
    max_size=2,
)


def network(body: Part, inputs: int = 2) -> keras.Model:
    x = keras.Input((None, None, inputs))
    return keras.Model(x, body(x))


def nested(x: Any, parts: list[tuple[list[str], str, list[str], str]]) -> Any:
    """Around each scale: its chain, down, the scales below, its other chain, up, and add."""
    x = layers.Dense(WIDTH)(x)
    if not parts:
        return x
    (before, down, after, up), *below = parts
    for name in before:
        x = SAME_SIZE[name](x)
    factor, shrink = DOWN[down]
    y = nested(shrink(x), below)
    for name in after:
        y = SAME_SIZE[name](y)
    y = UP[up](factor)(y)
    return layers.Add()([layers.Dense(WIDTH)(x), layers.Dense(WIDTH)(y)])


@settings(deadline=None, max_examples=8, derandomize=True)
@given(scales)
def test_receptive_field_of_random_networks(
    parts: list[tuple[list[str], str, list[str], str]],
) -> None:
    with dtype_policy("float64"):
        model = network(lambda x: nested(x, parts))
    period = int(np.prod([DOWN[down][0] for _, down, _, _ in parts]))
    assert stride_multiple(model) == period
    field = receptive_field(model)
    assert field is not None
    assert measured_field(model, period, reach=field) == field


@pytest.mark.parametrize("name", sorted(SAME_SIZE))
def test_receptive_field_of_each_layer(name: str) -> None:
    with dtype_policy("float64"):
        model = network(SAME_SIZE[name])
    assert measured_field(model, period=1, reach=9) == receptive_field(model)


@pytest.mark.parametrize("up", sorted(UP))
@pytest.mark.parametrize("down", sorted(DOWN))
def test_receptive_field_of_each_change_of_scale(down: str, up: str) -> None:
    factor, shrink = DOWN[down]
    with dtype_policy("float64"):
        model = network(lambda x: UP[up](factor)(shrink(x)))
    assert stride_multiple(model) == factor
    assert measured_field(model, factor, reach=25) == receptive_field(model)


def test_max_pooling_by_perturbation() -> None:
    """Brightest pixel anywhere in the field shows; it does not one pixel further out."""
    model = network(
        lambda x: layers.UpSampling2D(2)(layers.MaxPooling2D(3, strides=2, padding="same")(x)), 1
    )
    field, seen = receptive_field(model), 0
    for x in range(16, 18):
        for source in range(32):
            image = np.zeros((1, 32, 32, 1), "float32")
            image[0, 16, source] = 1
            if model(image)[0, 16, x, 0] > 0:
                seen = max(seen, abs(source - x))
    assert field == 2 * seen + 1


@pytest.mark.parametrize(
    "body",
    [
        lambda x: AlignedUpsample(2)(layers.AveragePooling2D(2)(x)),
        lambda x: layers.GroupNormalization(1)(x),
        lambda x: layers.GroupNormalization(-1)(x),
        lambda x: layers.LayerNormalization(axis=(1, 2, 3))(x),
        lambda x: layers.Multiply()([x, layers.GlobalAveragePooling2D(keepdims=True)(x)]),
        lambda x: layers.Add()([x, layers.Dense(2)(layers.GlobalMaxPooling2D(keepdims=True)(x))]),
    ],
    ids=["aligned", "group", "instance", "layer", "gate", "global max"],
)
def test_no_receptive_field_where_everything_matters(body: Part) -> None:
    x = keras.Input((8, 8, 2))
    assert receptive_field(keras.Model(x, body(x))) is None


def test_nested_and_shared_models_are_opened() -> None:
    shared = keras.Sequential([keras.Input((None, None, 2)), layers.Conv2D(2, 3, padding="same")])
    inner = network(lambda x: shared(shared(x)))
    model = network(lambda x: layers.Conv2D(1, 3, padding="same")(inner(x) + x))
    assert receptive_field(model) == 7
    assert count_macs(model, 8, 8) == 64 * 9 * (2 * 2 * 2 + 2)


def test_macs_are_half_of_tensorflows_operations() -> None:
    """Against the count of the TensorFlow profiler."""
    model = network(
        lambda x: layers.Dense(3)(
            layers.Conv2DTranspose(4, 3, strides=2, padding="same")(
                layers.SeparableConv2D(6, 3, padding="same", use_bias=False)(
                    layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(
                        layers.Conv2D(8, (3, 5), strides=2, padding="same")(x)
                    )
                )
            )
        )
    )
    options = tf.compat.v1.profiler.ProfileOptionBuilder
    graph = (
        tf.function(lambda x: model(x, training=False))
        .get_concrete_function(tf.TensorSpec((1, 64, 96, 2)))
        .graph
    )
    quiet = options(options.float_operation()).with_empty_output().build()
    counted, node = {}, tf.compat.v1.profiler.profile(graph, cmd="op", options=quiet)
    while node.children:
        node = node.children[0]
        counted[node.name] = node.float_ops
    del counted["BiasAdd"]
    assert count_macs(model, 64, 96) == sum(counted.values()) / 2


def test_shares_name_the_layers() -> None:
    model = network(
        lambda x: layers.Conv2D(1, 1, name="b")(
            layers.Conv2D(4, 3, groups=2, padding="same", name="a")(x)
        )
    )
    assert macs_by_layer(model, 10, 20) == {"a": 200 * 9 * 4, "b": 200 * 4}


class Blur(layers.Conv2D):
    """A subclass may do anything, so its parent's rule must not be taken."""


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (lambda x: Blur(2, 3, name="odd", padding="same")(x), r"layer odd \(Blur\): no rule"),
        (lambda x: layers.Permute((2, 1, 3))(x), "Permute"),
        (lambda x: keras.ops.flip(x, axis=1), "Flip"),
        (lambda x: layers.UpSampling2D(2, interpolation="bicubic")(x), "bicubic"),
        (lambda x: layers.Concatenate(axis=1)([x, x]), "axis 1"),
        (lambda x: layers.Conv2DTranspose(2, 2, strides=3)(x), "smaller than the stride"),
        (lambda x: layers.MaxPooling2D(2, data_format="channels_first")(x), "channels first"),
        (lambda x: layers.Conv2D(1, 3)(x), "not of the input's size"),
    ],
)
def test_what_it_does_not_know_is_an_error(body: Part, match: str) -> None:
    with pytest.raises(ModelGraphError, match=match):
        receptive_field(network(body))


def test_branches_of_different_size_are_an_error() -> None:
    x = keras.Input((8, 8, 2))
    narrow = layers.Conv2D(2, 3, name="narrow")(x)
    model = keras.Model(x, layers.Add(name="sum")([narrow, layers.Cropping2D(1)(x)]))
    assert stride_multiple(model) == 1
    wrong = keras.Model(x, layers.Multiply(name="product")([x, layers.AveragePooling2D(8)(x)]))
    with pytest.raises(ModelGraphError, match="layer product: inputs of different"):
        receptive_field(wrong)


def test_a_side_off_the_multiple_is_an_error() -> None:
    model = network(lambda x: Upsample(4)(layers.Conv2D(1, 4, strides=4)(x)))
    with pytest.raises(ModelGraphError, match="10 x 8 px is not a multiple of 4"):
        count_macs(model, 10, 8)


def test_a_subclassed_model_is_an_error() -> None:
    class Subclassed(keras.Model):
        pass

    with pytest.raises(ModelGraphError, match="expected a functional model"):
        stride_multiple(Subclassed())
