"""Options of a calibration."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CalibrationOptions:
    """Slides and guarantee of a calibration.

    Attributes:
        groups: groups of the slide list to use; empty for all that are neither training nor test
            groups.
        test: slide list on which the coverage is measured; None for the run's test slides.
        coverage: nominal coverage, between 0 and 1.
        guarantee: guarantee the coverage in expectation, with the available number of groups;
            without it, intervals are narrower and closer to the nominal coverage.
        store: patch dataset; None for the path recorded in the run.
    """

    groups: tuple[str, ...] = ()
    test: Path | None = None
    coverage: float = 0.9
    guarantee: bool = True
    store: Path | None = None
