"""What can be chosen for an evaluation."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hrpn_tf.workflows.evaluate.spatial import SpatialOptions


@dataclass(frozen=True)
class EvaluationOptions:
    """What is evaluated, and how.

    Attributes:
        predictions: folder of the predicted slides; ``RUN/predictions`` if None.
        groups: only these.
        baselines: also evaluate what the baselines predict, if the training slides are there.
        trees: fit and evaluate gradient-boosted trees among the baselines; about half a minute
            per slide.
        smooth_px: sigma of the view "smoothed", px; None for that of the configuration.
        peak: intensity of PSNR and SSIM; None for that of the configuration.
        spatial: also evaluate in space, see ``docs/guide/spatial.md``; None: do not.
        overrides: of the run's configuration, ``spatial.key=value`` or ``evaluation.key=value``.
    """

    predictions: Path | None = None
    groups: tuple[str, ...] = ()
    baselines: bool = True
    trees: bool = False
    smooth_px: float | None = None
    peak: float | None = None
    spatial: "SpatialOptions | None" = None
    overrides: tuple[str, ...] = ()
