"""Options of a report."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hrpn_tf.runs import Run

MEGAPIXELS = 100.0


@dataclass(frozen=True)
class ReportOptions:
    """Sources of a report, and the size of its images.

    Attributes:
        run: run of an evaluation; None for the folder that contains it.
        slide_list: list of the slides; None for those of the run's patch dataset.
        predictions: folder of the predicted slides; ``RUN/predictions`` if None.
        megapixels: largest size of a slide in the viewer, in megapixels.
    """

    run: "Run | Path | None" = None
    slide_list: Path | None = None
    predictions: Path | None = None
    megapixels: float = MEGAPIXELS
