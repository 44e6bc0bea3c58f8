"""Everything that is measured and drawn of one predicted slide."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hrpn_tf.errors import SlideMismatchError
from hrpn_tf.evaluation.baselines.baselines import MODEL, Baselines, baseline_planes
from hrpn_tf.evaluation.evaluation import Compared, SlideMetrics
from hrpn_tf.evaluation.measured import MeasuredSlide
from hrpn_tf.evaluation.metric_values import metrics_of
from hrpn_tf.evaluation.pixel_errors import CompareSettings, Progress, compare
from hrpn_tf.evaluation.planes import Plane
from hrpn_tf.evaluation.slide_picture import Picture, draw


def evaluate_slide(
    measured: MeasuredSlide,
    predicted: Plane,
    tissue: Plane | None,
    settings: CompareSettings,
    *,
    baselines: Baselines | None = None,
    picture: Path | None = None,
    progress: Progress | None = None,
) -> SlideMetrics:
    """Compare one slide, and draw it.

    Args:
        measured: the slide.
        predicted: the prediction of its target.
        tissue: mask, or None to evaluate the whole slide only.
        settings: how planes are compared.
        baselines: fitted on the training slides, to evaluate what they predict too.
        picture: PNG to write.
        progress: is told about every finished window of the comparison with the prediction.

    Raises:
        SlideMismatchError: predicted and measured slide differ in size.
        NonFinitePixelsError: the prediction holds NaN or infinite pixels.
    """
    try:
        sums = compare(predicted, measured.target, tissue, settings, progress)
    except SlideMismatchError as error:
        raise SlideMismatchError(f"{measured.name}: {error}") from None
    predictors: dict[str, Compared] = {MODEL: sums}
    if baselines is not None:
        plain = CompareSettings(peak=None, rounded=False, ssim=False)
        for name, plane in baseline_planes(measured, baselines).items():
            predictors[name] = compare(plane, measured.target, tissue, plain)
    if picture is not None:
        drawn = Picture(
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
    """The peak of all slides: as given, or the largest grey level of their integer type.

    Args:
        types: name of each measured slide: its type.
        peak: as given, or None.

    Raises:
        SlideMismatchError: slides of different types, whose grey levels cannot be pooled.
    """
    if len(set(types.values())) > 1:
        listed = ", ".join(f"{name} ({dtype})" for name, dtype in types.items())
        raise SlideMismatchError(
            f"the measured slides are of different types: {listed}; evaluate them separately"
        )
    dtype = next(iter(types.values()))
    return float(np.iinfo(dtype).max) if peak is None and dtype.kind == "u" else peak
