"""A run with a network that is as good as a trained one, its patches and its slides."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from hrpn_export import Contract

from support.run_folder import GROUPS, ROLES, make_run, write_slides
from support.stores import make_store

SHAPE, PATCH = (110, 150), 48


def image(seed: int) -> np.ndarray:
    """The target is what the network of :func:`save_network` gives, and noise."""
    rng = np.random.default_rng(seed)
    inputs = rng.integers(0, 180, (*SHAPE, 2))
    target = inputs[..., :1] // 2 + rng.integers(0, 30, (*SHAPE, 1))
    return np.concatenate([inputs, target], axis=-1).astype(np.uint8)


def save_network(path: Path, bias: float = 0.0) -> None:
    """Near half of the vessels, by layers that every format has to deal with, and a bias."""
    import keras

    keras.utils.set_random_seed(3)
    grey = keras.Input((None, None, 2))
    x = keras.layers.Rescaling(1 / 64)(grey)
    coarse = keras.layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False)(x)
    coarse = keras.layers.ReLU()(keras.layers.BatchNormalization()(coarse))
    coarse = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(coarse)
    coarse = keras.layers.Conv2DTranspose(2, 2, strides=2)(coarse)
    first = keras.layers.Conv2D(1, 1, use_bias=False)
    last = keras.layers.Conv2D(1, 3, padding="same")
    y = keras.layers.Add()([first(x), last(coarse)])
    model = keras.Model(grey, keras.layers.Rescaling(64.0, offset=bias)(y), name="small")
    first.set_weights([np.array([0.5, 0.0], np.float32).reshape(1, 1, 2, 1)])
    last.set_weights([w * 0.05 for w in last.get_weights()])
    model.save(path)


def exportable_run(
    folder: Path, image: Callable[[int], np.ndarray] = image, overrides: Sequence[str] = ()
) -> Path:
    """A run with its slides, its patches and a network, as far as ``export`` reads it.

    Args:
        folder: gets the run and what it is made of.
        image: the pixels (H, W, 3) of a slide by its number, uint8.
        overrides: of the configuration.
    """
    slides = write_slides(folder / "slides", GROUPS, image)
    store = make_store(slides, folder / "store", PATCH)
    save_network(folder / "best.keras")
    return make_run(
        folder / "run",
        folder / "best.keras",
        Contract(ROLES[:2], ("qd",), 0.5, 2, 13, True, 255.0),
        groups=GROUPS,
        store=store.path,
        overrides=["data.tissue.method=all", *overrides],
    )
