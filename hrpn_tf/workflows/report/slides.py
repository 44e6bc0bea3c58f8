"""The slides of a report: their layers, tiles and thumbnails."""

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.errors import MissingPredictionError, SlideNotFoundError
from hrpn_tf.evaluation import ChannelPlane
from hrpn_tf.evaluation.report.colours import paint
from hrpn_tf.evaluation.report.counts import ReportCounts, no_counts
from hrpn_tf.evaluation.report.layers import PREDICTION, RESOLUTION, TRUTH, Layer
from hrpn_tf.evaluation.report.pyramid import Tile
from hrpn_tf.evaluation.report.viewer import SlideView, write_view
from hrpn_tf.runs.slides import find_prediction, predict_command
from hrpn_tf.slides import Slide, open_slide, read_provenance
from hrpn_tf.slides.resample import area_means
from hrpn_tf.workflows.evaluate.measured_slides import (
    Resampled,
    check_prediction,
    measured_slide,
    predicted_plane,
    resampled,
)
from hrpn_tf.workflows.report.sources import Sources

_THUMBNAIL = 112  # px, the longer side


@dataclass(frozen=True)
class SlideContent:
    """Content of a report for one slide.

    Attributes:
        view: tiles and their description.
        thumbnails: measured, predicted, error as data URLs.
        thumbnail_size: (height, width) px.
        info: properties of the slide by name.
        provenance: provenance of the prediction.
        coverage: share of pixels within their prediction interval; None without intervals.
    """

    view: SlideView
    thumbnails: dict[str, str]
    thumbnail_size: tuple[int, int]
    info: dict[str, str]
    provenance: dict[str, Any]
    coverage: float | None


def slide_content(
    sources: Sources,
    name: str,
    folder: Path,
    *,
    most_pixels: float,
    counts: ReportCounts,
    progress: Callable[[int], object],
) -> SlideContent:
    """Write the tiles of a slide and describe it.

    Args:
        sources: sources of the report.
        name: name of the slide.
        folder: folder for the tiles.
        most_pixels: largest number of pixels of the finest level.
        counts: counts to which those of the slide are added, once it is read completely.
        progress: called with the number of pixels of each finished part.

    Raises:
        SlideNotFoundError: the slide is missing, or not in the list.
        MissingPredictionError: there is no prediction.
        HrpnError: the slide or its prediction cannot be shown.
    """
    own = no_counts(counts.density.edges)
    with open_layers(sources, name) as (layers, size, slide, prediction):
        view = write_view(
            layers,
            folder,
            pixel_size_um=size,
            most_pixels=most_pixels,
            counts=own,
            progress=progress,
        )
        info = _info(slide, size, resampled(sources.slides[name], prediction, sources.config))
        provenance = read_provenance(prediction)
    counts.merge(own)
    thumbnails, shape = _thumbnails(view)
    return SlideContent(view, thumbnails, shape, info, provenance, own.coverage.share)


@contextmanager
def open_layers(
    sources: Sources, name: str
) -> Iterator[tuple[list[Layer], float, Slide, Path]]:  # fmt: skip
    """Layers of a slide, its pixel size in um, the open slide, and the path of the prediction."""
    if name not in sources.slides:
        raise SlideNotFoundError(
            f"{name}: " + (sources.missing or "not in the slide list; name one that holds it")
        )
    slide = sources.slides[name]
    prediction = find_prediction(sources.predictions, name)
    if prediction is None:
        command = predict_command(sources.slide_list, sources.network, sources.predictions, ())
        raise MissingPredictionError(
            f"{sources.predictions}: no prediction of {name}; make it with: {command}"
        )
    with ExitStack() as stack:
        check_prediction(prediction, slide, sources.config)
        predicted = stack.enter_context(open_slide(prediction))
        measured, opened = stack.enter_context(
            measured_slide(slide, sources.config, predicted.info)
        )
        target = measured.target_role
        resolution = RESOLUTION if measured.target.dtype.kind == "u" else 0.0
        with_bounds = _with_bounds(sources, name, predicted, stack)
        layers = [
            Layer(TRUTH, f"measured {target}", TRUTH, target, measured.target),
            Layer(
                PREDICTION,
                f"predicted {target}",
                PREDICTION,
                target,
                predicted_plane(predicted, sources.config),
                resolution,
            ),
            *_bounds(with_bounds, target, resolution),
            *(
                Layer(f"input-{number}", role, "input", f"input {role}", plane)
                for number, (role, plane) in enumerate(measured.inputs.items())
            ),
        ]
        yield layers, measured.pixel_size_um, opened, prediction


def _with_bounds(sources: Sources, name: str, predicted: Slide, stack: ExitStack) -> Slide:
    """The slide with lower and upper bounds, if there is one.

    Either the prediction itself, or the one that ``hrpn-tf predict --intervals`` made beside it.
    """
    beside = find_prediction(sources.predictions.with_name(f"{sources.predictions.name}-intervals"),
                             name)  # fmt: skip
    if beside is None or _bounds(predicted, "", 0.0):
        return predicted
    check_prediction(beside, sources.slides[name], sources.config)
    return stack.enter_context(open_slide(beside))


def _bounds(predicted: Slide, target: str, resolution: float) -> list[Layer]:
    """Lower and upper bound, if the prediction has channels with these names."""
    layers = []
    for kind in ("lower", "upper"):
        for index, channel in enumerate(predicted.info.channels):
            if re.search(rf"\b{kind}\b", channel.casefold().replace("_", " ")):
                plane = ChannelPlane(predicted, index)
                layers.append(Layer(kind, f"{kind} bound", kind, target, plane, resolution))
                break
    return layers


def _info(slide: Slide, size: float, how: Resampled | None) -> dict[str, str]:
    info = slide.info
    return {
        "file": str(info.path.name),
        "format": info.format,
        "size": f"{info.height} × {info.width} px "
        f"({info.height * size / 1000:.2f} × {info.width * size / 1000:.2f} mm)",
        "pixel size": f"{size:g} µm/px" if how is None else str(how).replace("um", "µm"),
        "channels": ", ".join(info.channels),
    }


def _thumbnails(view: SlideView) -> tuple[dict[str, str], tuple[int, int]]:
    """Data URLs of the whole slide, and their (height, width)."""
    images: Tile = view.overview
    height, width = images[TRUTH].shape
    factor = _THUMBNAIL / max(height, width)
    shape = max(1, round(height * factor)), max(1, round(width * factor))
    scale, error = _scale_of(view, TRUTH), view.values["scales"]["error"]
    difference = images[PREDICTION].astype(np.float64) - images[TRUTH]
    painted = {
        "measured": paint(images[TRUTH], "truth", scale["low"], scale["high"]),
        "predicted": paint(images[PREDICTION], "prediction", scale["low"], scale["high"]),
        "error": paint(difference, "error", error["low"], error["high"]),
    }
    return {name: _data_url(image, shape) for name, image in painted.items()}, shape


def _scale_of(view: SlideView, key: str) -> dict[str, float]:
    layer = next(layer for layer in view.values["layers"] if layer["key"] == key)
    scale: dict[str, float] = view.values["scales"][layer["scale"]]
    return scale


def _data_url(image: np.ndarray, shape: tuple[int, int]) -> str:
    """WebP image of at most twice the displayed size, for high-resolution screens."""
    import imagecodecs

    rows, columns = (min(2 * shown, size) for shown, size in zip(shape, image.shape, strict=False))
    small = np.stack([area_means(image[..., i], rows, columns) for i in range(3)], axis=-1)
    data = imagecodecs.webp_encode(small.round().astype(np.uint8), level=90, lossless=False)
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")
