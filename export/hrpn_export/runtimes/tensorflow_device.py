"""The device that TensorFlow computes on."""

from contextlib import AbstractContextManager
from typing import Any

from hrpn_export.errors import FormatError


def on_device(device: str) -> AbstractContextManager[Any]:
    """Run everything within the context on ``cpu``, ``cuda`` or ``cuda:NUMBER``.

    Raises:
        FormatError: TensorFlow sees no such GPU.
    """
    import tensorflow as tf

    kind, _, number = device.partition(":")
    if kind == "cpu":
        return tf.device("/CPU:0")
    index = int(number) if number.isdigit() else 0
    found = len(tf.config.list_physical_devices("GPU"))
    if index >= found:
        raise FormatError(f"TensorFlow sees {found} GPUs, so there is no {device}")
    return tf.device(f"/GPU:{index}")
