"""A bundle of a tiny network, exported once."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np
from hrpn_export import About, Contract, Evidence, export_bundle


@functools.cache
def small_bundle() -> Path:
    """Do not change it."""
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(image)
    x = keras.layers.Conv2DTranspose(1, 2, strides=2)(x)
    model = keras.Model(image, x, name="tiny")
    contract = Contract(("a", "b"), ("qd",), 0.5, 2, 9, True, 255.0)
    patches = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 2)).astype(np.float32)
    truth = np.asarray(model(patches)) + 1
    folder = Path(tempfile.mkdtemp(prefix="small-bundle-"))
    atexit.register(shutil.rmtree, folder, True)
    export_bundle(
        model,
        contract,
        folder / "b",
        artefacts=[("saved_model", "fp32"), ("onnx", "fp32")],
        evidence=Evidence(patches, truth),
        about=About("tiny"),
    )
    return folder / "b"
