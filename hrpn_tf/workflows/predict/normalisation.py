"""The normalisation of one slide, for a network that was trained on normalised slides."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hrpn_tf.data.levels import Levels, Line
    from hrpn_tf.prediction import StartedPrediction
    from hrpn_tf.slides import Slide
    from hrpn_tf.workflows.predict.job import SlideJob

KEY = "normalisation"  # of the result's metadata


class Normalisation:
    """Gain and offset of each input of a slide; its grey levels are read when first asked for.

    Args:
        job: the slide, with the reference levels of the network.
        slide: the open slide on the grid of the prediction, as stored.
        begun: the started prediction, whose metadata state the levels; None to read them.
    """

    def __init__(self, job: "SlideJob", slide: "Slide", begun: "StartedPrediction | None") -> None:
        self._job, self._slide = job, slide
        self._known = None if begun is None else begun.record.origin.get(KEY)
        self._roles = tuple(job.channel_names)

    def lines(self) -> "dict[int, Line]":
        """Gain and offset by index of the channel in the slide.

        Raises:
            NoTissueError: the slide has no tissue.
            ConstantChannelError: an input does not vary over the tissue.
        """
        return self._lines

    def to_json(self) -> dict[str, Any]:
        """Entry of the result's metadata: levels, gain and offset of each input."""
        assert self._job.reference_levels is not None
        values = {}
        for number, role in enumerate(self._roles):
            gain, offset = self._lines[self._job.channels[number]]
            values[role] = {
                "dark": self._levels[role][0],
                "bright": self._levels[role][1],
                "reference": list(self._job.reference_levels[number]),
                "gain": gain,
                "offset": offset,
            }
        return {KEY: values}

    @cached_property
    def _lines(self) -> "dict[int, Line]":
        from hrpn_tf.data.levels import line_of

        assert self._job.reference_levels is not None
        pairs = zip(self._roles, self._job.reference_levels, strict=True)
        lines = [line_of(self._levels[role], reference) for role, reference in pairs]
        return dict(zip(self._job.channels, lines, strict=True))

    @cached_property
    def _levels(self) -> "dict[str, Levels]":
        if self._known is not None:
            return {role: (each["dark"], each["bright"]) for role, each in self._known.items()}
        from hrpn_tf.data.levels import read_levels
        from hrpn_tf.prediction.reading import TimedReads
        from hrpn_tf.workflows.predict.anchor import tissue_blocks

        job = self._job
        seconds = job.config.prediction.io_timeout
        size = job.frame.pixel_size_um
        tissue = tissue_blocks(self._slide, job.channels, job.config.data.tissue, size, seconds)
        slide = TimedReads(self._slide, seconds)
        return read_levels(slide, job.channels, self._roles, tissue.mask, tissue.side)
