"""The data of the viewer for one slide: tiles on disk, and values for the script of the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.evaluation.report import colours
from hrpn_tf.evaluation.report.counts import ReportCounts
from hrpn_tf.evaluation.report.layers import (
    ERROR,
    PREDICTION,
    SIDE,
    TRUTH,
    Kind,
    Layer,
    refuse_other_size,
)
from hrpn_tf.evaluation.report.pyramid import Tile, build, level_count, level_shape
from hrpn_tf.evaluation.report.tiles import write_tile

# Percentiles that are black and white at first; as in the pictures of `hrpn-tf evaluate`.
_DARKEST, _BRIGHTEST = 0.2, 99.8
_SAMPLE = 2**20  # pixels that the percentiles rest on


@dataclass(frozen=True)
class SlideView:
    """What was made of one slide.

    Attributes:
        overview: key: the whole slide, at most 512 px a side.
        values: what the page's script needs, as plain values.
        tile_bytes: of all tiles.
        reduction: slide px per px of the finest level that is shown.
    """

    overview: Tile
    values: dict[str, Any]
    tile_bytes: int
    reduction: int


def write_view(
    layers: Sequence[Layer],
    folder: Path,
    *,
    pixel_size_um: float,
    most_pixels: float,
    counts: ReportCounts,
    progress: Callable[[int], object] = lambda pixels: None,
) -> SlideView:
    """Write the tiles of a slide and collect what its page needs, reading every pixel once.

    Args:
        layers: of one size; one of key "truth" and one of key "prediction".
        folder: of the tiles; made.
        pixel_size_um: of the slide.
        most_pixels: of the finest level that is written; the slide is halved until it fits.
        counts: to which all pixels are added.
        progress: called with the number of pixels finished since the last call.

    Raises:
        SlideMismatchError: layers of different sizes.
        NonFinitePixelsError: a layer holds NaN or infinite pixels.
        SlideFormatError: a file is damaged.
    """
    refuse_other_size(layers)
    plane = layers[0].plane
    top = level_count(plane.height, plane.width, SIDE) - 1
    skipped = _skipped(plane.height, plane.width, most_pixels, top)
    watch = _Watch(max(1, round((plane.height * plane.width / _SAMPLE) ** 0.5)))
    resolutions = {layer.key: layer.resolution for layer in layers}
    written = 0

    def emit(level: int, row: int, column: int, pixels: Tile) -> None:
        nonlocal written
        if level <= top - skipped:
            written += write_tile(folder, (level, row, column), pixels, resolutions)

    def observe(pixels: Tile) -> None:
        watch.see(pixels)
        counts.add(pixels)
        progress(pixels[TRUTH].size)

    overview = build({layer.key: layer.plane for layer in layers}, SIDE, emit, observe)
    height, width = level_shape(plane.height, plane.width, skipped)
    values = {
        "height": height,
        "width": width,
        "side": SIDE,
        "top": top - skipped,
        "reduction": 2**skipped,
        "slideHeight": plane.height,
        "slideWidth": plane.width,
        "pixelSize": pixel_size_um * 2**skipped,
        **describe(layers, watch),
    }
    return SlideView(overview, values, written, 2**skipped)


def describe(layers: Sequence[Layer], watch: "_Watch") -> dict[str, Any]:
    """Layers and scales as plain values for the script."""
    scales: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(layer.scale for layer in layers):
        keys = [layer.key for layer in layers if layer.scale == name]
        # an upper bound is brighter than what it bounds
        plain = [k for k in keys if k not in ("lower", "upper")] or keys
        samples = np.concatenate([watch.sample(key) for key in plain])
        low, high = np.percentile(samples, [_DARKEST, _BRIGHTEST])
        scales[name] = _scale(
            min(watch.low[key] for key in keys),
            max(watch.high[key] for key in keys),
            float(low),
            float(high),
        )
    error = watch.sample(PREDICTION) - watch.sample(TRUTH)
    reach = max(float(np.percentile(np.abs(error), _BRIGHTEST)), 1e-6)
    furthest = max(float(np.abs(error).max()), reach)
    scales[ERROR] = {**_scale(-furthest, furthest, -reach, reach), "symmetric": True}
    shown: list[tuple[str, str, Kind, str]] = [
        (layer.key, layer.title, layer.kind, layer.scale) for layer in layers
    ]
    shown.append((ERROR, "error: predicted − measured", ERROR, ERROR))
    inputs = [key for key, _, kind, _ in shown if kind == "input"]
    return {
        "scales": scales,
        "layers": [
            {
                "key": key,
                "title": title,
                "kind": kind,
                "scale": scale,
                "colours": colours.table(kind, inputs.index(key) if kind == "input" else 0),
            }
            for key, title, kind, scale in shown
        ],
    }


def _scale(minimum: float, maximum: float, low: float, high: float) -> dict[str, Any]:
    """Range of a contrast slider, and where it stands; never empty, whatever the values."""
    if maximum <= minimum:
        maximum = minimum + 1
    if high <= low:
        low, high = minimum, maximum
    return {"min": minimum, "max": maximum, "low": low, "high": high, "symmetric": False}


def _skipped(height: int, width: int, most_pixels: float, top: int) -> int:
    """How many of the finest levels are not written."""
    for skipped in range(top):
        rows, columns = level_shape(height, width, skipped)
        if rows * columns <= most_pixels:
            return skipped
    return top


@dataclass
class _Watch:
    """Range of every layer, and each ``stride``-th pixel in both directions."""

    stride: int
    low: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)
    _samples: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def see(self, pixels: Tile) -> None:
        for key, image in pixels.items():
            self.low[key] = min(float(image.min()), self.low.get(key, np.inf))
            self.high[key] = max(float(image.max()), self.high.get(key, -np.inf))
            part = image[:: self.stride, :: self.stride].astype(np.float32)
            self._samples.setdefault(key, []).append(part.ravel())

    def sample(self, key: str) -> np.ndarray:
        return np.concatenate(self._samples[key])
