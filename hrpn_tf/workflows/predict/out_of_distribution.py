"""Tell whether a slide that is to be predicted is like the training slides. It never refuses."""

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_tf.errors import SlideFormatError, TrainingProfileError

if TYPE_CHECKING:
    from hrpn_export import Contract, Session

    from hrpn_tf.config import TissueConfig
    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile
    from hrpn_tf.prediction import Region, TissueMap
    from hrpn_tf.prediction.reading import Windows
    from hrpn_tf.prediction.started import StartedPrediction
    from hrpn_tf.workflows.networks.network import Network

logger = logging.getLogger(__name__)

# Of a result's metadata.
KEY = "training_likeness"
# Of a large slide, so many places along its longer side are candidates.
_MOST_PLACES = 512


def find_profile(
    network: "Network", contract: "Contract"
) -> tuple["TrainingProfile | None", str | None]:
    """The training profile that comes with a network, or None and why slides are not compared."""
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
) -> dict[str, Any]:
    """Compare windows of a slide with the training slides.

    Args:
        profile: of the network's training.
        session: the network; only that of a Keras model can be asked for its features.
        slide: in the pixels that it is predicted in.
        channels: indices of the inputs.
        area: that is predicted, px.
        tissue: of the slide, in the same pixels; None if all of it counts as tissue.

    Returns:
        What the result says of it: ``KEY``: see ``Judgement.to_json``.
    """
    from hrpn_tf.evaluation.out_of_distribution import describe, judge

    corners = window_corners(area, profile.window_px, tissue)
    windows = list(_read(slide, corners, profile.window_px, area, channels))
    if not windows:
        reason = "none of the slide's windows can be read"
        return {KEY: {"score": None, "out_of_distribution": None, "left_out": [reason]}}
    judgement = judge(profile, describe(windows, _features(session)))
    return {
        KEY: {
            **judgement.to_json(),
            "windows": len(windows),
            "window_px": profile.window_px,
            "training_slides": len(profile.slides),
        }
    }


def warn(name: str, begun: "StartedPrediction") -> None:
    """Say in one line on standard error that a slide is unlike the training slides, if it is.

    Args:
        name: of the slide.
        begun: its prediction.
    """
    found: Mapping[str, Any] = begun.record.assessed.get(KEY, {})
    if text := in_words(found):
        logger.warning(f"{name}: {text}; expect larger errors")


def in_words(found: Mapping[str, Any]) -> str:
    """What a user is told of a slide that is out of distribution; empty for other slides."""
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
    """Tissue in elements as large as those that the training patches were chosen by.

    A finer map shows single nuclei, and windows that are full of it are those with the most.

    Args:
        means: (h, w, inputs) float32 grey levels.
        scale: (rows, columns) px per element.
        pixel_size_um: um per px.
        config: of the training.
    """
    import cv2

    from hrpn_tf.data.tissue import block_side, is_tissue
    from hrpn_tf.prediction import TissueMap

    side = max(1, round(block_side(config.scale_um, pixel_size_um) / min(scale)))
    rows, columns = (max(1, length // side) for length in means.shape[:2])
    grey = np.ascontiguousarray(means.mean(axis=-1), np.float32)
    coarse = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA)
    wider = (scale[0] * grey.shape[0] / rows, scale[1] * grey.shape[1] / columns)
    return TissueMap(is_tissue(coarse, config), wider, ())


def window_corners(area: "Region", side: int, tissue: "TissueMap | None") -> np.ndarray:
    """(N, 2) rows and columns of the windows to look at, full of tissue and spread evenly, px."""
    from hrpn_tf.evaluation.out_of_distribution import choose_windows

    step = max(side, -(-max(area.height, area.width) // _MOST_PLACES))
    rows = area.y + np.arange(0, max(area.height - side, 0) + 1, step)
    columns = area.x + np.arange(0, max(area.width - side, 0) + 1, step)
    corners = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    shares = np.ones(len(corners)) if tissue is None else _shares(corners, side, tissue)
    return np.asarray(corners[choose_windows(shares)])


def _shares(corners: np.ndarray, side: int, tissue: "TissueMap") -> np.ndarray:
    """(N,) share of tissue of each window, from sums over all elements above and to the left."""
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


def _read(
    slide: "Windows", corners: np.ndarray, side: int, area: "Region", channels: tuple[int, ...]
) -> Iterator[np.ndarray]:
    """The windows that can be read: what a damaged one means is for the prediction to say."""
    bottom, right = area.y + area.height, area.x + area.width
    for y, x in corners.tolist():
        height, width = min(side, bottom - y), min(side, right - x)
        try:
            yield slide.read(y, x, height, width, channels)
        except SlideFormatError:
            continue


def _features(session: "Session") -> Any:
    """The pooled features of the session's network, if it can be asked for them."""
    model = getattr(session, "model", None)
    if model is None:
        return None
    from hrpn_tf.models.features import pooled_features

    return pooled_features(model)
