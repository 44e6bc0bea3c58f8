"""The evaluation of one predicted slide: sums, baselines and picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hrpn_tf.config.data import SMALL_PART
from hrpn_tf.errors import SlideMismatchError
from hrpn_tf.evaluation.baselines.baselines import (
    MODEL,
    WITHOUT_ANCHOR,
    Baselines,
    baseline_planes,
)
from hrpn_tf.evaluation.evaluation import Compared, SlideMetrics
from hrpn_tf.evaluation.measured import MeasuredSlide
from hrpn_tf.evaluation.metric_values import metrics_of
from hrpn_tf.evaluation.pixel_errors import CompareSettings, Progress, compare
from hrpn_tf.evaluation.planes import Plane, ScaledPlane
from hrpn_tf.evaluation.slide_picture import SlidePicture, draw


def evaluate_slide(
    measured: MeasuredSlide,
    predicted: Plane,
    tissue: Plane | None,
    settings: CompareSettings,
    *,
    baselines: Baselines | None = None,
    picture: Path | None = None,
    progress: Progress | None = None,
    factor: float | None = None,
    excluded: Plane | None = None,
) -> SlideMetrics:
    """Compare the prediction of one slide with its measured target.

    Args:
        measured: the slide with its measured target.
        predicted: the predicted target, grey levels, of the same size.
        tissue: bool mask of the same size, for the region "tissue"; None leaves that region out.
        settings: views, peak and window of the comparison.
        baselines: baselines fitted on the training slides, which are evaluated, too.
        picture: PNG file to draw the slide into.
        progress: called with the number of pixels finished since the last call of the comparison.
        factor: what the prediction was multiplied by after it left the network; the prediction
            without it is compared, too. None leaves that out.
        excluded: bool mask of the same size: pixels that do not count, since the prediction was
            scaled by them; None for none.

    Raises:
        SlideMismatchError: predicted and measured slide differ in size.
        NonFinitePixelsError: the prediction holds NaN or infinite pixels.
    """
    try:
        sums = compare(predicted, measured.target, tissue, settings, progress, excluded)
    except SlideMismatchError as error:
        raise SlideMismatchError(f"{measured.name}: {error}") from None
    predictors: dict[str, Compared] = {MODEL: sums}
    if factor == 1.0:
        predictors[WITHOUT_ANCHOR] = sums
    elif factor is not None:
        before = ScaledPlane(predicted, 1 / factor)
        predictors[WITHOUT_ANCHOR] = compare(
            before, measured.target, tissue, settings, excluded=excluded
        )
    if baselines is not None:
        plain = CompareSettings(peak=None, rounded=False, ssim=False)
        for name, plane in baseline_planes(measured, baselines).items():
            predictors[name] = compare(plane, measured.target, tissue, plain, excluded=excluded)
    if picture is not None:
        drawn = SlidePicture(
            title=f"{measured.name} ({measured.subset})",
            inputs=measured.inputs,
            target=measured.target_role,
            measured=measured.target,
            predicted=predicted,
            metrics=metrics_of(sums["float", "whole"], settings.peak),
            pixel_size_um=measured.pixel_size_um,
        )
        draw(drawn, picture)
    return SlideMetrics(measured.name, measured.group, measured.subset, predictors)


def common_peak(types: Mapping[str, np.dtype], peak: float | None) -> float | None:
    """The peak intensity for all slides.

    Args:
        types: data type of each measured slide, by name; at least one.
        peak: peak intensity that the user states, grey levels, or None.

    Returns:
        ``peak`` if it is stated, else the largest value of an unsigned integer type, else None.

    Raises:
        SlideMismatchError: the slides have different types, so their intensities cannot be pooled.

    Example:
        >>> common_peak({"a": np.dtype("uint8"), "b": np.dtype("uint8")}, None)
        255.0
    """
    if len(set(types.values())) > 1:
        listed = ", ".join(f"{name} ({dtype})" for name, dtype in types.items())
        raise SlideMismatchError(
            f"the measured slides are of different types: {listed}; evaluate them separately"
        )
    dtype = next(iter(types.values()))
    return float(np.iinfo(dtype).max) if peak is None and dtype.kind == "u" else peak


def unused_range(
    slides: Sequence[SlideMetrics], peak: float | None, dtype: np.dtype | str
) -> str | None:
    """What to tell the user where the measured target uses a small part of its type's range.

    PSNR and SSIM are relative to the whole range, so counts of 12 bits in a type of 16 bits look
    24 dB better than they are.

    Args:
        slides: the evaluated slides.
        peak: largest value of the type; None where there is none.
        dtype: type of the measured target.
    """
    if peak is None:
        return None
    whole = (slide.predictors[MODEL]["float", "whole"].moments for slide in slides)
    counted = [float(np.max(moments.max_true)) for moments in whole if moments.count]
    if not counted:
        return None
    largest = max(counted)
    if largest >= SMALL_PART * peak:
        return None
    advice = (  # 12 bits do not fit into a byte
        "a dark target makes both look good, whatever the prediction"
        if np.dtype(dtype).itemsize == 1
        else "if the detector has fewer bits, such as 12, state --peak 4095, or data.grey_max when "
        "you prepare or train"
    )
    return (
        f"the measured target reaches {largest:g} grey levels, {100 * largest / peak:.2g} % of the "
        f"range of {dtype} that PSNR and SSIM are relative to; {advice}"
    )
