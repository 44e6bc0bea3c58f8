"""A network of a few hundred parameters, as a preset, with everything a checkpoint must carry."""

from typing import Any

import keras

from hrpn_tf.models import presets

TINY = presets.Preset("tiny", "tiny_network:tiny", "for tests")


def tiny(x: Any, outputs: int) -> Any:
    """Strided convolution, batch normalisation, dropout, and back to full resolution."""
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.SpatialDropout2D(0.2)(x)
    x = keras.layers.Conv2DTranspose(4, 2, strides=2)(x)
    return keras.layers.Conv2D(outputs, 1)(x)
