"""What is accepted as a slide: one plane with channels of one size, of a type kept exactly."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.errors import ChannelSizeError, SlideFormatError
from hrpn_tf.slides.planes import StoredPlane

# Types kept as they are, and types whose every value float32 holds exactly.
_READ_AS = {
    "uint8": "uint8",
    "uint16": "uint16",
    "float32": "float32",
    "int8": "float32",
    "int16": "float32",
    "float16": "float32",
}
# Types that only the numbers of a label image need; no grey levels are of these.
_LABEL_TYPES = ("int32", "uint32", "int64", "uint64")
# The table of readers, which other packages extend, has no place for it among the arguments.
_LABELS: ContextVar[bool] = ContextVar("labels", default=False)
_CHANNEL_AXES = "CSIQ"
_MAX_CHANNELS = 1024


@contextmanager
def reading_labels(wanted: bool = True) -> Iterator[None]:
    """Whether slides opened within the context are label images rather than grey levels.

    Label images may be integers of 4 and 8 bytes, and OME-Zarr groups that are marked as labels.
    """
    token = _LABELS.set(wanted)
    try:
        yield
    finally:
        _LABELS.reset(token)


def labels_are_read() -> bool:
    """Whether a label image is being opened, see :func:`reading_labels`."""
    return _LABELS.get()


def refuse_stacks(sizes: Mapping[str, int], path: Path) -> None:
    """Refuse more than channels: ``sizes`` by axis (C, S, Z, T), without those of 1 and Y, X.

    Raises:
        SlideFormatError: depth, time, or an absurd number of channels.
    """
    if len(sizes) > 1 or any(axis not in _CHANNEL_AXES for axis in sizes):
        names = {"Z": "planes in depth", "T": "time points", "S": "samples", "C": "channels"}
        found = " and ".join(f"{n} {names.get(a, 'pages')}" for a, n in sizes.items())
        raise SlideFormatError(
            f"{path}: holds {found}, where one plane with channels is wanted; project or split it "
            "first (ImageJ: Image > Stacks > Z Project, or Hyperstacks)"
        )
    count = next(iter(sizes.values()), 1)
    if count > _MAX_CHANNELS:
        raise SlideFormatError(f"{path}: holds {count} pages, which is no set of channels")


def read_dtype(page: Any, path: Path) -> np.dtype:
    """The type that pixels of a tifffile page are given in; see :func:`type_read_as`."""
    if page.dtype is None:
        raise SlideFormatError(f"{path}: its pixels are of an unknown type")
    return type_read_as(np.dtype(page.dtype), path)


def type_read_as(stored: np.dtype, path: Path) -> np.dtype:
    """The type that pixels are given in.

    Raises:
        SlideFormatError: 1 bit, or a type that neither uint8, uint16 nor float32 holds exactly,
            and that no label image has where one is read.
    """
    if stored.name in _LABEL_TYPES:
        if labels_are_read():
            return np.dtype(stored.name)
        raise SlideFormatError(
            f"{path}: its pixels are of type {stored.name}, as in label images; save grey levels "
            "as uint8, uint16 or float32, scaled if they do not fit, since they would wrap around"
        )
    if stored.name not in _READ_AS:
        raise SlideFormatError(
            f"{path}: its pixels are of type {stored.name}; save it as uint8, uint16 or float32"
        )
    return np.dtype(_READ_AS[stored.name])


def refuse_unequal(planes: Sequence[StoredPlane], path: Path) -> None:
    """Refuse channels of one level that differ in size.

    Raises:
        ChannelSizeError: they do.
    """
    sizes = {(plane.height, plane.width) for plane in planes}
    if len(sizes) > 1:
        found = " and ".join(f"{h} x {w}" for h, w in sorted(sizes))
        raise ChannelSizeError(f"{path}: channels differ in size ({found} px)")
