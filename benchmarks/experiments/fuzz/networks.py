"""A bundle and a run with a network, to be damaged; these need TensorFlow."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

SLIDE = "slide.ome.tif"


def bundle(folder: Path) -> None:
    """One bundle as a folder and as a zip: SavedModel, ONNX, TFLite, Keras."""
    folder.mkdir(exist_ok=True)
    from hrpn_export import About, Contract, Evidence, export_bundle, write_zip

    model = _network()
    patches = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 2)).astype(np.float32)
    contract = Contract(("vessels", "nuclei"), ("qd",), 0.5, 2, 9, True, 255.0)
    export_bundle(
        model, contract, folder / "bundle",
        artefacts=[("saved_model", "fp32"), ("onnx", "fp32"), ("tflite", "fp32")],
        evidence=Evidence(patches, np.asarray(model(patches)) + 1), about=About("tiny"),
    )  # fmt: skip
    write_zip(folder / "bundle", folder / "bundle.zip")


def run_with_network(folder: Path) -> None:
    """A run as ``hrpn-tf fit`` leaves it."""
    from experiments.fuzz.samples import run_folder

    run_folder(folder)
    _network().save(folder / "run" / "best.keras")


def slides_and_bundle(folder: Path) -> None:
    """Folders of a slide and a bundle."""
    from experiments.fuzz.samples import tiff

    bundle(made := folder / "made")
    tiff(made)
    for name in ("own.ome.tif", "levels.ome.tif", "imagej.tif"):
        inside = folder / name.split(".")[0]
        shutil.copytree(made / "bundle", inside / "bundle")
        shutil.copy(made / name, inside / SLIDE)
    shutil.rmtree(made)


def _network() -> "keras.Model":
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(image)
    x = keras.layers.Conv2DTranspose(1, 2, strides=2)(x)
    return keras.Model(image, x, name="tiny")
