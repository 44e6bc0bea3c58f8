"""Every shipped network, trained in every precision, keeps a network that exports and agrees.

That each preset agrees in each format is tested with the formats.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hrpn_export import Contract, open_bundle
from hrpn_export.formats import FORMATS, Source
from hrpn_export.measure import ReferenceSession
from hrpn_export.runtimes import find_runtime
from support.command import hrpn_tf
from support.run_folder import ROLES

from hrpn_tf.config import Config, DataConfig, TissueConfig, load_config
from hrpn_tf.data.building import build_store
from hrpn_tf.data.slide_list import read_slide_list
from hrpn_tf.models.graph import stride_multiple
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.slides import write_slide
from hrpn_tf.training.distribution import choose_devices
from hrpn_tf.training.networks import Networks, build_kept, build_trained

PRESETS = (
    *("hrpn-s", "hrpn-m", "ganda"),
    pytest.param("hrpn-published", marks=pytest.mark.nightly),
)
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
SIZES = ((64, 64), (96, 128))
SCALING = Scaling((60.0, 90.0), (25.0, 35.0), 30.0, (255.0, 255.0), 255.0)


def config_of(preset: str, precision: str) -> Config:
    return load_config(overrides=[f"model.preset={preset}", f"training.precision={precision}"])


def trained(config: Config) -> keras.Model:
    """After a step in the configured precision: the float32 twin, which a run keeps."""
    keras.utils.set_random_seed(0)
    devices = choose_devices()
    networks = Networks(
        build_trained(config, SCALING, devices, core=32, steps=10), build_kept(config, SCALING)
    )
    network = networks.trained.network
    images = np.random.default_rng(0).uniform(0, 200, (2, 32, 32, 2)).astype(np.float32)
    with tf.GradientTape() as tape:
        difference = network(images, training=True) / SCALING.target_scale - 1.0
        loss = tf.reduce_mean(tf.square(difference))
    gradients = tape.gradient(loss, network.trainable_variables)
    before = [np.array(weight) for weight in network.get_weights()]
    keras.optimizers.SGD(0.01).apply(gradients, network.trainable_variables)
    networks.copy_weights()
    assert any(np.any(a != b) for a, b in zip(before, networks.kept.get_weights(), strict=True))
    return networks.kept


@pytest.mark.parametrize("precision", PRECISIONS[1:])
@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_kept_is_the_network_of_float32(preset: str, precision: str) -> None:
    kept = trained(config_of(preset, precision))
    plain = build_kept(config_of(preset, "float32"), SCALING)
    assert _layers(kept) == _layers(plain)
    assert {weight.dtype for weight in kept.weights} == {weight.dtype for weight in plain.weights}
    assert all(np.isfinite(weight).all() for weight in kept.get_weights())


def _layers(model: keras.Model) -> list[tuple[str, object]]:
    """Kind and precision of each layer, which with the preset make the graph that is exported."""
    return [(type(layer).__name__, layer.dtype_policy.name) for layer in model._flatten_layers()]


@pytest.mark.slow
@pytest.mark.parametrize("precision", PRECISIONS)
def test_formats_agree_after_a_step(tmp_path: Path, precision: str) -> None:
    model = trained(config_of("hrpn-s", precision))
    multiple = stride_multiple(model)
    contract = Contract(ROLES[:2], ("qd",), 0.5, multiple, None, False, 255.0)
    sessions = [ReferenceSession(model, contract)]
    for format in ("saved_model", "onnx", "tflite"):
        row, folder = FORMATS[format], tmp_path / format
        folder.mkdir()
        path = row.exporter()(Source(model, contract), "fp32", folder)
        sessions.append(find_runtime(row.runtimes[0]).opener()(path, contract, "cpu", None))
    rng = np.random.default_rng(1)
    for batch in (1, 3):
        for height, width in SIZES:
            images = rng.integers(0, 200, (batch, height, width, 2)).astype(np.uint8)
            expected, *results = (session(images) for session in sessions)
            assert np.ptp(expected) > 0
            for result in results:
                assert np.abs(result - expected).max() <= 0.01


@pytest.mark.slow
def test_a_run_of_mixed_precision_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From slides to a bundle, by the commands."""
    monkeypatch.setattr("hrpn_tf.training.setup.warn_if_slow", lambda policy: None)  # it measures
    rng = np.random.default_rng(0)
    lines = ["slide,group"]
    for group in "abc":
        path = tmp_path / f"{group}.ome.tif"
        image = rng.integers(1, 200, (192, 128, 3)).astype(np.uint8)
        write_slide(path, image, channels=ROLES, pixel_size_um=0.5, provenance={})
        lines.append(f"{path.name},{group}")
    (tmp_path / "slides.csv").write_text("\n".join(lines))
    data = DataConfig(patch=64, stride=64, tissue=TissueConfig(method="all"))
    entries = read_slide_list(tmp_path / "slides.csv", data)
    store = build_store(entries, data, tmp_path / "store", progress=False)
    choices = {
        "model.preset": "hrpn-s",
        "training.precision": "mixed_bfloat16",
        "training.epochs": 1,
        "training.steps_per_epoch": 1,
        "training.batch_size": 1,
        "training.crop": "null",
        "data.split.validation": "[b]",
        "data.split.test": "[c]",
        "data.tissue.method": "all",
    }
    options = [text for key, value in choices.items() for text in ("--set", f"{key}={value}")]
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    assert hrpn_tf("fit", store.path, "--out", run, "--no-twin", *options).exit_code == 0
    formats = ["--saved-model", "--onnx", "--tflite", "--precision", "fp32"]
    assert hrpn_tf("export", run, "--out", bundle, *formats).exit_code == 0
    assert len({entry.format for entry in open_bundle(bundle).certificate.entries}) == 4
