"""State of a slide while a cluster predicts it."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hrpn_tf.workflows.predict.cluster.tasks import BlockTiming
from hrpn_tf.workflows.predict.job import SlideJob

if TYPE_CHECKING:
    from hrpn_tf.prediction import PredictionSummary, StartedPrediction
    from hrpn_tf.prediction.tiling import Tiling
    from hrpn_tf.workflows.predict.calibrated_range import RangeWatch

# Target duration of a part of a slide, s: long enough to make the cost of reopening the slide
# negligible, short enough that workers finish at about the same time. Finished blocks are kept.
_PART_SECONDS = 20.0


@dataclass
class SlideProgress:
    """A slide that is being predicted.

    Attributes:
        job: the slide.
        order: position among the jobs; earlier slides come first.
        held: lock of the unfinished result.
        started: start time, s.
        begun: the started prediction; None before.
        left: indices of the blocks that are not submitted yet.
        computed: number of blocks to compute.
        running: number of unfinished tasks.
        part: number of blocks of the largest part so far.
        done, seconds, session_seconds: finished pixels, and the time for them.
        peak: largest memory of a worker so far, bytes.
        failure: error that made the slide fail.
        seen: grey levels of the tiles, for a network with a calibrated range; else None.
    """

    job: SlideJob
    order: int
    held: ExitStack
    started: float = field(default_factory=time.monotonic)
    begun: "StartedPrediction | None" = None
    left: Sequence[int] = ()
    computed: int = 0
    running: int = 0
    part: int = 0
    done: int = 0
    seconds: float = 0.0
    session_seconds: float = 0.0
    peak: int = 0
    failure: Exception | None = None
    seen: "RangeWatch | None" = None

    @property
    def tiling(self) -> "Tiling":
        """The blocks of the slide, once it is started."""
        assert self.begun is not None
        return self.begun.plan.tiling

    def begin(self, begun: "StartedPrediction") -> None:
        """Store the result of ``tasks.begin``."""
        # the indices of all blocks need not be sent with every task
        self.begun, self.left, self.computed = replace(begun, left=()), begun.left, len(begun.left)

    def next_part(self) -> Sequence[int]:
        """Remove and return the indices of the blocks to compute next."""
        size = 1
        if self.seconds > 0:
            pace = self.seconds / self.done * self.tiling.block_height * self.tiling.block_width
            # at most twice the last part, since empty blocks take almost no time
            size = max(1, min(2 * self.part, int(_PART_SECONDS / pace)))
        self.part = max(size, self.part)
        part, self.left = self.left[:size], self.left[size:]
        return part

    def pixels_of(self, blocks: Sequence[int]) -> int:
        """Number of pixels of blocks."""
        return sum(self.tiling.block(index).pixels for index in blocks)

    def add(self, part: BlockTiming, pixels: int) -> None:
        """Add a result of ``tasks.compute``."""
        self.done += pixels
        self.seconds += part.seconds
        self.session_seconds += part.session_seconds
        self.peak = max(self.peak, part.peak_bytes or 0)
        if self.seen is None:
            self.seen = part.seen
        elif part.seen is not None:
            self.seen.add(part.seen)

    def summary(self) -> "PredictionSummary":
        """Summary of the finished slide."""
        from hrpn_tf.prediction import PredictionSummary

        assert self.begun is not None
        return PredictionSummary(
            path=self.job.out,
            pixels=self.job.pixels,
            seconds=time.monotonic() - self.started,
            session_seconds=self.session_seconds,
            tiling=self.tiling,
            seams=self.begun.record.seams,
            computed=self.computed,
            blocks=len(self.tiling),
            peak_bytes=self.peak or None,
            assessed=self.begun.record.assessed,
            symmetries=self.job.config.prediction.symmetries,
        )
