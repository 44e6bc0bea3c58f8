"""Options of a plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hrpn_tf.errors import UsageError

DRAWS = 3


@dataclass(frozen=True)
class PlanOptions:
    """What is trained and asked.

    Attributes:
        curve: train on subsets of the training groups, for the learning curve.
        sizes: numbers of groups to train with; empty for 1, 2, 4, ... and all.
        draws: number of nested series of subsets.
        shorten: steps of each training, as a share of those of the run.
        max_minutes: begin no further training after so many minutes; None for no limit.
        at: numbers of training groups to predict for; empty for twice and four times as many.
        coverage: nominal coverage of the intervals whose width is predicted.
        ensemble: further runs whose disagreement ranks the candidates.
        store: patch dataset of the run; None for the recorded path.
        channels: name or index of the channel in the file of a candidate, by role of the input.
        pixel_size_um: um per pixel, for candidates whose files state none.
    """

    curve: bool = True
    sizes: tuple[int, ...] = ()
    draws: int = DRAWS
    shorten: float = 1.0
    max_minutes: float | None = None
    at: tuple[int, ...] = ()
    coverage: float = 0.9
    ensemble: tuple[Path, ...] = ()
    store: Path | None = None
    channels: Mapping[str, str | int] = field(default_factory=dict)
    pixel_size_um: float | None = None

    def check(self) -> None:
        """Refuse values that make no sense.

        Raises:
            UsageError: says which.
        """
        for name, value, sound in (
            ("--coverage", self.coverage, 0 < self.coverage < 1),
            ("--shorten", self.shorten, 0 < self.shorten <= 1),
        ):
            if not sound:
                raise UsageError(f"{name} {value:g}: must lie between 0 and 1")
        if self.draws < 1:
            raise UsageError(f"--draws {self.draws}: must be at least 1")
        if any(number < 1 for number in (*self.sizes, *self.at)):
            raise UsageError("--sizes, --at: numbers of groups must be at least 1")
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise UsageError(f"--max-minutes {self.max_minutes:g}: must be more than 0")
