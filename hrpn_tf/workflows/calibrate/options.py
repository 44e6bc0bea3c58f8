"""What can be chosen for a calibration."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CalibrationOptions:
    """What calibrates a network, and what is promised.

    Attributes:
        groups: of the slide list: only these; empty for all that neither train nor test.
        test: slide list on which the coverage is measured; None for the run's test slides.
        coverage: nominal, between 0 and 1.
        guarantee: keep the coverage in expectation with the few groups there are; without, the
            intervals are narrower, and nearer to the nominal coverage.
        store: patch dataset; None for where the run was fitted.
    """

    groups: tuple[str, ...] = ()
    test: Path | None = None
    coverage: float = 0.9
    guarantee: bool = True
    store: Path | None = None
