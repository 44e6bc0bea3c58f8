"""GANDA and pix2pix are the published networks, and their discriminators see what they should."""

from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers
from support.model_checks import grey_levels

from hrpn_tf.config import TrainingConfig
from hrpn_tf.errors import ConfigError
from hrpn_tf.models.build import build_discriminator, build_model
from hrpn_tf.models.graph import count_macs, stride_multiple
from hrpn_tf.models.presets import Preset, find_preset, list_presets
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.training.runtime import dtype_policy

SCALING = Scaling((30.0, 60.0), (20.0, 40.0), 4.0, (255.0, 250.0), 60.0)
gans = pytest.mark.parametrize("name", ["ganda", "pix2pix"])


@pytest.fixture(scope="module")
def generator() -> keras.Model:
    """The whole U-Net of pix2pix, for colour images."""
    return build_model("pix2pix", inputs=3, outputs=3)


@pytest.fixture(scope="module")
def thin() -> keras.Model:
    """The U-Net of pix2pix with fewer channels."""
    preset = replace(find_preset("pix2pix"), arguments={"filters": 8})
    return build_model(preset, inputs=2, scaling=SCALING)


def pair(side: int = 64) -> list[np.ndarray]:
    """Inputs (2, side, side, 2) and target (2, side, side, 1), grey levels."""
    return [grey_levels(side, side, 2), grey_levels(side, side, 1, seed=1) * (60 / 255)]


def test_gandas_generator_is_as_described() -> None:
    model = build_model("ganda", inputs=2)
    assert model.count_params() == 1_553_857
    assert count_macs(model, 512, 512) / 1e9 == pytest.approx(7.3, abs=0.05)
    assert stride_multiple(model) == 16
    assert build_model("ganda-mse", inputs=2).count_params() == model.count_params()


def test_gandas_discriminator_is_as_described() -> None:
    model = build_discriminator("ganda", inputs=2, outputs=1, side=512, scaling=SCALING)
    assert model.count_params() == 2_831_473
    assert model.output_shape == (None, 1)


def test_pix2pix_is_the_published_one(generator: keras.Model) -> None:
    assert generator.count_params() == 54_413_955
    assert stride_multiple(generator) == 256
    kinds = [type(layer) for layer in generator.layers]
    assert kinds.count(layers.GroupNormalization) == 6 + 7
    assert kinds.count(layers.Dropout) == 3


def test_the_patchgan_is_the_published_one() -> None:
    model = build_discriminator("pix2pix", inputs=3, outputs=3, side=256, scaling=None)
    assert model.count_params() == 2_768_705
    assert model.output_shape == (None, 30, 30, 1)


def test_weights_begin_as_published(generator: keras.Model) -> None:
    kernels = [v for v in generator.weights if v.name == "kernel"]
    assert len({float(keras.ops.sum(kernel)) for kernel in kernels}) == 16  # all drawn apart
    for variable in generator.weights:
        values = keras.ops.convert_to_numpy(variable)
        if variable.name in ("kernel", "gamma"):
            mean = 1.0 if variable.name == "gamma" else 0.0
            assert values.mean() == pytest.approx(mean, abs=0.01)
            assert values.std() == pytest.approx(0.02, rel=0.3)
        else:
            assert not values.any()


def test_strides_pad_one_pixel_on_every_side() -> None:
    """As PyTorch's convolutions with padding 1 do, and the transposed ones are their adjoints."""
    x, y = grey_levels(8, 12, 3), grey_levels(4, 6, 5, seed=1)
    down = layers.Conv2D(5, 4, strides=2, padding="same", use_bias=False)
    shrunk = down(x)
    valid = layers.Conv2D(5, 4, strides=2, use_bias=False)
    valid.build((None, 10, 14, 3))
    valid.set_weights(down.get_weights())
    np.testing.assert_allclose(shrunk, valid(layers.ZeroPadding2D(1)(x)), rtol=1e-4, atol=1e-3)
    up = layers.Conv2DTranspose(3, 4, strides=2, padding="same", use_bias=False)
    up.build(y.shape)
    up.set_weights(down.get_weights())
    assert np.sum(up(y) * x) == pytest.approx(np.sum(y * shrunk), rel=1e-4)


def test_dropout_acts_in_training_alone(thin: keras.Model) -> None:
    batch = grey_levels(256, 256, 2)
    predictions = [thin(batch, training=False).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*predictions)
    assert np.ptp([thin(batch, training=True) for _ in range(2)], axis=0).any()


@pytest.mark.parametrize("training", [False, True])
def test_statistics_are_of_the_image_at_hand(training: bool) -> None:
    """Instance normalisation in training as in test: no image knows the others of its batch."""
    batch = grey_levels(16, 16, 4)
    norm = layers.GroupNormalization(groups=-1, epsilon=1e-5)
    batch_norm = layers.BatchNormalization(epsilon=1e-5)
    found = norm(batch, training=training)
    for i in range(2):
        alone = batch[i : i + 1]
        np.testing.assert_allclose(found[i : i + 1], norm(alone), atol=1e-5)
        np.testing.assert_allclose(norm(alone), batch_norm(alone, training=True), atol=1e-5)


@gans
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_scores_are_finite_float32(name: str, policy: str) -> None:
    with dtype_policy(policy):
        model = build_discriminator(name, inputs=2, outputs=1, side=64, scaling=SCALING)
    scores = model(pair(), training=True).numpy()
    assert scores.dtype == "float32"
    assert np.isfinite(scores).all()
    if name == "ganda":
        assert ((scores >= 0) & (scores <= 1)).all()


@gans
def test_discriminators_judge_on_the_scale_of_the_generator(name: str) -> None:
    raw = build_discriminator(name, inputs=2, outputs=1, side=64, scaling=None)
    scaled = build_discriminator(name, inputs=2, outputs=1, side=64, scaling=SCALING)
    raw.set_weights(scaled.get_weights())
    x, y = pair()
    outside = [2 * x / np.float32(SCALING.input_peak) - 1, 2 * y / np.float32(60) - 1]
    np.testing.assert_allclose(scaled([x, y]), raw(outside), rtol=1e-4, atol=1e-5)


def test_pix2pix_judges_the_target_for_its_inputs_and_ganda_the_target_alone() -> None:
    build = partial(build_discriminator, inputs=2, outputs=1, side=64, scaling=SCALING)
    x, y = pair()
    others = [255 - x, y], [x, 60 - y]
    changed = {
        name: [np.abs(model([x, y]) - model(other)).max() > 1e-4 for other in others]
        for name in ("ganda", "pix2pix")
        for model in [build(name)]
    }
    assert changed == {"ganda": [False, True], "pix2pix": [True, True]}


def test_what_cannot_be_built() -> None:
    with pytest.raises(ConfigError, match="ganda-mse has no discriminator"):
        build_discriminator("ganda-mse", 2, 1, 64, SCALING)
    with pytest.raises(ConfigError, match="scaling is of 2 channels"):
        build_discriminator("ganda", 3, 1, 64, SCALING)


@pytest.mark.parametrize("preset", list_presets(), ids=lambda preset: preset.name)
def test_published_trainings_are_trainings(preset: Preset) -> None:
    training = TrainingConfig.model_validate(preset.training)
    assert (training.adversarial is not None) == (preset.discriminator is not None)
    if preset.training:
        assert (training.optimizer.name, training.optimizer.beta_1) == ("adam", 0.5)
