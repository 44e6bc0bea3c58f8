"""A network of a few hundred parameters, as a preset, with everything a checkpoint must carry.

Keras is imported where a network is built: a process that only starts workers builds none.
"""

from dataclasses import replace
from typing import Any

from hrpn_tf.models import presets

TINY = presets.Preset("tiny", "support.tiny_network:tiny", "for tests")
PLAIN = presets.Preset(
    "plain", "support.tiny_network:plain", "without anything random or batch-wise"
)
NORMED = presets.Preset("normed", "support.tiny_network:normed", "with batch normalisation only")
TINY_GAN = presets.Preset(
    "tiny-gan",
    "support.tiny_network:tiny",
    "for tests",
    scaling="symmetric",
    discriminator="support.tiny_network:tiny_discriminator",
    training={"adversarial": {"loss": "least_squares"}},
)
NORMED_GAN = replace(TINY_GAN, name="tiny-gan-normed", builder="support.tiny_network:normed")
ALL = (TINY, PLAIN, NORMED, TINY_GAN, NORMED_GAN)


def tiny(x: Any, outputs: int) -> Any:
    """Strided convolution, batch normalisation, dropout, and back to full resolution."""
    import keras

    x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.SpatialDropout2D(0.2)(x)
    x = keras.layers.Conv2DTranspose(4, 2, strides=2)(x)
    return keras.layers.Conv2D(outputs, 1)(x)


def plain(x: Any, outputs: int) -> Any:
    """Two convolutions."""
    import keras

    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    return keras.layers.Conv2D(outputs, 1)(x)


def normed(x: Any, outputs: int) -> Any:
    """Without the bias that batch normalisation cancels: its gradient is noise."""
    import keras

    x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization()(x)
    return keras.layers.Conv2D(outputs, 1)(keras.layers.ReLU()(x))


def tiny_discriminator(inputs: Any, target: Any) -> Any:
    """One score per image, from the target alone."""
    import keras

    x = keras.layers.Conv2D(4, 4, strides=4, use_bias=False)(target)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Flatten()(keras.layers.LeakyReLU(0.2)(x))
    return keras.layers.Dense(1, activation="sigmoid", dtype="float32")(x)
