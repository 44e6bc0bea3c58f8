"""Analyse predicted slides without a measured target."""

import logging
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hrpn_tf.errors import UsageError
from hrpn_tf.evaluation.analysis.cohort import CohortAnalysis
from hrpn_tf.evaluation.analysis.conditions import check_conditions
from hrpn_tf.evaluation.analysis.files import PARQUET, table_writers
from hrpn_tf.evaluation.analysis.measures import SlideAnalysis
from hrpn_tf.evaluation.analysis.plots import draw_overlay
from hrpn_tf.evaluation.analysis.report import Overlay, write_analysis
from hrpn_tf.evaluation.analysis.spatial_data import require_spatialdata
from hrpn_tf.evaluation.planes import Plane
from hrpn_tf.evaluation.qupath.outlines import Spool
from hrpn_tf.evaluation.spatial.intensity import Extremes
from hrpn_tf.evaluation.spatial.measure import SpatialSlide, measure_together
from hrpn_tf.extras import require
from hrpn_tf.files import atomic_path, refuse_existing, refuse_lost_inputs
from hrpn_tf.prediction.belonging import warn_of_unknown_input
from hrpn_tf.progress import Progress, tracked
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides import read_provenance
from hrpn_tf.slides.names import file_stem
from hrpn_tf.text import counted
from hrpn_tf.workflows.analyse.opened import (
    THRESHOLD_BINS,
    OpenedSlide,
    add_to_histogram,
    common_threshold,
    opened_slide,
    range_of,
    refuse_no_bounds,
)
from hrpn_tf.workflows.analyse.options import AnalysisOptions
from hrpn_tf.workflows.analyse.qupath import (
    QUPATH,
    QuPathFiles,
    checked_contours,
    refuse_unreached,
    with_outlines,
)
from hrpn_tf.workflows.analyse.slide_object import write_object
from hrpn_tf.workflows.analyse.sources import (
    Source,
    find_source,
    held_back_source,
)
from hrpn_tf.workflows.analyse.strengths import refuse_predicted, strength_columns
from hrpn_tf.workflows.evaluate.measured_slides import check_prediction
from hrpn_tf.workflows.evaluate.spatial_anatomy import find_anatomy, refuse_no_vessels
from hrpn_tf.workflows.evaluate.spatial_inputs import SpatialFiles

logger = logging.getLogger(__name__)

OVERLAYS = "slides"
OBJECTS = "spatialdata"


@dataclass(frozen=True)
class Analysed:
    """A written analysis.

    Attributes:
        folder: of tables, figures and pages.
        cohort: what was measured.
    """

    folder: Path
    cohort: CohortAnalysis


