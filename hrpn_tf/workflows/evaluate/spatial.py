"""Spatial evaluation of the predicted slides of a run."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hrpn_tf.config import Config
from hrpn_tf.evaluation import CompareSettings, MeasuredSlide, compare
from hrpn_tf.evaluation.moments import Moments
from hrpn_tf.evaluation.planes import Plane, ScaledPlane
from hrpn_tf.evaluation.spatial.ablation import Ablation
from hrpn_tf.evaluation.spatial.intensity import Extremes, extremes
from hrpn_tf.evaluation.spatial.measure import SpatialSlide, measure_slide
from hrpn_tf.evaluation.spatial.report import Report, write_report
from hrpn_tf.evaluation.spatial.study import SpatialStudy
from hrpn_tf.evaluation.spatial.vessels import grey_levels, otsu
from hrpn_tf.prediction.anchor import factor_of
from hrpn_tf.prediction.provenance_match import has_symmetries
from hrpn_tf.progress import Progress
from hrpn_tf.runs import Run
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides import Slide, open_slide, read_provenance
from hrpn_tf.workflows.evaluate.ablation import How, check_ablations, predict_without
from hrpn_tf.workflows.evaluate.measured_slides import measured_slide, predicted_plane, tissue_plane
from hrpn_tf.workflows.evaluate.spatial_anatomy import SlideInputs, find_anatomy, refuse_no_vessels
from hrpn_tf.workflows.evaluate.spatial_inputs import SpatialFiles

Prediction = Callable[[RunSlide], Path]


@dataclass(frozen=True)
class SpatialOptions:
    """What is asked for beside the configuration.

    Attributes:
        files: files with masks, labels and regions.
        ablate: inputs to ablate.
        ablate_by: replacement of an ablated input.
    """

    files: SpatialFiles = field(default_factory=SpatialFiles)
    ablate: tuple[str, ...] = ()
    ablate_by: How = "mean"


@dataclass(frozen=True)
class SpatialRun:
    """Spatial evaluation of the slides of one run.

    Attributes:
        run: the open run.
        config: resolved configuration.
        slides: all slides to evaluate.
        prediction: gives the predicted slide of a slide.
        predictions: folder of the predicted slides.
        options: requested options.
        progress: report the progress; see ``hrpn_tf.progress``.
    """

    run: Run
    config: Config
    slides: tuple[RunSlide, ...]
    prediction: Prediction
    predictions: Path
    options: SpatialOptions
    progress: bool

    def check(self) -> None:
        """Check the request before anything is computed.

        Raises:
            UsageError: no vessel channel, an unknown input, or files that do not fit.
        """
        config, options = self.config, self.options
        check_ablations(self.run, config, self.slides, options.ablate, options.ablate_by)
        refuse_no_vessels(config, options.files, "--spatial")
        options.files.check(self.slides, self.run.config.data.z)

    def write(self, folder: Path) -> Report:
        """Measure all slides and write ``spatial.*`` and figures into an existing folder.

        Raises:
            VesselsError: a slide shows no vessel, or only vessel.
            SlideMismatchError, NonFinitePixelsError: as for the evaluation.
        """
        range_ = self._range()
        measured = []
        with ExitStack() as stack:
            # compressed vessel labels, on the disk of the result, since a slide may be large
            # and within it, so that a killed command leaves nothing else
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".", dir=folder)))
            bar = stack.enter_context(self._bar("spatial"))
            for number, slide in enumerate(self.slides):
                place = scratch / str(number)
                place.mkdir()
                with self._opened(slide, place) as opened:
                    measured.append(measure_slide(opened, self.config.spatial, range_, bar.update))
        study = SpatialStudy(tuple(measured), self.config.spatial, range_)
        report = Report(study, tuple(self._ablations()))
        write_report(report, folder)
        return report

    def _bar(self, name: str) -> Progress:
        pixels = 0
        for slide in self.slides:
            with open_slide(self.prediction(slide)) as predicted:
                pixels += predicted.info.height * predicted.info.width
        return Progress(name, pixels, "px", shown=self.progress)

    def _range(self) -> Extremes:
        """Range of the measured and predicted intensities of all slides, in whole numbers."""
        found = Extremes(np.inf, -np.inf)
        for slide in self.slides:
            with self._planes(slide) as (measured, pred, _, _):
                found |= extremes(measured.target) | extremes(pred)
        return Extremes(float(np.floor(found.low)), float(np.ceil(found.high)))

    @contextmanager
    def _planes(
        self, slide: RunSlide
    ) -> Iterator[tuple[MeasuredSlide, Plane, Plane | None, Slide]]:
        """The measured slide, its prediction, the tissue mask, and the open slide."""
        config = self.config
        with (
            open_slide(self.prediction(slide)) as predicted,
            measured_slide(slide, config, predicted.info) as (measured, opened),
        ):
            tissue = None
            if config.spatial.region == "tissue":
                tissue = tissue_plane(opened, slide, measured.pixel_size_um, config)
            yield measured, predicted_plane(predicted, config), tissue, opened

    @contextmanager
    def _opened(self, slide: RunSlide, scratch: Path) -> Iterator[SpatialSlide]:
        """All inputs of the spatial measurement of a slide."""
        with ExitStack() as stack:
            measured, pred, tissue, opened = stack.enter_context(self._planes(slide))
            true, given = measured.target, self.config.spatial.positive_threshold
            anatomy = find_anatomy(
                SlideInputs(slide, measured.inputs, opened, measured.pixel_size_um),
                self.config,
                self.options.files,
                scratch,
                stack,
            )
            yield SpatialSlide(
                name=slide.name,
                group=slide.group,
                true=true,
                pred=pred,
                tissue=tissue,
                positive=otsu(*grey_levels(true, tissue)) if given == "otsu" else float(given),
                pixel_size_um=measured.pixel_size_um,
                **vars(anatomy),
            )

    def _ablations(self) -> Iterator[Ablation]:
        """Predict with each requested input ablated, and compare."""
        how, side = self.options.ablate_by, self.config.spatial.shuffle_um
        done = {
            "mean": "the input is its mean grey level over the training slides everywhere",
            "shuffle": f"blocks of {side:g} um of the input are shuffled over the slide",
        }
        roles = dict.fromkeys(self.options.ablate)
        whole = [self._moments(slide, self.prediction(slide)) for slide in self.slides if roles]
        for role in roles:
            ablated = []
            for slide in self.slides:
                made = read_provenance(self.prediction(slide))
                path = predict_without(
                    self.run,
                    slide,
                    role,
                    how,
                    self.predictions,
                    shuffle_um=side,
                    progress=self.progress,
                    symmetries=has_symmetries(made),
                )
                # as the whole prediction was scaled, so that only the input differs
                ablated.append(self._moments(slide, path, factor_of(made) or 1.0))
            groups = tuple(slide.group for slide in self.slides)
            yield Ablation(role, how, done[how], tuple(whole), tuple(ablated), groups)

    def _moments(self, slide: RunSlide, path: Path, factor: float = 1.0) -> Moments:
        """Moments of the evaluated pixels, of the predicted slide times a factor."""
        plain = CompareSettings(peak=None, rounded=False, ssim=False)
        with self._planes(slide) as (measured, _, tissue, _), open_slide(path) as predicted:
            pred = predicted_plane(predicted, self.config)
            sums = compare(ScaledPlane(pred, factor), measured.target, tissue, plain)
        return sums["float", "whole" if tissue is None else "tissue"].moments
