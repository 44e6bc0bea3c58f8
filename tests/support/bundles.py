"""A small bundle for tests, exported once, and ways to damage a copy of it."""

import atexit
import functools
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from hrpn_export import About, ArraySlide, Contract, Evidence, export_bundle
from hrpn_export.paths import sha256_of

CONTRACT = Contract(("vessels", "nuclei"), ("qd",), 0.5, 2, 9, True, 255.0)
ARTEFACTS = [("saved_model", "fp32"), ("onnx", "fp32")]


def network(inputs: int = 2, outputs: int = 1) -> keras.Model:
    """Half the resolution within, grey levels in and out, layers of Keras only."""
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, inputs))
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2DTranspose(outputs, 2, strides=2, activation="softplus")(x)
    return keras.Model(image, keras.layers.Rescaling(255)(x), name="tiny")


def evidence(model: keras.Model, size: int = 32) -> Evidence:
    random = np.random.default_rng(0)
    patches = random.integers(0, 256, (3, size, size, model.input_shape[-1])).astype(np.float32)
    truth = np.asarray(model(patches))
    truth = truth + random.normal(0, 5, truth.shape).astype(np.float32)
    return Evidence(patches, truth, [ArraySlide("slide", patches[0], truth[0])], "random pixels")


@functools.cache
def exported() -> Path:
    """The bundle; do not change it."""
    folder = Path(tempfile.mkdtemp(prefix="bundle-samples-"))
    atexit.register(shutil.rmtree, folder, True)
    model = network()
    about = About("tiny", licence="CC-BY-4.0", authors=("Ada Example",))
    export_bundle(
        model, CONTRACT, folder / "b", artefacts=ARTEFACTS, evidence=evidence(model), about=about
    )
    return folder / "b"


def copied(folder: Path) -> Path:
    """A copy of the bundle, to be damaged."""
    return Path(shutil.copytree(exported(), folder / "bundle"))


def change_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")


def change_manifest(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    change_json(bundle / "bundle.json", change)


def vouch(bundle: Path, *names: str) -> None:
    """List files with the checksums that they have now, as whoever forges a bundle would."""
    sums = {name: sha256_of(bundle / name) for name in names}
    change_manifest(bundle, lambda values: values["files"].update(sums))
