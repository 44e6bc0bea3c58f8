"""Every preset keeps what DESIGN promises of a model; a new one is tested by being listed."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from support.model_checks import as_graph, grey_levels, measured_field, smooth

from hrpn_tf.errors import ConfigError
from hrpn_tf.models.build import build_model
from hrpn_tf.models.graph import receptive_field, stride_multiple
from hrpn_tf.models.presets import Preset, find_preset, list_presets
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.training.runtime import dtype_policy

LINEAR_OUTPUT = {"hrpn-published"}  # all others promise values that are not negative
THIN: Mapping[str, Mapping[str, Any]] = {"pix2pix": {"filters": 8}}  # 54 million weights are slow
SCALING = Scaling(
    input_mean=(30.0, 60.0),
    input_std=(20.0, 40.0),
    target_scale=4.0,
    input_peak=(255.0, 250.0),
    target_peak=60.0,
)
SIXTEEN_BITS = Scaling((3e4, 3e4), (2e4, 2e4), 1e4, (6.5e4, 6.5e4), 6.5e4)


def thin(name: str) -> Preset:
    """The preset; a large one with fewer channels, which changes nothing that is tested here."""
    preset = find_preset(name)
    return replace(preset, arguments=THIN.get(name, preset.arguments))


@cache
def scaled_model(name: str) -> keras.Model:
    """Built once; a test that changes weights builds its own."""
    return build_model(thin(name), inputs=2, scaling=SCALING)


def batch_for(name: str, inputs: int = 2) -> np.ndarray:
    """Two images of a size that the preset takes."""
    multiple = stride_multiple(scaled_model(name))
    return grey_levels(max(32, multiple), max(64, multiple), inputs)


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
    batch = batch_for(name, inputs=3)
    model = build_model(thin(name), inputs=3, outputs=2)
    assert model(batch).shape == (*batch.shape[:3], 2)


@presets
def test_loads_as_saved(name: str, tmp_path: Path) -> None:
    model = scaled_model(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    batch = batch_for(name)
    np.testing.assert_array_equal(loaded(batch, training=False), model(batch, training=False))


@presets
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_gives_finite_float32_in_mixed_precision(name: str, policy: str) -> None:
    with dtype_policy(policy):
        model = build_model(thin(name), inputs=2, scaling=SIXTEEN_BITS)
    batch = 255 * batch_for(name)[:, :, :256]  # 16-bit grey levels do not fit float16
    predicted = model(batch).numpy()
    assert model.inputs[0].dtype == predicted.dtype == "float32"
    assert name in LINEAR_OUTPUT or np.isfinite(predicted).all()


@presets
def test_output_is_not_negative(name: str) -> None:
    if name in LINEAR_OUTPUT:
        pytest.skip("promises nothing")
    model = build_model(thin(name), inputs=2, scaling=SCALING)
    for variable in model.weights:  # batch statistics and biases too: any network it could become
        spread = np.random.default_rng(1).normal(0, 0.3, variable.shape)
        variable.assign(np.abs(spread) if variable.name == "moving_variance" else spread)
    predicted = model(batch_for(name), training=False).numpy()
    assert predicted.min() >= 0
    if find_preset(name).scaling == "symmetric":
        assert predicted.max() <= SCALING.target_peak


@presets
def test_receptive_field_is_the_measured_one(name: str) -> None:
    field, multiple = receptive_field(scaled_model(name)), stride_multiple(scaled_model(name))
    if field is None:
        pytest.skip("depends on the whole input")
    with dtype_policy("float64"):
        model = smooth(build_model(name, inputs=2))
    assert measured_field(model, period=multiple, reach=field // 2, axes=(2,)) == field


@presets
def test_scaling_becomes_layers(name: str) -> None:
    """Scaled outside or inside the model is the same; a preset on raw grey levels ignores it."""
    raw, scaled = build_model(thin(name), inputs=2), scaled_model(name)
    raw.set_weights(scaled.get_weights())
    batch = batch_for(name)
    match find_preset(name).scaling:
        case "log":
            mean, std = np.array(SCALING.input_mean), np.array(SCALING.input_std)
            outside = np.log1p(batch / std) - np.log1p(mean / std)
            expected = SCALING.target_scale * raw(outside.astype("float32"), training=False)
        case "symmetric":
            outside = 2 * batch / np.array(SCALING.input_peak) - 1
            expected = 30 * (1 + raw(outside.astype("float32"), training=False))
        case "none":
            expected = raw(batch, training=False)
    np.testing.assert_allclose(
        scaled(batch, training=False), expected, rtol=1e-4, atol=1e-4 * np.std(expected)
    )


PREDICT_ON_PYTORCH = """
import keras, numpy, pathlib, hrpn_tf.models.layers
assert keras.backend.backend() == "torch"
for path in pathlib.Path().glob("*.keras"):
    model = keras.saving.load_model(path)
    batch = numpy.load(path.with_suffix(".input.npy"))
    numpy.save(path.with_suffix(".output.npy"), model.predict(batch, verbose=0))
"""


@pytest.mark.slow
def test_same_answers_on_another_backend(tmp_path: Path) -> None:
    """Nothing but Keras operations in the forward pass: it runs on PyTorch too."""
    pytest.importorskip("torch")
    names = [preset.name for preset in list_presets()]
    for name in names:
        scaled_model(name).save(tmp_path / f"{name}.keras")
        np.save(tmp_path / f"{name}.input.npy", batch_for(name))
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    command = [sys.executable, "-c", PREDICT_ON_PYTORCH]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    for name in names:
        expected = scaled_model(name)(batch_for(name), training=False).numpy()
        found = np.load(tmp_path / f"{name}.output.npy")
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
