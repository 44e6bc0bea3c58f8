"""Filters of Zarr chunks, which change each value: plain numbers into plain numbers."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.extras import require
from hrpn_tf.slides.planes import MAX_SEGMENT_BYTES

NAMES = {"astype", "bitround", "delta", "fixedscaleoffset", "quantize", "shuffle"}
_MAX_ITEM_BYTES = 8
# Filters hold several copies of a chunk in floating point of 8 bytes.
_MOST_VALUES = MAX_SEGMENT_BYTES // 32


def undo(
    codec: Mapping[str, Any], itemsize: int, count: int, folder: Path
) -> tuple[Callable[[Any, int], Any], int]:
    """(What undoes a filter, bytes of a value that it is stored in).

    Args:
        codec: configuration of numcodecs, with an ``id`` in :data:`NAMES`.
        itemsize: bytes of a value before it was filtered.
        count: number of values in a chunk.
        folder: of the array.

    Raises:
        SlideFormatError: the configuration is malformed, does not fit the values, or names types
            that are no plain numbers of at most 8 bytes.
    """
    require(f"{folder}: the filter {codec['id']} of its chunks", "numcodecs")
    import numcodecs

    if count > _MOST_VALUES:
        raise SlideFormatError(
            f"{folder}: chunks of {count} values with filters are too large to decode; store it in "
            f"chunks of at most {_MOST_VALUES} values"
        )
    try:
        clean, plain, stored = _checked(codec, itemsize)
        filtered = numcodecs.get_codec(clean)
    except (TypeError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:80]
        raise SlideFormatError(
            f"{folder}: malformed: the filter {codec['id']} of its chunks ({reason})"
        ) from None
    if plain != itemsize:
        raise SlideFormatError(
            f"{folder}: malformed: the filter {codec['id']} of its chunks is for values of {plain} "
            f"bytes, where they have {itemsize}"
        )

    def decode(data: Any, _: int) -> Any:
        with np.errstate(all="ignore"):
            return filtered.decode(data)

    return decode, stored


def _checked(codec: Mapping[str, Any], itemsize: int) -> tuple[dict[str, Any], int, int]:
    """(Checked configuration, bytes of a value before, and after filtering)."""
    name = codec["id"]
    if name == "shuffle":
        size = codec.get("elementsize", 4)
        return {"id": name, "elementsize": _whole(size, 1, _MAX_ITEM_BYTES)}, itemsize, itemsize
    if name == "bitround":
        return {"id": name, "keepbits": _whole(codec.get("keepbits"), 0, 64)}, itemsize, itemsize
    if name == "astype":
        plain, stored = _plain(codec.get("decode_dtype")), _plain(codec.get("encode_dtype"))
        clean: dict[str, Any] = {"decode_dtype": plain.str, "encode_dtype": stored.str}
    else:
        plain = _plain(codec.get("dtype"))
        stored = _plain(codec.get("astype") or codec.get("dtype"))
        clean = {"dtype": plain.str, "astype": stored.str}
        if name == "fixedscaleoffset":
            clean |= {key: _finite(codec.get(key)) for key in ("scale", "offset")}
            if clean["scale"] == 0:
                raise ValueError("a scale of 0")
        if name == "quantize":
            clean["digits"] = _whole(codec.get("digits"), -400, 400)
    return {"id": name, **clean}, plain.itemsize, stored.itemsize


def _plain(name: Any) -> np.dtype:
    if not isinstance(name, str) or len(name) > len("float64"):
        raise TypeError("no plain type of numbers")
    found = np.dtype(name)
    if found.kind not in "uif" or found.itemsize > _MAX_ITEM_BYTES:
        raise TypeError(f"type {name!r} is no plain number of at most {_MAX_ITEM_BYTES} bytes")
    return found


def _whole(value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{value!r:.40} is no whole number from {least} to {most}")
    return value


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r:.40} is no number")
    return value
