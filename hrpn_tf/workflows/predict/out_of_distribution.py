"""Compare a slide with the training slides before prediction; never refuse it."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_tf.errors import SlideFormatError, TrainingProfileError

if TYPE_CHECKING:
    from hrpn_export import Contract, Session

    from hrpn_tf.config import TissueConfig
    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile
    from hrpn_tf.prediction import Region, TissueMap
    from hrpn_tf.prediction.started import StartedPrediction
    from hrpn_tf.slides import Windows
    from hrpn_tf.workflows.networks.network import Network

logger = logging.getLogger(__name__)

# Key of the result's metadata.
KEY = "training_likeness"
AROUND = 8  # windows; the least side of the area that is looked at around a region
# Number of candidate positions along the longer side of a large slide.
_MOST_PLACES = 512


def find_profile(
    network: "Network", contract: "Contract"
) -> tuple["TrainingProfile | None", str | None]:
    """The training profile of a network, or None and the reason for not comparing slides."""
    try:
        profile = network.training_profile()
    except TrainingProfileError as error:
        return None, f"{error}; slides were not compared with the training slides"
    if profile is None:
        return None, (
            f"{network.folder} has no training profile, so slides were not compared with the "
            "training slides; hrpn-tf describe-training RUN makes one, and hrpn-tf export takes it "
            "along"
        )
    if profile.channels != tuple(contract.inputs):
        return None, (
            f"{network.folder}: the training profile is of {', '.join(profile.channels)}, so "
            "slides were not compared with it; hrpn-tf describe-training RUN makes it again"
        )
    return profile, None


def assess(
    profile: "TrainingProfile",
    session: "Session",
    slide: "Windows",
    channels: tuple[int, ...],
    area: "Region",
    tissue: "TissueMap | None",
    resampled: bool,
) -> dict[str, Any]:
    """Compare windows of a slide with the training slides.

    Args:
        profile: training profile of the network.
        session: the network; sessions of Keras models and of the twin of a run give features.
        slide: the slide on the pixel grid of the prediction.
        channels: indices of the inputs.
        area: region to predict, px.
        tissue: tissue map on the same pixel grid; None if every pixel counts as tissue.
        resampled: whether that grid is another one than the slide's own: the noise is not compared.

    Returns:
        Entry ``KEY`` of the result's metadata; see ``Judgement.to_json``. ``constant`` names the
        channels that have one value in all windows.
    """
    from hrpn_tf.evaluation.out_of_distribution import describe, judge

    corners = window_corners(area, profile.window_px, tissue)
    windows = list(read_windows(slide, corners, profile.window_px, area, channels))
    if not windows:
        reason = "none of the slide's windows can be read"
        return {KEY: {"score": None, "out_of_distribution": None, "left_out": [reason]}}
    judgement = judge(profile, describe(windows, _features(session), resampled))
    return {
        KEY: {
            **judgement.to_json(),
            "constant": constant_channels(windows, profile.channels),
            "windows": len(windows),
            "window_px": profile.window_px,
            "training_slides": len(profile.slides),
        }
    }


def around(region: "Region", side: int, size: tuple[int, int]) -> "Region":
    """A region with its surroundings: at least ``side`` px high and wide, within the slide.

    A slide is stained and scanned as a whole, so that the surroundings of a small region tell as
    much of it, and its own few pixels too little.

    Args:
        region: px.
        side: smallest height and width, px.
        size: (height, width) of the slide, px.

    Example:
        >>> from hrpn_tf.prediction import Region
        >>> around(Region(90, 10, 20, 60), 40, (100, 100))
        Region(y=60, x=10, height=40, width=60)
    """
    found = []
    for first, length, most in zip(
        (region.y, region.x), (region.height, region.width), size, strict=True
    ):
        wanted = min(max(length, side), most)
        start = min(max(first - (wanted - length) // 2, 0), most - wanted)
        found.append((start, wanted))
    (y, height), (x, width) = found
    return replace(region, y=y, x=x, height=height, width=width)


def warn(name: str, begun: "StartedPrediction") -> None:
    """Warn in one line if a slide is unlike the training slides, or shows nothing.

    Args:
        name: name of the slide.
        begun: its started prediction.
    """
    found: Mapping[str, Any] = begun.record.assessed.get(KEY, {})
    if constant := found.get("constant"):
        names = ("each of " if len(constant) > 1 else "") + ", ".join(constant)
        logger.warning(
            f"{name}: {names} has one value wherever the slide was looked at; no tissue, or "
            "another channel?"
        )
    if text := in_words(found):
        logger.warning(f"{name}: {text}; expect larger errors")


def constant_channels(windows: Sequence[np.ndarray], channels: Sequence[str]) -> list[str]:
    """The channels that have one and the same value in all windows (h, w, channels)."""
    low = np.min([window.min(axis=(0, 1)) for window in windows], axis=0)
    high = np.max([window.max(axis=(0, 1)) for window in windows], axis=0)
    return [name for name, flat in zip(channels, low == high, strict=True) if flat]


def in_words(found: Mapping[str, Any]) -> str:
    """Description of an out-of-distribution slide; empty for other slides."""
    from hrpn_tf.evaluation.out_of_distribution import one_line

    if not found.get("out_of_distribution"):
        return ""
    return (
        f"unlike the training slides (out of distribution, score {found['score']:.3g} where 1 is "
        f"the limit): {one_line(found['reasons'])}"
    )


def coarse_tissue(
    means: np.ndarray, scale: tuple[float, float], pixel_size_um: float, config: "TissueConfig"
) -> "TissueMap":
    """Tissue map with elements as large as those used to choose training patches.

    A finer map resolves single nuclei, and would favour windows with the most nuclei.

    Args:
        means: (h, w, inputs) float32 mean intensities.
        scale: (rows, columns) of an element, px.
        pixel_size_um: um per pixel.
        config: tissue configuration of the training.
    """
    from hrpn_tf.data.tissue import block_side, channel_mean, is_tissue
    from hrpn_tf.prediction import TissueMap
    from hrpn_tf.slides.resample import area_means

    side = max(1, round(block_side(config.scale_um, pixel_size_um) / min(scale)))
    rows, columns = (max(1, length // side) for length in means.shape[:2])
    grey = channel_mean(means)
    coarse = area_means(grey, rows, columns)
    wider = (scale[0] * grey.shape[0] / rows, scale[1] * grey.shape[1] / columns)
    block = block_side(config.scale_um, pixel_size_um)
    return TissueMap(is_tissue(coarse, config, min(wider) / block), wider, ())


def window_corners(area: "Region", side: int, tissue: "TissueMap | None") -> np.ndarray:
    """(N, 2) rows and columns of evenly spread windows full of tissue, px."""
    from hrpn_tf.evaluation.out_of_distribution import choose_windows

    step = max(side, -(-max(area.height, area.width) // _MOST_PLACES))
    rows = area.y + np.arange(0, max(area.height - side, 0) + 1, step)
    columns = area.x + np.arange(0, max(area.width - side, 0) + 1, step)
    corners = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    shares = np.ones(len(corners)) if tissue is None else _shares(corners, side, tissue)
    return np.asarray(corners[choose_windows(shares)])


def _shares(corners: np.ndarray, side: int, tissue: "TissueMap") -> np.ndarray:
    """(N,) share of tissue of each window, from a summed-area table."""
    sums = np.pad(tissue.mask.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    ends = []
    for axis in (0, 1):
        scale, length = tissue.scale[axis], tissue.mask.shape[axis]
        first = np.minimum((corners[:, axis] / scale).astype(int), length - 1)
        last = np.clip(np.ceil((corners[:, axis] + side) / scale).astype(int), first + 1, length)
        ends.append((first, last))
    (top, bottom), (left, right) = ends
    inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return np.asarray(inside / ((bottom - top) * (right - left)))


def read_windows(
    slide: "Windows", corners: np.ndarray, side: int, area: "Region", channels: tuple[int, ...]
) -> Iterator[np.ndarray]:
    """The readable windows; damaged ones are reported by the prediction."""
    bottom, right = area.y + area.height, area.x + area.width
    for y, x in corners.tolist():
        height, width = min(side, bottom - y), min(side, right - x)
        try:
            yield slide.read(y, x, height, width, channels)
        except SlideFormatError:
            continue


def _features(session: "Session") -> Any:
    """Function for the pooled features of the session's network; None if not available."""
    if (own := getattr(session, "features", None)) is not None:
        return own
    model = getattr(session, "model", None)
    if model is None:
        return None
    from hrpn_tf.models.features import pooled_features

    return pooled_features(model)
