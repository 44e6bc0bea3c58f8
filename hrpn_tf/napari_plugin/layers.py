"""Layers of a slide: lazy pixels, place in um, colours, and fixed ranges of grey levels."""

import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_tf.errors import HrpnError
from hrpn_tf.slides import Slide, SlideInfo, open_slide, read_provenance
from hrpn_tf.slides.combined import CombinedPlanes, Part
from hrpn_tf.slides.depth import Depth
from hrpn_tf.slides.description import ChannelDisplay
from hrpn_tf.slides.display import display_range, input_colours, prediction_displays
from hrpn_tf.slides.names import slide_name
from hrpn_tf.slides.planes import SegmentCache
from hrpn_tf.slides.resample import ResampledSlide
from hrpn_tf.text import printable

if TYPE_CHECKING:
    import dask.array

KEY = "hrpn-tf"  # of a layer's metadata: what it shows, as :class:`Shown`
# Beside the levels of the file, coarser ones until this many px a side, each of a quarter the side.
_OVERVIEW, _STEP = 2048, 4
_CHUNK = 1024  # px a side that are read at once
_BLOCK = 256  # px a side of a block of a computed level, which is kept
_KEPT_BYTES = 256 * 2**20  # of computed levels of a slide

LayerData = tuple[Any, dict[str, Any], str]
_names = itertools.count()


@dataclass(frozen=True)
class Shown:
    """What a layer shows.

    Attributes:
        path: of the slide.
        channel: its index in the slide.
        name: of the channel, with a mark if it is predicted.
        info: of the slide.
        pixel_size_um: um per pixel; None if it is not known.
        predicted: whether the slide holds nothing but a prediction.
    """

    path: Path
    channel: int
    name: str
    info: SlideInfo
    pixel_size_um: float | None
    predicted: bool

    @property
    def corner_um(self) -> tuple[float, float]:
        """(y, x) of the outer corner of the first pixel, um."""
        return self.info.position_um or (0.0, 0.0)


def slide_layers(path: Path, z: Depth | None = None) -> list[LayerData]:
    """The channels of a slide, as napari takes layers; only a few windows are read.

    The slide stays open as long as the layers are there.

    Args:
        path: file or folder, in any format that the package reads.
        z: the plane that is read of a stack, counted from 1, or "max" or "mean" of all.

    Raises:
        HrpnError: the slide cannot be read.
        DepthError: it is a stack, and ``z`` does not say what is read of it.

    Example:
        >>> data, options, kind = slide_layers(Path("slide.ome.tif"))[0]  # doctest: +SKIP
        >>> data[0].shape, options["scale"], options["units"]  # doctest: +SKIP
        ((4096, 4096), (0.5, 0.5), ('um', 'um'))
    """
    slide, origin = open_slide(path, z=z), _origin(path)
    info, levels = slide.info, _Levels(slide)
    displays = channel_displays(slide, origin)
    found = []
    predicted = origin.get("kind") == "prediction" and "display" not in origin
    names = [f"{name} (predicted)" if predicted else name for name in info.channels]
    where = slide_name(path) if info.depth is None else f"{slide_name(path)}, z {info.depth}"
    for channel, (name, display) in enumerate(zip(names, displays, strict=True)):
        shown = Shown(path, channel, name, info, info.pixel_size_um, predicted)
        options = {
            "name": f"{printable(name)} [{printable(where)}]",
            "multiscale": len(levels.shapes) > 1,
            "contrast_limits": (display.low, display.high),
            "colormap": colormap(display.colour),
            "blending": "additive",
            "visible": display.visible,
            "metadata": {KEY: shown},
            **place(shown),
        }
        data = levels.arrays(channel)
        found.append((data if options["multiscale"] else data[0], options, "image"))
    return found


def place(shown: Shown) -> dict[str, Any]:
    """Scale, position and unit of a layer; px where the slide's pixel size is not known.

    The outer corner of the first pixel is where the file says; napari counts from its centre.
    """
    size = shown.pixel_size_um
    if size is None:
        return {"scale": (1.0, 1.0), "translate": (0.5, 0.5), "units": ("pixel", "pixel")}
    top, left = shown.corner_um
    translate = (top + size / 2, left + size / 2)
    return {"scale": (size, size), "translate": translate, "units": ("um", "um")}


def colormap(colour: str) -> dict[str, Any]:
    """A colormap of napari from black to a colour of six hexadecimal digits."""
    end = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    return {"colors": [[0.0, 0.0, 0.0, 1.0], [*end, 1.0]], "name": f"#{colour}"}


def channel_displays(slide: Slide, origin: Mapping[str, Any]) -> tuple[ChannelDisplay, ...]:
    """Colours and ranges as the file states them (``predict --with-inputs``), or by names.

    Args:
        slide: open.
        origin: provenance in its file; empty for a file of another program.
    """
    info = slide.info
    stated = _stated(info.channels, origin.get("display"))
    if stated is not None:
        return stated
    parts = [Part(slide, tuple(range(len(info.channels))))]
    planes = CombinedPlanes(parts, info.height, info.width, info.dtype)
    if origin.get("kind") == "prediction":
        return prediction_displays(len(info.channels), display_range(planes, 0))
    return tuple(
        ChannelDisplay(colour, *display_range(planes, channel))
        for channel, colour in enumerate(input_colours(info.channels))
    )


