"""What is known of a slide while a cluster predicts it."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hrpn_tf.workflows.predict.cluster.tasks import BlockTiming
from hrpn_tf.workflows.predict.jobs import SlideJob

if TYPE_CHECKING:
    from hrpn_tf.prediction import PredictionSummary, StartedPrediction
    from hrpn_tf.prediction.tiling import Tiling

# A part of a slide takes about so long: long enough that opening the slide again costs nothing,
# short enough that workers end at about the same time. Its finished blocks are never lost.
_PART_SECONDS = 20.0


@dataclass
class SlideProgress:
    """A slide under way.

    Attributes:
        job: the slide.
        order: among the jobs; earlier slides come first.
        held: its unfinished result, for this process alone.
        started: time, s.
        begun: once it is.
        left: numbers of the blocks that nobody was given yet.
        computed: blocks that had to be computed.
        running: tasks that are not done.
        part: blocks of the largest part so far.
        done, seconds, session_seconds: pixels so far, and what they took.
        peak: most memory of a worker, so far, bytes.
        failure: what made it fail.
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

    @property
    def tiling(self) -> "Tiling":
        """Its blocks, once it is begun."""
        assert self.begun is not None
        return self.begun.plan.tiling

    def begin(self, begun: "StartedPrediction") -> None:
        """Take what ``cohort_tasks.begin`` gave."""
        # the numbers of all blocks need not travel with every task
        self.begun, self.left, self.computed = replace(begun, left=()), begun.left, len(begun.left)

    def next_part(self) -> Sequence[int]:
        """Numbers of the blocks to compute next; no longer left afterwards."""
        size = 1
        if self.seconds > 0:
            pace = self.seconds / self.done * self.tiling.block_height * self.tiling.block_width
            # twice the last part at most: where a slide holds nothing, blocks are done in no time
            size = max(1, min(2 * self.part, int(_PART_SECONDS / pace)))
        self.part = max(size, self.part)
        part, self.left = self.left[:size], self.left[size:]
        return part

    def pixels_of(self, blocks: Sequence[int]) -> int:
        """How many pixels some blocks have."""
        return sum(self.tiling.block(index).pixels for index in blocks)

    def add(self, part: BlockTiming, pixels: int) -> None:
        """Take what ``cohort_tasks.compute`` gave."""
        self.done += pixels
        self.seconds += part.seconds
        self.session_seconds += part.session_seconds
        self.peak = max(self.peak, part.peak_bytes or 0)

    def summary(self) -> "PredictionSummary":
        """Of the whole slide, once it is finished."""
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
        )
