"""Options of a training on slides that are simulated while it runs."""

from dataclasses import dataclass

from hrpn_export.threads import usable_cores

from hrpn_tf.data.simulated import MOST_SLIDES, SlidePlan
from hrpn_tf.errors import UsageError

_CORES_PER_PROCESS = 4
_MOST_PROCESSES = 4


@dataclass(frozen=True)
class SimulatedSlides:
    """How many slides are simulated, and how.

    Attributes:
        training: number of training slides.
        validation: number of validation slides besides; None for a tenth, at least 2.
        first: number of training slides that the first epoch draws from, and that the scaling of
            grey levels comes from; None for as many as each epoch adds, at least 4.
        processes: that simulate; None for one per four cores, at most 4. The result does not
            depend on it.
        keep: whether training slides are kept once they are cut; validation slides always are.
    """

    training: int
    validation: int | None = None
    first: int | None = None
    processes: int | None = None
    keep: bool = False

    def plan(self, epochs: int, animals: int | None) -> SlidePlan:
        """The slides of a training.

        Args:
            epochs: of the training.
            animals: that the training slides are of; None for one animal per slide.

        Raises:
            UsageError: a number makes no sense.
        """
        validation = max(2, self.training // 10) if self.validation is None else self.validation
        first = max(4, -(-self.training // epochs)) if self.first is None else self.first
        if self.first is None:
            first = min(first, self.training)
        for name, value in (
            ("--simulate", self.training),
            ("--simulate-validation", validation),
            ("--simulate-first", first),
            ("--simulate-processes", self.number_of_processes),
        ):
            if not 1 <= value <= MOST_SLIDES:
                raise UsageError(f"{name} {value}: give a number from 1 to {MOST_SLIDES}")
        if first > self.training:
            raise UsageError(
                f"--simulate-first {first}: there are only {self.training} training slides "
                "(--simulate)"
            )
        return SlidePlan(self.training, validation, first, animals)

    @property
    def number_of_processes(self) -> int:
        """Processes that simulate."""
        if self.processes is not None:
            return self.processes
        cores = usable_cores()
        return max(1, min(_MOST_PROCESSES, cores // _CORES_PER_PROCESS))
