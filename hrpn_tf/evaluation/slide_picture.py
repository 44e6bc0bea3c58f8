"""The picture of a slide: inputs, measured and predicted target, error, joint density."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hrpn_tf.evaluation.density import Density, shared_edges
from hrpn_tf.evaluation.metric_values import Metrics
from hrpn_tf.evaluation.metrics import METRICS
from hrpn_tf.evaluation.planes import Plane, Window
from hrpn_tf.figures import figure_style, new_figure, save_figure
from hrpn_tf.scale_bar import draw_scale_bar, scale_bar
from hrpn_tf.slides import iter_windows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CROP = 1280  # side of the largest part of a slide that is shown, px
SATURATED = 99.8  # percentile of the crop that is shown brightest

# Maps that keep their order for colour-blind readers and in grey print.
INTENSITY_MAP, ERROR_MAP, DENSITY_MAP, INPUT_MAP = "inferno", "PuOr_r", "cividis", "gray"

Clipped = Literal["neither", "min", "max", "both"]


@dataclass(frozen=True)
class SlidePicture:
    """The contents of a picture.

    Attributes:
        title: of the picture, e.g. the slide's name.
        inputs: role: plane.
        target: role of the measured plane.
        measured, predicted: the two planes to compare.
        metrics: of the whole slide, as predicted.
        pixel_size_um: um per pixel; without one the scale bar is in pixels.
    """

    title: str
    inputs: Mapping[str, Plane]
    target: str
    measured: Plane
    predicted: Plane
    metrics: Metrics
    pixel_size_um: float | None


@figure_style()
def draw(picture: SlidePicture, path: Path) -> None:
    """Write the picture as PNG (its kind follows from the suffix of ``path``)."""
    window, note = choose_crop(picture.measured)
    measured = window.read(picture.measured).astype(np.float64)
    predicted = window.read(picture.predicted).astype(np.float64)
    images = {role: window.read(plane) for role, plane in picture.inputs.items()}

    columns = max(3, len(images) + 1)
    aspect = float(np.clip(window.height / window.width, 0.55, 2.0))
    figure = new_figure(4.3 * columns, 2 * 3.6 * aspect + 1.7)
    axes = figure.subplots(2, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (role, image) in zip(axes[0], images.items(), strict=False):
        _image(figure, axis, f"input: {role}", image, INPUT_MAP, *_range(image))
    top = max(_range(measured)[1], _range(predicted)[1])
    low = min(_range(measured)[0], _range(predicted)[0])
    _image(figure, axes[1, 0], f"measured {picture.target}", measured, INTENSITY_MAP, low, top)
    _image(figure, axes[1, 1], f"predicted {picture.target}", predicted, INTENSITY_MAP, low, top)
    error = predicted - measured
    reach = max(float(np.percentile(np.abs(error), SATURATED)), 1e-6)
    _image(figure, axes[1, 2], "error: predicted − measured", error, ERROR_MAP, -reach, reach)
    for axis in (*axes[0, : len(images)], *axes[1, :3]):
        mark_scale(axis, window, picture.pixel_size_um)
    _density(figure, axes[0, -1], picture, box_aspect=min(aspect, 1.0))
    figure.suptitle(f"{picture.title}\n{note}", fontsize=12, parse_math=False)
    save_figure(figure, path)


def choose_crop(measured: Plane, what: str = "the measured target") -> tuple[Window, str]:
    """What is shown of a slide, and a sentence that says so.

    The whole slide if it is small; otherwise the part in which the measured target varies most,
    so that the choice does not depend on the prediction.

    Args:
        measured: the plane that chooses.
        what: it is, for the sentence.
    """
    if measured.height <= CROP and measured.width <= CROP:
        whole = Window(0, 0, measured.height, measured.width)
        return whole, f"whole slide, {measured.height} x {measured.width} px"
    side = min(CROP, measured.height), min(CROP, measured.width)
    windows = (
        Window(min(y, measured.height - side[0]), min(x, measured.width - side[1]), *side)
        for y, x, _, _ in iter_windows(measured.height, measured.width, CROP)
    )
    best = max(windows, key=lambda w: float(w.read(measured).astype(np.float64).std()))
    return best, (
        f"crop of {best.height} x {best.width} px at row {best.y}, column {best.x}, where {what} "
        f"varies most, of {measured.height} x {measured.width} px"
    )


def density(picture: SlidePicture) -> Density:
    """Counts of (measured, predicted) values over all pixels of the slide."""
    integers = picture.measured.dtype.kind == "u"
    counts = Density(shared_edges(*_grey_levels(picture), integers))
    for measured, predicted in _parts(picture):
        counts.add(measured, predicted)
    return counts


def _grey_levels(picture: SlidePicture) -> tuple[float, float]:
    """The least and the largest grey level, measured or predicted."""
    known = picture.metrics.true, picture.metrics.predicted
    if picture.metrics.pixels == picture.measured.height * picture.measured.width:
        return min(each["min"] for each in known), max(each["max"] for each in known)
    # pixels that gave the anchor are in no metric
    ends = [(image.min(), image.max()) for pair in _parts(picture) for image in pair]
    return float(min(low for low, _ in ends)), float(max(high for _, high in ends))


def _parts(picture: SlidePicture) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Measured and predicted grey levels of the slide, window by window."""
    for part in iter_windows(picture.measured.height, picture.measured.width, CROP):
        window = Window(*part)
        yield window.read(picture.measured), window.read(picture.predicted)


