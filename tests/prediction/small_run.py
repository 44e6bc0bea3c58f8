"""A run folder with a small Keras network, and slides for it."""

import json
from pathlib import Path

import numpy as np
import pytest
from hrpn_export import Contract

from hrpn_tf.cli.main import run as hrpn_tf
from hrpn_tf.config import load_config, to_yaml
from hrpn_tf.slides import write_slide

ROLES = ("vessels", "nuclei", "qd")
GROUPS = {"a": "train", "b": "validation", "c": "test"}


def save_network(path: Path) -> None:
    """A network with a stride, zero padding and a receptive field of a few tens of pixels."""
    import keras

    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((None, None, 2))
    fine = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2D(6, 3, strides=4, padding="same", activation="relu")(fine)
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2DTranspose(4, 4, strides=4)(x)
    x = keras.layers.Concatenate()([fine, x])
    model = keras.Model(inputs, keras.layers.Conv2D(1, 3, padding="same")(x))
    model.save(path)


def make_run(run: Path, network: Path) -> None:
    """What ``hrpn-tf predict`` needs of a training."""
    run.mkdir()
    (run / "best.keras").write_bytes(network.read_bytes())
    (run / "hrpn.yaml").write_text(to_yaml(load_config(overrides=["prediction.tile=64"])))
    contract = Contract(ROLES[:2], ("qd",), 0.5, 4, 41, True, 255.0)
    (run / "contract.json").write_text(contract.to_json())
    split = {
        subset: {"groups": [g for g, s in GROUPS.items() if s == subset], "slides": []}
        for subset in ("train", "validation", "test")
    }
    (run / "split.json").write_text(json.dumps(split))


def write(
    path: Path,
    seed: int = 0,
    channels: tuple[str, ...] = ROLES,
    size: float | None = 0.5,
    shape: tuple[int, int] = (150, 201),
) -> Path:
    """A slide of noise."""
    image = np.random.default_rng(seed).integers(0, 256, (*shape, len(channels)), np.uint8)
    write_slide(path, image, channels=channels, pixel_size_um=size, provenance={}, overwrite=True)
    return path


def predict(run: Path, *arguments: object) -> int:
    """The exit code of the command, in this process."""
    with pytest.raises(SystemExit) as stop:
        hrpn_tf(["predict", "--run", str(run), *map(str, arguments)])
    assert isinstance(stop.value.code, int)
    return stop.value.code
