"""A slide of an analysis, open: its image, its bounds, its inputs and its tissue."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.config import Config
from hrpn_tf.errors import NoTissueError, SlideMismatchError, UsageError
from hrpn_tf.evaluation import ChannelPlane, MaskPlane
from hrpn_tf.evaluation.planes import Plane, spread_windows
from hrpn_tf.evaluation.spatial.intensity import Extremes, extremes
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides import Slide, open_slide
from hrpn_tf.workflows.evaluate.measured_slides import opened_roles, predicted_plane, tissue_plane
from hrpn_tf.workflows.evaluate.spatial_anatomy import SlideInputs

THRESHOLD_BINS, SAMPLE_SIDE, SAMPLES = 2048, 256, 256


@dataclass(frozen=True)
class OpenedSlide:
    """What is measured of a slide.

    Attributes:
        inputs: planes of the inputs, and of the target if it was asked for.
        image: the predicted target; the measured one if there is no prediction.
        bounds: lower and upper bound of every pixel; empty without bounds.
        tissue: mask of the pixels that count; None for all.
    """

    inputs: SlideInputs
    image: Plane
    bounds: tuple[Plane, ...]
    tissue: Plane | None


@contextmanager
def opened_slide(
    slide: RunSlide, prediction: Path | None, config: Config, *, target: bool = False
) -> Iterator[OpenedSlide]:
    """Open a slide with its prediction.

    Args:
        slide: the slide.
        prediction: None to take the measured target for the image.
        config: of the network.
        target: whether the slide has to have the measured target though it is predicted.

    Raises:
        SlideMismatchError: the prediction covers another area than the slide.
        NoTissueError: nothing of the slide is tissue.
    """
    if prediction is None:
        with opened_roles(slide, config, target=True) as roles:
            inputs = SlideInputs(slide, roles.planes, roles.opened, roles.pixel_size_um)
            tissue = _tissue(inputs, config)
            yield OpenedSlide(inputs, roles.planes[config.data.target], (), tissue)
        return
    with (
        open_slide(prediction) as predicted,
        opened_roles(slide, config, predicted.info, target=target) as roles,
    ):
        seen, made = roles.opened.info, predicted.info
        if (seen.height, seen.width) != (made.height, made.width):
            raise SlideMismatchError(
                f"{prediction}: {made.height} x {made.width} px, but the slide {slide.name} has "
                f"{seen.height} x {seen.width}; predict the whole slide, and choose parts of it "
                "with --regions"
            )
        inputs = SlideInputs(slide, roles.planes, roles.opened, roles.pixel_size_um)
        image = predicted_plane(predicted, config)
        yield OpenedSlide(inputs, image, _bounds(predicted, config), _tissue(inputs, config))


def refuse_no_bounds(prediction: Path, config: Config) -> None:
    """Refuse a prediction without intervals.

    Raises:
        UsageError: it has none.
    """
    with open_slide(prediction) as predicted:
        if not _bounds(predicted, config):
            raise UsageError(
                f"{prediction}: has no bounds (it holds {', '.join(predicted.info.channels)}); "
                "predict it with --intervals, after hrpn-tf calibrate"
            )


def range_of(opened: OpenedSlide) -> Extremes:
    """Range of the image and its bounds."""
    found = extremes(opened.image)
    for plane in opened.bounds:
        found |= extremes(plane)
    return found


def add_to_histogram(opened: OpenedSlide, counts: np.ndarray, range_: Extremes) -> None:
    """Count the grey levels of the tissue, in windows spread over the slide, in place.

    Args:
        opened: the slide.
        counts: (bins,) of equal width over ``range_``.
        range_: of all slides.
    """
    for window in spread_windows(opened.image, SAMPLE_SIDE, SAMPLES):
        grey = window.read(opened.image)
        inside = grey.ravel() if opened.tissue is None else grey[window.read(opened.tissue)]
        counts += np.histogram(inside, len(counts), (range_.low, range_.high))[0]


def common_threshold(counts: np.ndarray, range_: Extremes, given: float | None) -> float:
    """The grey level above which a pixel is positive: as given, or Otsu's of all slides.

    Raises:
        UsageError: nothing, or everything, would be positive.
    """
    if given is not None:
        if not range_.low <= given < range_.high:
            raise UsageError(
                f"--threshold {given:g}: outside the data, which go from {range_.low:.4g} to "
                f"{range_.high:.4g} grey levels"
            )
        return given
    if np.count_nonzero(counts) < 2:
        return range_.high
    from skimage.filters import threshold_otsu

    edges = np.linspace(range_.low, range_.high, len(counts) + 1)
    return float(threshold_otsu(hist=(counts, (edges[1:] + edges[:-1]) / 2)))


def _bounds(predicted: Slide, config: Config) -> tuple[Plane, ...]:
    """The channels of the lower and upper bound; empty if there are none."""
    names = list(predicted.info.channels)
    wanted = [f"{config.data.target}_{end}" for end in ("lower", "upper")]
    if not all(name in names for name in wanted):
        return ()
    return tuple(ChannelPlane(predicted, names.index(name)) for name in wanted)


def _tissue(inputs: SlideInputs, config: Config) -> Plane | None:
    if config.spatial.region != "tissue":
        return None
    tissue = tissue_plane(inputs.opened, inputs.slide, inputs.pixel_size_um, config)
    if isinstance(tissue, MaskPlane) and not tissue.mask.any():
        raise NoTissueError(
            f"{inputs.slide.path}: no tissue is found on it; lower it with --set "
            "data.tissue.KEY=VALUE, or count all pixels with --set spatial.region=whole"
        )
    return tissue