def _origin(path: Path) -> Mapping[str, Any]:
    try:
        return read_provenance(path)
    except HrpnError:  # a format that holds none
        return {}


def _stated(names: Sequence[str], stated: object) -> tuple[ChannelDisplay, ...] | None:
    """Displays of the provenance; None where it states none for every channel."""
    found = []
    for name in names:
        try:
            entry = stated[name]  # type: ignore[index]
            low, high = (float(end) for end in entry["range"])
            int(entry["colour"], 16)
        except (KeyError, TypeError, ValueError):
            return None
        if not (np.isfinite([low, high]).all() and low < high and len(entry["colour"]) == 6):
            return None
        bound = any(word in name for word in ("_lower (", "_upper ("))
        found.append(ChannelDisplay(entry["colour"], low, high, visible=not bound))
    return tuple(found)


class _Levels:
    """Levels of an open slide as lazy arrays: those of the file, and computed coarser ones."""

    def __init__(self, slide: Slide) -> None:
        self._slide, self._lock = slide, threading.Lock()
        self._computed: list[ResampledSlide] = []
        self._kept = SegmentCache(_KEPT_BYTES)
        self.shapes = list(slide.info.level_shapes)
        ratio = float(_STEP)
        while max(self.shapes[-1]) > _OVERVIEW:
            level = len(slide.info.level_shapes) - 1
            size = slide.info.pixel_size_um
            coarser = None if size is None else size * slide.info.levels[level] * ratio
            self._computed.append(ResampledSlide(slide, level, ratio, coarser))
            info = self._computed[-1].info
            self.shapes.append((info.height, info.width))
            ratio *= _STEP

    def arrays(self, channel: int) -> "list[dask.array.Array]":
        """The levels of a channel, the full one first."""
        import dask.array

        dtype = self._slide.info.dtype
        return [
            dask.array.from_array(
                _Plane(self, channel, level, shape, dtype),
                chunks=_CHUNK,
                name=f"hrpn-tf-{next(_names)}",  # else dask reads everything, for a checksum
                asarray=False,
                meta=np.empty((0, 0), dtype),
            )
            for level, shape in enumerate(self.shapes)
        ]

    def read(self, channel: int, level: int, y: int, x: int, h: int, w: int) -> np.ndarray:
        stored = len(self._slide.info.level_shapes)
        with self._lock:  # readers of other packages need not allow threads
            if level < stored:
                return self._slide.read(y, x, h, w, [channel], level)[..., 0]
            return self._computed_window(channel, level, y, x, h, w)

    def _computed_window(
        self, channel: int, level: int, y: int, x: int, h: int, w: int
    ) -> np.ndarray:
        """A window of a computed level, put together from blocks, which are kept."""
        window = np.empty((h, w), self._slide.info.dtype)
        for top in range(y - y % _BLOCK, y + h, _BLOCK):
            for left in range(x - x % _BLOCK, x + w, _BLOCK):
                block = self._block(channel, level, top, left)
                rows, columns = max(top, y), max(left, x)
                part = block[rows - top : y + h - top, columns - left : x + w - left]
                window[
                    rows - y : rows - y + part.shape[0], columns - x : columns - x + part.shape[1]
                ] = part
        return window

    def _block(self, channel: int, level: int, y: int, x: int) -> np.ndarray:
        key = (channel, level, y << 32 | x)
        if (found := self._kept.get(key)) is None:
            height, width = self.shapes[level]
            size = (min(_BLOCK, height - y), min(_BLOCK, width - x))
            source = self._computed[level - len(self._slide.info.level_shapes)]
            grey = source.read(y, x, *size, [channel])[..., 0]
            dtype = self._slide.info.dtype
            found = (np.rint(grey) if dtype.kind in "iu" else grey).astype(dtype)
            self._kept.put(key, found)
        return found


@dataclass(frozen=True)
class _Plane:
    """One level of one channel, as dask takes an array."""

    levels: _Levels
    channel: int
    level: int
    shape: tuple[int, int]
    dtype: np.dtype
    ndim: int = 2

    def __getitem__(self, key: tuple[slice | int, slice | int]) -> np.ndarray:
        spans, places = [], []
        for each, side in zip(key, self.shape, strict=True):
            one = None if isinstance(each, slice) else int(each) % side
            span = each if isinstance(each, slice) else slice(one, one + 1)  # type: ignore[operator]
            start, end, step = span.indices(side)
            spans += [start, max(0, end - start)]
            places.append(slice(None, None, step) if one is None else 0)
        y, height, x, width = spans
        if not height or not width:
            return np.empty((height, width), self.dtype)[tuple(places)]
        window = self.levels.read(self.channel, self.level, y, x, height, width)
        return window[tuple(places)]
