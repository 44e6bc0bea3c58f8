"""Options of a comparison of runs."""

from dataclasses import dataclass

ROUNDS = 20


@dataclass(frozen=True)
class ComparisonOptions:
    """Reference, baselines and timing of a comparison.

    Attributes:
        reference: label of the run, group or baseline that the others are compared with; the first
            run if None.
        baselines: also evaluate the classical baselines, fitted on the first run's training
            slides; about half a minute per slide.
        rounds: timing rounds; 0 skips the measurement of latency.
    """

    reference: str | None = None
    baselines: bool = True
    rounds: int = ROUNDS
