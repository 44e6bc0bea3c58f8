"""What can be chosen for a report."""

from dataclasses import dataclass
from pathlib import Path

from hrpn_tf.runs import Run

MEGAPIXELS = 100.0


@dataclass(frozen=True)
class ReportOptions:
    """What a report shows.

    Attributes:
        run: of an evaluation; None for the folder that it lies in.
        slide_list: where the slides are; None for those of the run's patch dataset.
        predictions: folder of the predicted slides; ``RUN/predictions`` if None.
        megapixels: of the finest level of a slide that the viewer shows, in millions.
    """

    run: Run | Path | None = None
    slide_list: Path | None = None
    predictions: Path | None = None
    megapixels: float = MEGAPIXELS
