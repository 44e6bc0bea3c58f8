"""Analyse predicted slides without a measured target."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from hrpn_tf.errors import UsageError
from hrpn_tf.evaluation.analysis.cohort import CohortAnalysis
from hrpn_tf.evaluation.analysis.files import PARQUET, table_writers
from hrpn_tf.evaluation.analysis.report import write_analysis
from hrpn_tf.evaluation.analysis.spatial_data import require_spatialdata
from hrpn_tf.extras import require
from hrpn_tf.files import atomic_path, refuse_existing, refuse_lost_inputs
from hrpn_tf.workflows.analyse.measuring import measure
from hrpn_tf.workflows.analyse.options import AnalysisOptions
from hrpn_tf.workflows.analyse.qupath import checked_contours
from hrpn_tf.workflows.analyse.request import AnalysisRequest
from hrpn_tf.workflows.analyse.sources import find_source, held_back_source

logger = logging.getLogger(__name__)


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
    if options.coverage is not None:
        if not 0 < options.coverage < 1:
            raise UsageError(f"--coverage {options.coverage:g}: give a share between 0 and 1")
        if options.held_back is None:
            raise UsageError("--coverage: is for --held-back, which was not given")
    source = find_source(path, options)
    held_back = held_back_source(source, options)
    options = replace(options, contours=checked_contours(options.contours))
    if options.contours and not options.geojson:
        raise UsageError("--contours are written as GeoJSON; leave --no-geojson out")
    request = AnalysisRequest(source, options, held_back, progress)
    refuse_lost_inputs(out, (path, options.slides, options.held_back, *request.inputs))
    remark = request.check()
    for each in source.remarks:
        logger.warning(each)
    with atomic_path(out, overwrite) as folder:
        folder.mkdir()
        cohort, overlays = measure(request, folder, out)
        write_analysis(cohort, folder, writers, overlays)
    if remark:
        logger.warning(remark)
    if ".parquet" not in writers and options.parquet is None:
        logger.info(PARQUET)
    return Analysed(out, cohort)
