"""The port against the published network itself."""

import keras
import numpy as np
import pytest
from support.published_reference import reference, reference_input, state_dict

from hrpn_tf.models.build import build_model
from hrpn_tf.models.graph import count_macs, macs_by_layer, receptive_field, stride_multiple
from hrpn_tf.models.import_torch import load_state_dict


@pytest.fixture(scope="module")
def model() -> keras.Model:
    model = build_model("hrpn-published", inputs=2)
    load_state_dict(model, state_dict())
    return model


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / expected.std())


def test_output_is_the_published_one(model: keras.Model) -> None:
    expected = reference()["output"]
    assert relative_error(model(reference_input(), training=False).numpy(), expected) < 1e-4


def test_branches_are_the_published_ones(model: keras.Model) -> None:
    layers = [model.get_layer(f"backbone-stage4-0-output{i}") for i in range(4)]
    inner = keras.Model(model.input, [layer.output for layer in layers])
    for i, branch in enumerate(inner(reference_input()[:1], training=False)):
        assert relative_error(branch.numpy(), reference()[f"branch{i}"]) < 1e-4


def test_size_and_cost_are_the_published_ones(model: keras.Model) -> None:
    assert sum(np.prod(v.shape) for v in model.trainable_variables) == 2_176_824
    macs = macs_by_layer(model, 512, 512)
    assert count_macs(model, 512, 512) / 1e9 == pytest.approx(18.2, abs=0.05)
    head = sum(count for name, count in macs.items() if name.startswith("cls_head"))
    assert head / sum(macs.values()) == pytest.approx(0.59, abs=0.005)


def test_depends_on_the_tile_as_published(model: keras.Model) -> None:
    assert stride_multiple(model) == 32
    assert receptive_field(model) is None