def _density(figure: "Figure", axis: "Axes", picture: SlidePicture, box_aspect: float) -> None:
    from matplotlib.colors import LogNorm

    found = density(picture)
    counts, edges = found.counts, found.edges
    axis.set_axis_on()
    mesh = axis.pcolormesh(
        edges, edges, np.ma.masked_equal(counts.T, 0), norm=LogNorm(vmin=1), cmap=DENSITY_MAP
    )
    end = edges[np.max(np.nonzero(counts.sum(0) + counts.sum(1))) + 1]
    axis.plot([edges[0], end], [edges[0], end], color="0.3", linewidth=1, linestyle="--")
    axis.set(
        xlim=(edges[0], end),
        ylim=(edges[0], end),
        title="all pixels of the slide",
        box_aspect=box_aspect,
    )
    axis.set_xlabel(f"measured {picture.target}, grey levels", parse_math=False)
    axis.set_ylabel(f"predicted {picture.target}, grey levels", parse_math=False)
    values = picture.metrics.values
    text = "\n".join(
        f"{METRICS[name].label}: {METRICS[name].text(values[name])}"
        for name in ("r2", "pearson", "rmse")
    )
    readable = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2}
    axis.text(0.04, 0.96, text, transform=axis.transAxes, va="top", fontsize=11, bbox=readable)
    _bar(figure, axis, mesh, "pixels")


def _image(
    figure: "Figure", axis: "Axes", title: str, image: np.ndarray, cmap: str, low: Any, high: Any
) -> None:
    shown = axis.imshow(image, cmap=cmap, vmin=low, vmax=high)
    axis.set_title(title, parse_math=False)
    _bar(figure, axis, shown, "grey levels", clipped(image, low, high))


def clipped(image: np.ndarray, low: float, high: float) -> Clipped:
    """At which ends of a range an image goes beyond it, as Matplotlib's ``extend`` names them.

    NaN does not count; an image of nothing else is an error.

    >>> clipped(np.arange(5), 0, 3), clipped(np.arange(5), 1, 3), clipped(np.arange(5), 0, 4)
    ('max', 'both', 'neither')
    """
    below, above = bool(np.nanmin(image) < low), bool(np.nanmax(image) > high)
    ends: dict[tuple[bool, bool], Clipped] = {
        (False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both",
    }  # fmt: skip
    return ends[below, above]


def _bar(
    figure: "Figure", axis: "Axes", shown: Any, label: str, extend: Clipped = "neither"
) -> None:
    """A colour bar as high as the picture beside it; an arrow marks an end that is exceeded."""
    place = axis.inset_axes((1.02, 0, 0.03, 1))
    figure.colorbar(shown, cax=place, label=label, extend=extend, extendfrac=0.03)


def _range(image: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(image, [100 - SATURATED, SATURATED])
    return float(low), float(max(high, low + 1e-6))


def mark_scale(
    axis: "Axes", window: Window, pixel_size_um: float | None, fontsize: float = 10
) -> None:
    """Draw a bar of a round length, at most a fifth of the picture's width, at its lower right."""
    bar = scale_bar(max(window.width / 5, 1.0), pixel_size_um)
    side = min(window.height, window.width)
    place = (window.width * 0.96, window.height - side * 0.05, side * 0.012)
    draw_scale_bar(axis, bar, *place, fontsize=fontsize)
