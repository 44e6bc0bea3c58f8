"""Every preset keeps what DESIGN promises of a model; a new one is tested by being listed."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
from model_checks import as_graph, grey_levels, measured_field

from hrpn_tf.errors import ConfigError
from hrpn_tf.models.build import build_model
from hrpn_tf.models.graph import receptive_field, stride_multiple
from hrpn_tf.models.presets import find_preset, list_presets
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.training.runtime import dtype_policy

LINEAR_OUTPUT = {"hrpn-published"}  # all others promise values that are not negative
SCALING = Scaling(input_mean=(30.0, 60.0), input_std=(20.0, 40.0), target_scale=4.0)


@cache
def scaled_model(name: str) -> keras.Model:
    """Built once; a test that changes weights builds its own."""
    return build_model(name, inputs=2, scaling=SCALING)


presets = pytest.mark.parametrize("name", [preset.name for preset in list_presets()])


@presets
def test_takes_any_multiple_of_the_stride_in_one_graph(name: str) -> None:
    model = scaled_model(name)
    run, multiple = as_graph(model), stride_multiple(model)
    for height, width in ((multiple, 2 * multiple), (3 * multiple, multiple)):
        batch = grey_levels(height, width, inputs=2)
        predicted = run(batch).numpy()
        assert predicted.shape == (2, height, width, 1)
        np.testing.assert_allclose(predicted, model(batch, training=False), rtol=1e-4, atol=1e-4)


@presets
def test_takes_other_numbers_of_channels(name: str) -> None:
    model = build_model(name, inputs=3, outputs=2)
    side = stride_multiple(model)
    assert model(grey_levels(side, side, inputs=3)).shape == (2, side, side, 2)


@presets
def test_loads_as_saved(name: str, tmp_path: Path) -> None:
    model = scaled_model(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    batch = grey_levels(32, 64, inputs=2)
    np.testing.assert_array_equal(loaded(batch, training=False), model(batch, training=False))


@presets
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_gives_finite_float32_in_mixed_precision(name: str, policy: str) -> None:
    with dtype_policy(policy):
        model = build_model(name, inputs=2, scaling=Scaling((3e4, 3e4), (2e4, 2e4), 1e4))
    side = stride_multiple(model)
    batch = 255 * grey_levels(side, side, inputs=2)  # 16-bit grey levels do not fit float16
    predicted = model(batch).numpy()
    assert model.inputs[0].dtype == predicted.dtype == "float32"
    assert name in LINEAR_OUTPUT or np.isfinite(predicted).all()


@presets
def test_output_is_not_negative(name: str) -> None:
    if name in LINEAR_OUTPUT:
        pytest.skip("promises nothing")
    model = build_model(name, inputs=2, scaling=SCALING)
    for variable in model.weights:  # batch statistics and biases too: any network it could become
        spread = np.random.default_rng(1).normal(0, 0.3, variable.shape)
        variable.assign(np.abs(spread) if variable.name == "moving_variance" else spread)
    assert model(grey_levels(64, 64, inputs=2), training=False).numpy().min() >= 0


@presets
def test_receptive_field_is_the_measured_one(name: str) -> None:
    field, multiple = receptive_field(scaled_model(name)), stride_multiple(scaled_model(name))
    if field is None:
        pytest.skip("depends on the whole input")
    with dtype_policy("float64"):
        model = build_model(name, inputs=2)
    assert measured_field(model, period=multiple, reach=field // 2, axes=(2,)) == field


@presets
def test_scaling_becomes_layers(name: str) -> None:
    """Scaled outside or inside the model is the same; a preset on raw grey levels ignores it."""
    raw, scaled = build_model(name, inputs=2), scaled_model(name)
    raw.set_weights(scaled.get_weights())
    batch = grey_levels(32, 64, inputs=2)
    expected = raw(batch, training=False)
    if find_preset(name).scaled:
        mean, std = np.array(SCALING.input_mean), np.array(SCALING.input_std)
        outside = np.log1p(batch / std) - np.log1p(mean / std)
        expected = SCALING.target_scale * raw(outside.astype("float32"), training=False)
    np.testing.assert_allclose(
        scaled(batch, training=False), expected, rtol=1e-4, atol=1e-4 * np.std(expected)
    )


PREDICT_ON_PYTORCH = """
import keras, numpy, pathlib, hrpn_tf.models.layers
assert keras.backend.backend() == "torch"
for path in pathlib.Path().glob("*.keras"):
    model = keras.saving.load_model(path)
    numpy.save(path.with_suffix(".npy"), model.predict(numpy.load("input"), verbose=0))
"""


@pytest.mark.slow
def test_same_answers_on_another_backend(tmp_path: Path) -> None:
    """Nothing but Keras operations in the forward pass: it runs on PyTorch too."""
    pytest.importorskip("torch")
    batch = grey_levels(64, 96, inputs=2)
    with (tmp_path / "input").open("wb") as file:
        np.save(file, batch)
    for preset in list_presets():
        scaled_model(preset.name).save(tmp_path / f"{preset.name}.keras")
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    command = [sys.executable, "-c", PREDICT_ON_PYTORCH]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    for preset in list_presets():
        expected = scaled_model(preset.name)(batch, training=False).numpy()
        found = np.load(tmp_path / f"{preset.name}.npy")
        np.testing.assert_allclose(found, expected, atol=1e-4 * expected.std(), rtol=0)


def test_unknown_preset_names_the_near_one() -> None:
    with pytest.raises(ConfigError, match="did you mean hrpn-published"):
        find_preset("hrpn-publshed")


def test_names_are_unique() -> None:
    assert all(find_preset(preset.name) is preset for preset in list_presets())


@pytest.mark.parametrize(
    ("inputs", "outputs", "match"),
    [(0, 1, "at least one"), (2, 0, "at least one"), (3, 1, "scaling is of 2 channels")],
)
def test_refuses_wrong_numbers_of_channels(inputs: int, outputs: int, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        build_model("hrpn-published", inputs, outputs, SCALING)


@pytest.mark.parametrize(
    ("mean", "std", "target", "match"),
    [
        ((1.0,), (1.0, 2.0), 1.0, "1 means but 2 deviations"),
        ((1.0,), (0.0,), 1.0, "constant"),
        ((1.0,), (float("nan"),), 1.0, "constant"),
        ((1.0,), (1.0,), 0.0, "constant"),
    ],
)
def test_impossible_scaling_is_refused(
    mean: tuple[float, ...], std: tuple[float, ...], target: float, match: str
) -> None:
    with pytest.raises(ConfigError, match=match):
        Scaling(mean, std, target)
