"""What can be chosen for a comparison of runs."""

from dataclasses import dataclass

ROUNDS = 20


@dataclass(frozen=True)
class ComparisonOptions:
    """What runs are compared with, and how.

    Attributes:
        reference: label of the run, group or baseline that the others are compared with; the first
            run if None.
        baselines: also evaluate the classical baselines, fitted on the first run's training
            slides; about half a minute per slide.
        rounds: of the measurement of latency; 0: none.
    """

    reference: str | None = None
    baselines: bool = True
    rounds: int = ROUNDS
