"""pix2pix (Isola et al. 2017), the other GAN that users know: a deep U-Net and a PatchGAN.

The published networks use batch normalisation with a batch of one image and take the statistics
of the image at hand in training and test alike. That is instance normalisation, and here it is
called so: an image's prediction then depends on no other image of its batch, but it does depend
on the whole image, so a slide predicted by tiles shows seams. The authors also leave dropout on
at test time; here it acts in training alone, so that a prediction can be repeated.
"""

from typing import Any

import keras
from keras import layers

Tensor = Any

FILTERS = 64
UNET_FACTORS = (1, 2, 4, 8, 8, 8, 8, 8)  # channels of each level, in units of the filters
PATCH_FACTORS = (1, 2, 4, 8)
SPREAD = 0.02  # standard deviation of the initial weights


def pix2pix_generator(x: Tensor, outputs: int, *, filters: int = FILTERS) -> Tensor:
    """The U-Net of eight levels, from the whole image down to 1 / 256 and back.

    Args:
        x: (N, H, W, inputs), scaled to [-1, 1]; H and W are multiples of 256.
        outputs: number of output channels.
        filters: channels of the first level; published: 64.

    Returns:
        (N, H, W, outputs) in [-1, 1], float32.
    """
    widths = [filters * factor for factor in UNET_FACTORS]
    skips: list[Tensor] = []
    for level, width in enumerate(widths):
        outermost, innermost = level == 0, level == len(widths) - 1
        x = _down(x if outermost else _leaky(x), width)
        if not outermost and not innermost:
            x = _norm(x)
        skips.append(x)
    x = skips.pop()
    for level, skip in enumerate(reversed(skips)):
        x = _norm(_up(x, skip.shape[-1]))
        if 1 <= level <= 3:
            x = layers.Dropout(0.5)(x)
        x = layers.Concatenate()([skip, x])
    y = _up(x, outputs, use_bias=True, dtype="float32", name="head")
    return layers.Activation("tanh", dtype="float32", name="bounded")(y)


def pix2pix_discriminator(inputs: Tensor, target: Tensor, *, filters: int = FILTERS) -> Tensor:
    """The conditional PatchGAN: each score judges a square of 70 px of inputs and target together.

    Args:
        inputs: (N, H, W, inputs), scaled to [-1, 1].
        target: (N, H, W, outputs), likewise.
        filters: channels of the first layer; published: 64.

    Returns:
        (N, H / 8 - 2, W / 8 - 2, 1) float32 logits: positive for measured, negative for predicted.
    """
    widths = [filters * factor for factor in PATCH_FACTORS]
    x = layers.Concatenate()([inputs, target])
    x = _leaky(_down(x, widths[0], use_bias=True))
    for width in widths[1:-1]:
        x = _leaky(_norm(_down(x, width)))
    x = _leaky(_norm(_shrink(x, widths[-1], use_bias=False)))
    return _shrink(x, 1, dtype="float32")


def _down(x: Tensor, width: int, use_bias: bool = False) -> Tensor:
    """Halve; for even sizes "same" pads one pixel on every side, as published."""
    return layers.Conv2D(
        width, 4, strides=2, padding="same", use_bias=use_bias, kernel_initializer=_around(0.0)
    )(x)


def _up(x: Tensor, width: int, use_bias: bool = False, **options: Any) -> Tensor:
    """Double what is left of ``x`` after ReLU."""
    return layers.Conv2DTranspose(
        width,
        4,
        strides=2,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=_around(0.0),
        **options,
    )(layers.ReLU()(x))


def _shrink(x: Tensor, width: int, **options: Any) -> Tensor:
    """Each side becomes one pixel shorter: a 4x4 window, padded one pixel on every side."""
    x = layers.ZeroPadding2D(1)(x)
    return layers.Conv2D(width, 4, kernel_initializer=_around(0.0), **options)(x)


def _norm(x: Tensor) -> Tensor:
    """Instance normalisation with scale and offset."""
    return layers.GroupNormalization(groups=-1, epsilon=1e-5, gamma_initializer=_around(1.0))(x)


def _leaky(x: Tensor) -> Tensor:
    return layers.LeakyReLU(0.2)(x)


def _around(mean: float) -> keras.initializers.Initializer:
    """A new one for each layer: an initializer gives the same values whenever it is called."""
    return keras.initializers.RandomNormal(mean, SPREAD)
