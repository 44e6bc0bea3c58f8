"""Colours of layers: the maps of the pictures of ``hrpn-tf evaluate``."""

from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.evaluation.slide_picture import ERROR_MAP, INTENSITY_MAP

if TYPE_CHECKING:
    from hrpn_tf.evaluation.report.layers import Kind

# Okabe and Ito (2008): told apart by colour-blind readers.
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# Inputs, in the run's order. They lie over other images, so dark is transparent.
_INPUTS = ((86, 220, 160), (110, 160, 255), (255, 190, 60), (230, 130, 230))


def table(kind: "Kind", number: int = 0) -> str:
    """256 colours from dark to bright as hexadecimal RRGGBBAA, one after another.

    Args:
        kind: of the layer.
        number: which of the inputs it is.
    """
    if kind == "input":
        rgba = np.empty((256, 4), np.uint8)
        rgba[:, :3] = _INPUTS[number % len(_INPUTS)]
        rgba[:, 3] = np.arange(256)
        return rgba.tobytes().hex()
    return _map(ERROR_MAP if kind == "error" else INTENSITY_MAP).tobytes().hex()


def paint(image: np.ndarray, kind: "Kind", low: float, high: float) -> np.ndarray:
    """(H, W, 3) uint8 of an image (H, W), ``low`` darkest and ``high`` brightest."""
    index = np.clip((image - low) / max(high - low, 1e-12) * 255, 0, 255).astype(np.uint8)
    rgba = np.frombuffer(bytes.fromhex(table(kind)), np.uint8).reshape(256, 4)
    return rgba[index][..., :3]


def _map(name: str) -> np.ndarray:
    from matplotlib import colormaps

    painted: np.ndarray = colormaps[name](np.arange(256), bytes=True)
    return painted
