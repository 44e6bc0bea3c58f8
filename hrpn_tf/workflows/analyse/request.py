"""What an analysis is asked for, checked before anything is measured."""

import logging
from dataclasses import dataclass
from pathlib import Path

from hrpn_tf.evaluation.analysis.conditions import check_conditions
from hrpn_tf.prediction.provenance_match import warn_of_unknown_input
from hrpn_tf.progress import tracked
from hrpn_tf.slides import read_provenance
from hrpn_tf.text import counted
from hrpn_tf.workflows.analyse.opened import refuse_no_bounds
from hrpn_tf.workflows.analyse.options import AnalysisOptions
from hrpn_tf.workflows.analyse.sources import Source
from hrpn_tf.workflows.analyse.strengths import refuse_predicted
from hrpn_tf.workflows.evaluate.measured_slides import check_prediction
from hrpn_tf.workflows.evaluate.spatial_anatomy import refuse_no_vessels
from hrpn_tf.workflows.evaluate.spatial_inputs import SpatialFiles

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AnalysisRequest:
    """What is to be analysed.

    Attributes:
        source: the slides.
        options: what is analysed, and how.
        held_back: slides with a measured target beside the predicted one; None for none.
        progress: report the progress; see ``hrpn_tf.progress``.
    """

    source: Source
    options: AnalysisOptions
    held_back: Source | None
    progress: bool

    @property
    def files(self) -> SpatialFiles:
        """Files made elsewhere."""
        options = self.options
        return SpatialFiles(options.vessel_mask, options.nucleus_labels, options.regions)

    @property
    def inputs(self) -> list[Path]:
        """Slides, predictions and files made elsewhere that are read."""
        sources = [each for each in (self.source, self.held_back) if each is not None]
        slides = [slide for each in sources for slide in each.slides]
        predicted = [path for each in sources for path in (each.predictions or {}).values()]
        return [
            *(slide.path for slide in slides),
            *predicted,
            *self.files.paths(slide.name for slide in slides),
        ]

    def check(self) -> str:
        """Check the request before anything is computed; what cannot be compared, in one line."""
        source, options = self.source, self.options
        refuse_no_vessels(source.config, self.files, "analyse")
        if self.held_back is not None:  # whose vessels no mask shows
            refuse_no_vessels(self.held_back.config, SpatialFiles(), "--held-back")
        if options.permeability:
            refuse_predicted(source)
        rows = [(slide.group, slide.condition) for slide in source.slides]
        remark = check_conditions(rows, options.paired)
        self.files.check(source.slides, source.config.data.z)
        for each, target in ((source, False), (self.held_back, True)):
            if each is not None and each.predictions is not None:
                self._check_predictions(each, target)
        return remark

    def _check_predictions(self, source: Source, target: bool) -> None:
        assert source.predictions is not None
        shown = {"shown": self.progress, "delay": 2.0, "leave": False}
        slides = source.slides
        for slide in tracked(slides, "checking predictions", len(slides), "slide", **shown):
            prediction = source.predictions[slide.name]
            check_prediction(prediction, slide, source.config, target=target)
            if self.options.intervals:
                refuse_no_bounds(prediction, source.config)
            if read_provenance(prediction).get("mask"):
                logger.warning(
                    f"{prediction} was predicted with a mask: it is 0 outside, where it counts too"
                )
        warn_of_unknown_input(list(source.predictions.values()))

    def origin(self, threshold: float) -> dict[str, object]:
        """What the results say of where they come from; the threshold is of positive pixels."""
        source = self.source
        analysed = [f"{source.text}: {counted(len(source.slides), 'slide')}", *source.remarks]
        return {
            "analysed": ". ".join(analysed) + ".",
            "networks": sorted({str(model.get("sha256")) for model in source.models if model}),
            "positive_threshold": threshold,
        }
