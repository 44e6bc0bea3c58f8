"""The weights of one network for another, whatever Keras called the layers."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from hrpn_tf.models.build import build_discriminator, build_model
from hrpn_tf.models.channel_map import ChannelMap, map_inputs, map_outputs
from hrpn_tf.models.ends import NORMALISATIONS, ends_of
from hrpn_tf.models.freezing import freeze_body
from hrpn_tf.models.intervals import add_interval_heads, without_intervals
from hrpn_tf.models.presets import Preset, find_preset
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.models.transfer import Transfer, is_generated, transfer_weights

NAMES = ("hrpn-s", "hrpn-m", "hrpn-published", "ganda", "pix2pix")
OWN, SAME = map_inputs(("v", "n"), ("v", "n")), map_outputs(("qd",), ("qd",))
SCALING = Scaling((100.0, 90.0), (30.0, 20.0), 4.0, (255.0, 250.0), 60.0)
WIDE = Scaling((90.0, 7.0, 100.0), (20.0, 3.0, 30.0), 4.0, (250.0, 9.0, 255.0), 60.0)


def preset(name: str) -> Preset:
    found = find_preset(name)
    return replace(found, arguments={"filters": 4}) if name == "pix2pix" else found


@pytest.fixture(scope="module", params=NAMES)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> keras.Model:
    """A network as it comes from a file, with statistics that are not those of a new one."""
    network = build_model(preset(request.param), 2, scaling=SCALING)
    rng = np.random.default_rng(0)
    network.set_weights([w + rng.uniform(0, 0.01, w.shape) for w in network.get_weights()])
    path = tmp_path_factory.mktemp("saved") / "best.keras"
    network.save(path)
    return keras.saving.load_model(path)


def new(network: keras.Model, inputs: int = 2) -> keras.Model:
    """Another of the same preset, whose layers have other numbers in their names."""
    scaling = SCALING if inputs == 2 else WIDE
    return build_model(preset(network.name), inputs, scaling=scaling)


def predict(network: keras.Model, channels: tuple[int, ...] = (0, 1)) -> np.ndarray:
    grey = np.random.default_rng(1).integers(0, 255, (1, 256, 256, 3)).astype(np.float32)
    return np.asarray(network(grey[..., channels], training=False))


def taken(old: keras.Model, other: keras.Model, inputs: ChannelMap = OWN) -> Transfer:
    found = transfer_weights(old, other, inputs, SAME)
    found.apply(other)
    return found


def test_a_network_of_the_same_preset_takes_every_weight(saved: keras.Model) -> None:
    other = new(saved)
    found = taken(saved, other)
    assert found.share == 1
    assert not found.unused
    assert not any(layer.adapted for layer in found.layers)
    for ours, theirs in zip(other.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_so_does_one_from_a_network_with_intervals(saved: keras.Model, tmp_path: Path) -> None:
    if saved.name == "pix2pix":
        pytest.skip("one of the presets that is slow to build is enough")
    copy = keras.models.clone_model(saved)
    copy.set_weights(saved.get_weights())
    add_interval_heads(copy, 2.0).save(tmp_path / "model.keras")
    calibrated = keras.saving.load_model(tmp_path / "model.keras")
    other = new(saved)
    found = taken(without_intervals(calibrated), other)
    assert (found.share, found.unused) == (1, ())
    for ours, theirs in zip(other.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_with_another_channel_it_predicts_as_before(saved: keras.Model) -> None:
    """The two known inputs in another order, and a third that the network has not seen."""
    wide = new(saved, inputs=3)
    found = taken(saved, wide, map_inputs(("v", "n"), ("n", "z", "v")))
    assert [layer.adapted for layer in found.layers].count(True) == 1
    ours, before = predict(wide, (1, 2, 0)), predict(saved)
    # the first layer adds up in another order, which deep networks of random weights enlarge
    np.testing.assert_allclose(ours, before, rtol=1e-3, atol=2e-3 * float(np.abs(before).max()))


def test_the_ends_and_the_normalisation_of_a_frozen_network_are_trained(saved: keras.Model) -> None:
    network = new(saved)
    order = [weight.path for weight in network.weights]
    count = freeze_body(network)
    trained = {layer.name for layer in network.layers if layer.trainable_weights}
    ends = ends_of(network)
    norms = {layer.name for layer in network.layers if isinstance(layer, NORMALISATIONS)}
    assert trained == {*ends.reads, *ends.gives, *norms}
    assert len(ends.reads) == len(ends.gives) == 1
    assert 0 < count < 0.1 * network.count_params()
    assert [weight.path for weight in network.weights] == order  # checkpoints count on it


def test_a_layer_that_only_one_of_them_has_shifts_nothing() -> None:
    def build(extra: bool) -> keras.Model:
        x = grey = keras.Input((None, None, 2))
        for number in range(4):
            x = keras.layers.Conv2D(4, 3, padding="same")(x)
            if extra and number == 1:
                x = keras.layers.BatchNormalization()(x)
        return keras.Model(grey, keras.layers.Conv2D(1, 1)(x))

    old, other = build(False), build(True)
    found = taken(old, other)
    assert [layer.source is None for layer in found.layers] == [False, False, True, *[False] * 3]
    ours = [layer.get_weights()[0] for layer in other.layers if "conv" in layer.name]
    theirs = [layer.get_weights()[0] for layer in old.layers if "conv" in layer.name]
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, two)


def test_names_that_a_preset_gave_are_found_in_any_order() -> None:
    def build(names: tuple[str, str]) -> keras.Model:
        grey = keras.Input((None, None, 2))
        sides = [keras.layers.Conv2D(3, 1, name=name)(grey) for name in names]
        return keras.Model(grey, keras.layers.Conv2D(1, 1)(keras.layers.Add()(sides)))

    old, other = build(("left", "right")), build(("right", "left"))
    taken(old, other)
    np.testing.assert_array_equal(
        other.get_layer("left").get_weights()[0], old.get_layer("left").get_weights()[0]
    )


def test_another_preset_has_little_in_common() -> None:
    old, other = build_model("hrpn-s", 2), build_model("hrpn-m", 2)
    assert transfer_weights(old, other, OWN, SAME).share < 0.1


def test_inputs_that_meet_features_in_one_layer_are_told_apart() -> None:
    """As in the discriminator of pix2pix, and in networks that read their input twice."""

    def build(inputs: int) -> keras.Model:
        grey = keras.Input((None, None, inputs))
        x = keras.layers.Conv2D(4, 1)(grey)
        return keras.Model(grey, keras.layers.Conv2D(1, 1)(keras.layers.Concatenate()([x, grey])))

    old, other = build(2), build(3)
    found = taken(old, other, map_inputs(("v", "n"), ("n", "z", "v")))
    assert [layer.adapted for layer in found.layers] == [True, True]
    grey = np.random.default_rng(0).random((1, 4, 4, 3)).astype(np.float32)
    expected = np.asarray(old(grey[..., [2, 0]]))
    np.testing.assert_allclose(np.asarray(other(grey)), expected, rtol=1e-5, atol=1e-6)


def test_a_discriminator_reads_inputs_and_target() -> None:
    gan = replace(
        find_preset("pix2pix"), discriminator="hrpn_tf.models.pix2pix:pix2pix_discriminator"
    )
    ends = ends_of(build_discriminator(gan, 2, 1, 64, None))
    assert list(ends.reads.values()) == [(0, 1, 2)]


def test_a_channel_that_cannot_be_adapted_is_left() -> None:
    def build(inputs: int) -> keras.Model:
        grey = keras.Input((None, None, inputs))
        x = keras.layers.DepthwiseConv2D(3, padding="same")(grey)
        return keras.Model(grey, keras.layers.Conv2D(1, 1, name="last")(x))

    found = transfer_weights(build(2), build(3), map_inputs(2, ("a", "b", "c")), SAME)
    assert [layer.source for layer in found.layers] == [None, None]
    assert found.layers[0].at_end


@pytest.mark.parametrize(
    ("layer", "generated"),
    [
        (keras.layers.Conv2DTranspose(1, 1), True),
        (keras.layers.GroupNormalization(1, name="group_normalization_12"), True),
        (keras.layers.Conv2D(1, 1, name="conv2d_of_mine"), False),
        (keras.layers.Dense(1, name="conv2d_1"), False),
    ],
)
def test_a_name_that_keras_made(layer: keras.layers.Layer, generated: bool) -> None:
    assert is_generated(layer) == generated
