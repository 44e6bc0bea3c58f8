"""A slide as the network sees it: on the grid of the prediction, with normalised inputs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.config import Config
from hrpn_tf.workflows.predict.job import SlideJob, size_of
from hrpn_tf.workflows.predict.normalisation import Normalisation

if TYPE_CHECKING:
    from hrpn_tf.prediction import StartedPrediction
    from hrpn_tf.slides import Slide


@dataclass(frozen=True)
class SeenSlide:
    """An open slide of a job.

    Attributes:
        original: as its file has it.
        stored: on the grid of the prediction, grey levels as stored.
        seen: the same, its inputs normalised where the network takes normalised inputs.
        normalisation: of the inputs; None where they are taken as stored.
    """

    original: "Slide"
    stored: "Slide"
    seen: "Slide"
    normalisation: Normalisation | None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) on the grid of the prediction, px."""
        return size_of(self.stored.info)


@contextmanager
def seen_slide(
    job: SlideJob, begun: "StartedPrediction | None" = None, cache_bytes: int | None = None
) -> Iterator[SeenSlide]:
    """Open the slide of a job.

    Args:
        job: checked job.
        begun: the started prediction, whose metadata state the normalisation; None to read it.
        cache_bytes: see ``open_slide``.

    Raises:
        StalledError: the drive does not answer.
        HrpnError: the slide cannot be opened.
    """
    from hrpn_tf.prediction import open_frame
    from hrpn_tf.slides.normalised import NormalisedSlide

    with open_in_time(job.slide, job.config, cache_bytes) as original:
        stored = open_frame(original, job.frame)
        if job.reference_levels is None:
            yield SeenSlide(original, stored, stored, None)
            return
        normalisation = Normalisation(job, stored, begun)
        seen = NormalisedSlide(stored, normalisation.lines)
        yield SeenSlide(original, stored, seen, normalisation)


def open_in_time(slide: Path, config: Config, cache_bytes: int | None = None) -> "Slide":
    """Open a slide within a time limit, since a drive may not answer.

    Args:
        slide: file or folder.
        config: states the time limit (``prediction.io_timeout``) and what is read of a stack.
        cache_bytes: see ``open_slide``.

    Raises:
        StalledError: it took longer than that.
    """
    from hrpn_tf.prediction.queues import within
    from hrpn_tf.slides import open_slide
    from hrpn_tf.slides.planes import CACHE_BYTES

    return within(
        config.prediction.io_timeout,
        f"{slide}: opening",
        lambda: open_slide(slide, cache_bytes or CACHE_BYTES, z=config.data.z),
    )
