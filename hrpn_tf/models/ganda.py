"""GANDA (2021), for comparison: a U-Net of five levels and the discriminator it is trained with."""

from typing import Any

from keras import layers

Tensor = Any

WIDTHS = (16, 32, 64, 128)
BOTTLENECK = 256
DISCRIMINATOR_WIDTHS = (16, 32, 64, 128, 256, 512)


def ganda_generator(x: Tensor, outputs: int) -> Tensor:
    """GANDA's generator.

    Args:
        x: (N, H, W, inputs), scaled to [-1, 1]; H and W are multiples of 16.
        outputs: number of output channels; GANDA has one.

    Returns:
        (N, H, W, outputs) in [-1, 1], float32.
    """
    skips = []
    for width in WIDTHS:
        x = _block(x, width)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = _block(_block(x, BOTTLENECK), BOTTLENECK)
    for width, skip in zip(reversed(WIDTHS), reversed(skips), strict=True):
        x = _norm_relu(layers.Conv2DTranspose(width, 2, strides=2)(x))
        x = _block(layers.Concatenate()([skip, x]), width)
    y = layers.Conv2D(outputs, 3, padding="same", dtype="float32", name="head")(x)
    return layers.Activation("tanh", dtype="float32", name="bounded")(y)


def ganda_discriminator(inputs: Tensor, target: Tensor) -> Tensor:
    """GANDA's discriminator: unconditional, so it does not look at ``inputs``.

    Args:
        inputs: (N, H, W, inputs); ignored.
        target: (N, H, W, outputs), scaled to [-1, 1]; H and W are fixed.

    Returns:
        (N, 1) float32: 1 for measured, 0 for predicted.
    """
    x = target
    for level, width in enumerate(DISCRIMINATOR_WIDTHS):
        x = layers.Conv2D(width, 4, strides=2, padding="same")(x)
        x = layers.LeakyReLU(0.2)(x)
        if level > 0:
            x = layers.BatchNormalization()(x)
    return layers.Dense(1, activation="sigmoid", dtype="float32")(layers.Flatten()(x))


def _block(x: Tensor, width: int) -> Tensor:
    return _norm_relu(layers.Conv2D(width, 3, padding="same")(x))


def _norm_relu(x: Tensor) -> Tensor:
    return layers.ReLU()(layers.BatchNormalization()(x))