def analyse_slides(
    path: Path,
    out: Path,
    *,
    options: AnalysisOptions | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Analysed:
    """Measure slides without a measured target; write tables, figures and pages.

    Args:
        path: a run; a predicted slide or a folder of them, with ``options.slides``; or a slide
            list or slide, whose measured target is analysed unless ``options.predictions`` is
            given.
        out: folder to write.
        options: what is analysed, and how.
        overwrite: replace an existing folder.
        progress: report the progress; see ``hrpn_tf.progress``.

    Raises:
        UsageError, SlideNotFoundError, SlideListError: there is nothing to analyse, or options
            contradict each other.
        MissingPredictionError: a slide is not predicted.
        SlideMismatchError: a prediction or label image is of another slide, network, channel or
            size.
        VesselsError: a slide shows no vessel, or only vessel.
        NoTissueError: a slide is without tissue.
        OutputExistsError: the folder exists, and ``overwrite`` is false.

    Example:
        >>> analyse_slides(Path("run"), Path("analysis")).folder  # doctest: +SKIP
        PosixPath('analysis')
    """
    options = options or AnalysisOptions()
    refuse_existing(out, overwrite)
    writers = table_writers(options.parquet)
    if options.spatialdata:
        require_spatialdata()
    if options.permeability:
        require("--permeability", "pyamg", "threadpoolctl", "cv2")
    if not 0 < options.coverage < 1:
        raise UsageError(f"--coverage {options.coverage:g}: give a share between 0 and 1")
    source = find_source(path, options)
    held_back = held_back_source(source, options)
    options = replace(options, contours=checked_contours(options.contours))
    if options.contours and not options.geojson:
        raise UsageError("--contours are written as GeoJSON; leave --no-geojson out")
    work = _Analysis(source, options, held_back, progress)
    refuse_lost_inputs(out, (path, options.slides, options.held_back, *work.inputs))
    remark = work.check()
    for each in source.remarks:
        logger.warning(each)
    with atomic_path(out, overwrite) as folder:
        folder.mkdir()
        cohort, overlays = work.measure(folder, out)
        write_analysis(cohort, folder, writers, overlays)
    if remark:
        logger.warning(remark)
    if ".parquet" not in writers and options.parquet is None:
        logger.info(PARQUET)
    return Analysed(out, cohort)


@dataclass(frozen=True)
class _Analysis:
    """The slides of an analysis, and those held back."""

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

    def measure(self, folder: Path, final: Path) -> tuple[CohortAnalysis, list[Overlay]]:
        """Measure all slides; writes overlays and objects into a folder, to be named ``final``."""
        range_, threshold, pixels = self._look()
        refuse_unreached(self.options.contours, range_)
        names = folder / QUPATH, final / QUPATH
        data, wanted = self.source.config.data, self.options.geojson
        qupath = QuPathFiles(*names, self.options.contours, data) if wanted else None
        with ExitStack() as stack:
            # within the result, so that a killed command leaves nothing else
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".", dir=folder)))
            bar = stack.enter_context(Progress("analyse", pixels, "px", shown=self.progress))
            slides, overlays = [], []
            for slide in self.source.slides:
                picture = folder / OVERLAYS / f"{file_stem(slide.name)}.png"
                found = self._measure(
                    self.source,
                    slide,
                    range_,
                    threshold,
                    _new(scratch),
                    bar.update,
                    picture,
                    qupath,
                )
                slides.append(found[0])
                if self.options.overlays:
                    file = picture.relative_to(folder).as_posix()
                    overlays.append(Overlay(slide.name, file))
            pairs = [
                self._measure(self.held_back, slide, range_, threshold, _new(scratch), bar.update)
                for slide in (self.held_back.slides if self.held_back else ())
                if self.held_back
            ]
        if qupath is not None:
            qupath.finish()
        cohort = CohortAnalysis(
            slides=slides,
            paired=self.options.paired,
            held_back=[(pair[0], pair[1]) for pair in pairs],
            coverage=self.options.coverage,
            origin=self._origin(threshold),
        )
        return cohort, overlays

    def _look(self) -> tuple[Extremes, float, int]:
        """Range of all slides, the threshold of positive pixels, and the number of pixels."""
        range_, pixels, target = Extremes(np.inf, -np.inf), 0, self.held_back is not None
        for source, with_target in ((self.source, False), (self.held_back, target)):
            for slide in source.slides if source else ():
                assert source is not None
                with self._open(source, slide, with_target) as opened:
                    range_ |= range_of(opened)
                    if with_target:
                        range_ |= range_of(replace(opened, image=_target(opened, source)))
                    pixels += opened.image.height * opened.image.width
        range_ = Extremes(float(np.floor(range_.low)), float(np.ceil(range_.high)))
        given, counts = self._given_threshold(), np.zeros(THRESHOLD_BINS, np.int64)
        if given is None:
            for slide in self.source.slides:
                with self._open(self.source, slide, False) as opened:
                    add_to_histogram(opened, counts, range_)
        return range_, common_threshold(counts, range_, given), pixels

    def _given_threshold(self) -> float | None:
        stated = self.source.config.spatial.positive_threshold
        if self.options.threshold is not None:
            return self.options.threshold
        return None if stated == "otsu" else float(stated)

    def _open(
        self, source: Source, slide: RunSlide, target: bool
    ) -> AbstractContextManager[OpenedSlide]:
        prediction = None if source.predictions is None else source.predictions[slide.name]
        return opened_slide(slide, prediction, source.config, target=target)

    def _measure(
        self,
        source: Source,
        slide: RunSlide,
        range_: Extremes,
        threshold: float,
        scratch: Path,
        progress: Callable[[int], object],
        picture: Path | None = None,
        qupath: QuPathFiles | None = None,
    ) -> list[SlideAnalysis]:
        """The analysis of a slide; of one that is held back, also that of its measured target."""
        config, is_held_back = source.config, picture is None
        with ExitStack() as stack:
            opened = stack.enter_context(self._open(source, slide, is_held_back))
            files = SpatialFiles() if is_held_back else self.files
            anatomy = find_anatomy(opened.inputs, config, files, scratch, stack)
            stain = opened.inputs.planes.get(config.evaluation.vessel_role)
            outlines = Spool(scratch / "nuclei")
            if qupath is not None:
                anatomy = with_outlines(anatomy, opened.inputs, config.spatial, outlines)
            first = SpatialSlide(
                name=slide.name,
                group=slide.group,
                true=None,
                pred=opened.image,
                tissue=opened.tissue,
                positive=threshold,
                pixel_size_um=opened.inputs.pixel_size_um,
                stain=stain,
                per_vessel=not is_held_back,
                **vars(anatomy),
            )
            others: Sequence[Plane] = (_target(opened, source),) if is_held_back else opened.bounds
            images = [first, *(replace(first, pred=p, per_vessel=False) for p in others)]
            found = measure_together(images, config.spatial, range_, progress)
            if is_held_back:
                return [SlideAnalysis(each, None, config.spatial, range_) for each in found]
            bounds = (found[1], found[2]) if len(found) == 3 else None
            fitted = None
            if self.options.permeability:
                vessels, made_by = anatomy.vessels, anatomy.vessel_source
                fitted = strength_columns(opened, vessels, made_by, config)
            rest = (config.spatial, range_, slide.condition, fitted)
            analysis = SlideAnalysis(found[0], bounds, *rest)
            if self.options.overlays and picture is not None:
                picture.parent.mkdir(exist_ok=True)
                draw_overlay(analysis, opened.image, anatomy.vessels.labels, picture, stain)
            if qupath is not None:
                made = None if source.predictions is None else source.predictions[slide.name]
                qupath.add(slide, made, analysis, opened.tissue, outlines, scratch)
            _ = analysis.values, analysis.sub_areas  # while labels and planes are open
            if self.options.spatialdata and picture is not None:
                origin = self._origin(threshold)
                write_object(source, analysis, opened, picture.parent.parent / OBJECTS, origin)
        return [analysis]

    def _origin(self, threshold: float) -> dict[str, object]:
        source = self.source
        analysed = [f"{source.text}: {counted(len(source.slides), 'slide')}", *source.remarks]
        return {
            "analysed": ". ".join(analysed) + ".",
            "networks": sorted({str(model.get("sha256")) for model in source.models if model}),
            "positive_threshold": threshold,
        }


def _target(opened: OpenedSlide, source: Source) -> Plane:
    return opened.inputs.planes[source.config.data.target]


def _new(scratch: Path) -> Path:
    """A new folder for the labels of a slide."""
    return Path(tempfile.mkdtemp(dir=scratch))
