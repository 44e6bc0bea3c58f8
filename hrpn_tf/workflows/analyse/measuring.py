"""Measure the slides of an analysis, one after another, on a common scale."""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hrpn_tf.config import Config
from hrpn_tf.evaluation.analysis.cohort import CohortAnalysis
from hrpn_tf.evaluation.analysis.measures import SlideAnalysis
from hrpn_tf.evaluation.analysis.plots import draw_overlay
from hrpn_tf.evaluation.analysis.report import Overlay
from hrpn_tf.evaluation.planes import Plane
from hrpn_tf.evaluation.qupath.outlines import Spool
from hrpn_tf.evaluation.spatial.intensity import Extremes
from hrpn_tf.evaluation.spatial.measure import SpatialSlide, measure_together
from hrpn_tf.progress import Progress
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides.names import file_stem
from hrpn_tf.workflows.analyse.opened import (
    THRESHOLD_BINS,
    OpenedSlide,
    add_to_histogram,
    common_threshold,
    opened_slide,
    range_of,
)
from hrpn_tf.workflows.analyse.options import COVERAGE
from hrpn_tf.workflows.analyse.qupath import QUPATH, QuPathFiles, refuse_unreached, with_outlines
from hrpn_tf.workflows.analyse.request import AnalysisRequest
from hrpn_tf.workflows.analyse.slide_object import write_object
from hrpn_tf.workflows.analyse.sources import Source
from hrpn_tf.workflows.analyse.strengths import strength_columns
from hrpn_tf.workflows.evaluate.spatial_anatomy import Anatomy, find_anatomy
from hrpn_tf.workflows.evaluate.spatial_inputs import SpatialFiles

OVERLAYS = "slides"
OBJECTS = "spatialdata"


def measure(
    request: AnalysisRequest, folder: Path, final: Path
) -> tuple[CohortAnalysis, list[Overlay]]:
    """Measure all slides.

    Args:
        request: checked.
        folder: gets the overlays, objects and files for QuPath.
        final: its later name, which these files state.

    Returns:
        What was measured, and the overlays that were drawn.
    """
    options, held_back = request.options, request.held_back
    scale, pixels = _common_scale(request)
    refuse_unreached(options.contours, scale.range_)
    names = folder / QUPATH, final / QUPATH
    data = request.source.config.data
    qupath = QuPathFiles(*names, options.contours, data) if options.geojson else None
    with ExitStack() as stack:
        # within the result, so that a killed command leaves nothing else
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".", dir=folder)))
        bar = stack.enter_context(Progress("analyse", pixels, "px", shown=request.progress))
        measuring = _Measuring(request, scale, scratch, bar.update)
        slides = [measuring.slide(each, folder, qupath) for each in request.source.slides]
        pairs = []
        if held_back is not None:
            pairs = [measuring.held_back(held_back, each) for each in held_back.slides]
    if qupath is not None:
        qupath.finish()
    shown = request.source.slides if options.overlays else ()
    overlays = [Overlay(each.name, _picture(each).as_posix()) for each in shown]
    cohort = CohortAnalysis(
        slides=slides,
        paired=options.paired,
        held_back=pairs,
        coverage=COVERAGE if options.coverage is None else options.coverage,
        origin=request.origin(scale.threshold),
    )
    return cohort, overlays


@dataclass(frozen=True)
class _Scale:
    """What all slides are measured on.

    Attributes:
        range_: of their grey levels.
        threshold: grey level above which a pixel is positive.
    """

    range_: Extremes
    threshold: float


def _common_scale(request: AnalysisRequest) -> tuple[_Scale, int]:
    """The scale of all slides, and the number of their pixels."""
    range_, pixels = Extremes(np.inf, -np.inf), 0
    sources = [(request.source, False)]
    if request.held_back is not None:
        sources.append((request.held_back, True))
    for source, target in sources:
        for slide in source.slides:
            with _opened(source, slide, target) as opened:
                range_ |= range_of(opened)
                if target:
                    range_ |= range_of(replace(opened, image=_target(opened, source)))
                pixels += opened.image.height * opened.image.width
    range_ = Extremes(float(np.floor(range_.low)), float(np.ceil(range_.high)))
    given, counts = _given_threshold(request), np.zeros(THRESHOLD_BINS, np.int64)
    if given is None:
        for slide in request.source.slides:
            with _opened(request.source, slide, False) as opened:
                add_to_histogram(opened, counts, range_)
    return _Scale(range_, common_threshold(counts, range_, given)), pixels


