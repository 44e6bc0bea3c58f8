"""Bytes that pass through a network, against counting by hand."""

from typing import Any

import keras
import pytest
from keras import layers

from hrpn_tf.errors import ModelGraphError
from hrpn_tf.models.build import build_model
from hrpn_tf.models.presets import list_presets
from hrpn_tf.models.traffic import least_traffic, sized_calls, tensor_bytes
from hrpn_tf.training.runtime import dtype_policy

PIXELS = 2 * 8 * 16  # of two images of 8 x 16 px


def network(body: Any, dtype: str = "float32") -> keras.Model:
    x = keras.Input((None, None, 3), dtype=dtype)
    return keras.Model(x, body(x))


def test_a_convolution_reads_its_input_and_weights_and_writes_its_output() -> None:
    model = network(layers.Conv2D(5, 3, padding="same"))
    assert least_traffic(model, 2, 8, 16) == 4 * (PIXELS * (3 + 5) + 9 * 3 * 5 + 5)


def test_half_types_are_half_the_bytes() -> None:
    with dtype_policy("mixed_bfloat16"):
        model = network(layers.Conv2D(5, 3, padding="same", use_bias=False), "bfloat16")
    assert least_traffic(model, 2, 8, 16) == 2 * (PIXELS * (3 + 5) + 9 * 3 * 5)


def test_what_works_pixel_by_pixel_is_done_on_the_way() -> None:
    def body(x: Any) -> Any:
        return layers.ReLU()(layers.BatchNormalization()(layers.ZeroPadding2D(1)(x)))

    assert least_traffic(network(body), 2, 8, 16) == 0


def test_a_sum_reads_its_other_term_and_a_concatenation_nothing() -> None:
    def added(x: Any) -> Any:
        return layers.Add()([layers.Identity()(x), x])

    def joined(x: Any) -> Any:
        return layers.Concatenate()([layers.Identity()(x), x])

    assert least_traffic(network(added), 2, 8, 16) == 4 * PIXELS * 3
    assert least_traffic(network(joined), 2, 8, 16) == 0


def test_a_grouped_convolution_is_a_convolution() -> None:
    model = network(layers.Conv2D(3, 1, groups=3, use_bias=False))
    assert least_traffic(model, 2, 8, 16) == 4 * (PIXELS * 6 + 3)


def test_nested_models_are_opened() -> None:
    inner = keras.Sequential([keras.Input((None, None, 3)), layers.MaxPooling2D(2)])
    model = network(lambda x: layers.UpSampling2D(2)(inner(x)))
    names = [type(call.operation).__name__ for call in sized_calls(model, 2, 8, 16)]
    assert names == ["MaxPooling2D", "UpSampling2D"]
    assert least_traffic(model, 2, 8, 16) == 4 * 2 * (PIXELS + PIXELS // 4) * 3


def test_calls_share_the_tensors_that_pass_between_them() -> None:
    model = network(lambda x: layers.ReLU()(layers.Conv2D(4, 3)(x)))
    first, second = sized_calls(model, 1, 8, 8)
    assert second.inputs[0] is first.outputs[0]
    assert first.outputs[0].shape == (1, 6, 6, 4)


@pytest.mark.parametrize("preset", [preset.name for preset in list_presets()])
def test_every_preset_has_a_size(preset: str) -> None:
    model = build_model(preset, inputs=2)
    last = sized_calls(model, 1, 256, 256)[-1]
    assert last.outputs[0].shape == (1, 256, 256, 1)
    assert tensor_bytes(last.outputs[0]) == 4 * 256 * 256
    assert least_traffic(model, 2, 256, 256) > least_traffic(model, 1, 256, 256)


def test_a_type_without_a_rule_is_an_error() -> None:
    with pytest.raises(ModelGraphError, match="Permute"):
        least_traffic(network(layers.Permute((2, 1, 3))), 1, 8, 8)
