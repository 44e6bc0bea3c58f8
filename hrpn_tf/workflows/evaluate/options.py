"""Options of an evaluation."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hrpn_tf.workflows.evaluate.spatial import SpatialOptions


@dataclass(frozen=True)
class EvaluationOptions:
    """Slides, baselines and metrics of an evaluation.

    Attributes:
        predictions: folder of the predicted slides; ``RUN/predictions`` if None.
        groups: groups to evaluate; empty for all.
        baselines: also evaluate the baselines, if the training slides are available.
        trees: fit and evaluate gradient-boosted trees among the baselines; about half a minute
            per slide.
        smooth_px: standard deviation of the Gaussian filter of the view "smoothed", px; None for
            that of the configuration.
        peak: peak intensity of PSNR and SSIM; None for that of the configuration.
        spatial: options of the spatial evaluation, see ``docs/guide/spatial.md``; None for none.
        error_floor: also bound the irreducible error of the slides.
        overrides: overrides of the run's configuration, ``spatial.key=value`` or
            ``evaluation.key=value``.
    """

    predictions: Path | None = None
    groups: tuple[str, ...] = ()
    baselines: bool = True
    trees: bool = False
    smooth_px: float | None = None
    peak: float | None = None
    spatial: "SpatialOptions | None" = None
    error_floor: bool = False
    overrides: tuple[str, ...] = ()