def _given_threshold(request: AnalysisRequest) -> float | None:
    """The threshold of positive pixels that the user or the configuration states, if any."""
    if request.options.threshold is not None:
        return request.options.threshold
    stated = request.source.config.spatial.positive_threshold
    return None if stated == "otsu" else float(stated)


@dataclass(frozen=True)
class _Measuring:
    """Measures one slide after the other.

    Attributes:
        request: what is measured.
        scale: of all slides.
        scratch: folder for labels.
        progress: called with the number of pixels that were measured.
    """

    request: AnalysisRequest
    scale: _Scale
    scratch: Path
    progress: Callable[[int], object]

    def slide(self, slide: RunSlide, folder: Path, qupath: QuPathFiles | None) -> SlideAnalysis:
        """Measure a slide; write its overlay, its object and its files for QuPath."""
        source, config, scratch = self.request.source, self.request.source.config, self._new()
        outlines = Spool(scratch / "nuclei")
        with ExitStack() as stack:
            opened = stack.enter_context(_opened(source, slide, False))
            anatomy = find_anatomy(opened.inputs, config, self.request.files, scratch, stack)
            if qupath is not None:
                anatomy = with_outlines(anatomy, opened.inputs, config.spatial, outlines)
            first = self._spatial(slide, opened, anatomy, config)
            images = [first, *(replace(first, pred=p, per_vessel=False) for p in opened.bounds)]
            found = measure_together(images, config.spatial, self.scale.range_, self.progress)
            fitted = None
            if self.request.options.permeability:
                fitted = strength_columns(opened, anatomy.vessels, anatomy.vessel_source, config)
            analysis = SlideAnalysis(
                found[0],
                (found[1], found[2]) if len(found) == 3 else None,
                config.spatial,
                self.scale.range_,
                slide.condition,
                fitted,
            )
            self._draw(slide, analysis, first, folder)
            if qupath is not None:
                made = None if source.predictions is None else source.predictions[slide.name]
                qupath.add(slide, made, analysis, opened.tissue, outlines, scratch)
            _ = analysis.values, analysis.sub_areas  # while labels and planes are open
            if self.request.options.spatialdata:
                origin = self.request.origin(self.scale.threshold)
                write_object(source, analysis, opened, folder / OBJECTS, origin)
        return analysis

    def held_back(self, source: Source, slide: RunSlide) -> tuple[SlideAnalysis, SlideAnalysis]:
        """Measure a slide that is held back: its predicted, and its measured target."""
        config = source.config
        with ExitStack() as stack:
            opened = stack.enter_context(_opened(source, slide, True))
            anatomy = find_anatomy(opened.inputs, config, SpatialFiles(), self._new(), stack)
            first = replace(self._spatial(slide, opened, anatomy, config), per_vessel=False)
            images = [first, replace(first, pred=_target(opened, source))]
            found = measure_together(images, config.spatial, self.scale.range_, self.progress)
            predicted, measured = (
                SlideAnalysis(each, None, config.spatial, self.scale.range_) for each in found
            )
        return predicted, measured

    def _spatial(
        self, slide: RunSlide, opened: OpenedSlide, anatomy: Anatomy, config: Config
    ) -> SpatialSlide:
        return SpatialSlide(
            name=slide.name,
            group=slide.group,
            true=None,
            pred=opened.image,
            tissue=opened.tissue,
            positive=self.scale.threshold,
            pixel_size_um=opened.inputs.pixel_size_um,
            stain=opened.inputs.planes.get(config.evaluation.vessel_role),
            per_vessel=True,
            **vars(anatomy),
        )

    def _draw(
        self, slide: RunSlide, analysis: SlideAnalysis, measured: SpatialSlide, folder: Path
    ) -> None:
        """Draw the overlay of a slide, if overlays are wanted."""
        if not self.request.options.overlays:
            return
        picture = folder / _picture(slide)
        picture.parent.mkdir(exist_ok=True)
        labels = measured.vessels.labels
        draw_overlay(analysis, measured.pred, labels, picture, measured.stain)

    def _new(self) -> Path:
        """A new folder for the labels of a slide."""
        return Path(tempfile.mkdtemp(dir=self.scratch))


def _opened(source: Source, slide: RunSlide, target: bool) -> AbstractContextManager[OpenedSlide]:
    prediction = None if source.predictions is None else source.predictions[slide.name]
    return opened_slide(slide, prediction, source.config, target=target)


def _picture(slide: RunSlide) -> Path:
    """The overlay of a slide, within the folder of the analysis."""
    return Path(OVERLAYS, f"{file_stem(slide.name)}.png")


def _target(opened: OpenedSlide, source: Source) -> Plane:
    return opened.inputs.planes[source.config.data.target]
