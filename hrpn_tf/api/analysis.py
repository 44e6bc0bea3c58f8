"""Analyses of predicted slides without a measured target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.api.arguments import (
    PathArgument,
    ProgressArgument,
    RunArgument,
    optional_path,
    overrides_of,
    path_of,
    work,
)
from hrpn_tf.api.prediction import PredictionResult
from hrpn_tf.api.result import Result, pictures_in
from hrpn_tf.api.show import Table, file_html, table_html

if TYPE_CHECKING:
    from hrpn_tf.evaluation.analysis.cohort import CohortAnalysis


@dataclass(frozen=True, repr=False)
class AnalysisResult(Result):
    """What predicted slides say without a measured target.

    Attributes:
        folder: of tables, figures and pages.
        slides: one row per slide, as in ``slides.csv``.
        measures: per measure and condition the mean over animals, with a 95 % interval.
        conditions: per measure and pair of conditions the effect and the test; empty without.
        pictures: PNG files.
        seconds: wall time of the call.
    """

    folder: Path
    slides: Table
    measures: Table
    conditions: Table
    pictures: tuple[Path, ...]
    seconds: float

    @property
    def _location(self) -> Path:
        return self.folder

    def _facts(self) -> Mapping[str, object]:
        vessels = sum(int(str(row["vessels"])) for row in self.slides)
        nuclei = sum(int(str(row["nuclei"])) for row in self.slides)
        return {
            "slides": len(self.slides),
            "vessels": vessels,
            "nuclei": nuclei,
            "seconds": self.seconds,
        }

    def _details(self) -> str:
        tables = [table for table in (self.measures, self.conditions) if table]
        return "".join(map(table_html, tables)) + "".join(map(file_html, self.pictures[:1]))


def analyse(
    source: "RunArgument | PredictionResult",
    out: PathArgument,
    *,
    slides: PathArgument | None = None,
    predictions: "PathArgument | PredictionResult | None" = None,
    groups: Sequence[str] = (),
    pixel_size_um: float | None = None,
    vessel_mask: str | None = None,
    nucleus_labels: str | None = None,
    regions: str | None = None,
    threshold: float | None = None,
    intervals: bool = False,
    paired: bool = False,
    held_back: PathArgument | None = None,
    coverage: float | None = None,
    parquet: bool | None = None,
    overlays: bool = True,
    geojson: bool = True,
    contours: Sequence[float] = (),
    spatialdata: bool = False,
    permeability: bool = False,
    config: str | None = None,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> AnalysisResult:
    """Measure predicted slides without a measured target: per slide, vessel and nucleus.

    Args:
        source: run or its folder; folder of predicted slides, or the result of :func:`predict`,
            with ``slides``; or slide list, whose measured target is analysed unless
            ``predictions`` is given.
        out: folder to create.
        slides: slide list, or the one slide, that the predictions are of.
        predictions: folder of the predicted slides; ``RUN/predictions`` if None.
        groups: only these.
        pixel_size_um: for slides whose files state none.
        vessel_mask, nucleus_labels, regions: files made elsewhere, with ``{slide}`` for the name
            of a slide.
        threshold: grey level above which a pixel or nucleus is positive; Otsu's of all slides if
            None.
        intervals: refuse predictions without bounds.
        paired: compare conditions within each animal.
        held_back: slide list of animals that did not train the network, with measured target.
        coverage: least probability that a margin from ``held_back`` holds; None for 0.9.
        parquet: also write Parquet; None where pyarrow is installed.
        overlays: draw each slide with its vessels and nuclei.
        geojson: write vessels, nuclei, hot spots and contours as GeoJSON, with a script for QuPath.
        contours: grey levels of the contours among them.
        spatialdata: also write each slide as a SpatialData object.
        permeability: of a measured target, fit how strongly each vessel leaks.
        config: for measured slides, file or recipe that names inputs and target.
        settings: keys of the sections ``spatial``, ``evaluation`` and ``data.tissue``, e.g.
            ``{"spatial.grid_um": 50}``.
        overwrite: replace an analysis that is there.
        progress: True for progress bars, or a function that is called with updates.

    Raises:
        MissingPredictionError: a slide was not predicted.
        SlideMismatchError: a prediction is of another slide, network or size.
        VesselsError: a slide shows no vessel, or only vessel.
        UsageError: there is nothing to analyse, or options contradict each other.
        OutputExistsError: the folder exists, and ``overwrite`` is false.

    Example:
        >>> import hrpn_tf as ht
        >>> analysed = ht.analyse("slides/slides.csv", "analysis")  # doctest: +SKIP
        >>> analysed.slides[0]["depth_1_e_um"]  # doctest: +SKIP
        25.5
    """
    from hrpn_tf.workflows.analyse.analyse import analyse_slides
    from hrpn_tf.workflows.analyse.options import AnalysisOptions

    path = source.folder if isinstance(source, PredictionResult) else path_of(source)
    if isinstance(predictions, PredictionResult):
        predictions = predictions.folder
    options = AnalysisOptions(
        slides=optional_path(slides),
        predictions=optional_path(predictions),
        groups=tuple(groups),
        pixel_size_um=pixel_size_um,
        vessel_mask=vessel_mask,
        nucleus_labels=nucleus_labels,
        regions=regions,
        threshold=threshold,
        intervals=intervals,
        paired=paired,
        held_back=optional_path(held_back),
        coverage=coverage,
        parquet=parquet,
        overlays=overlays,
        geojson=geojson,
        contours=tuple(contours),
        spatialdata=spatialdata,
        permeability=permeability,
        config=config,
        overrides=overrides_of(settings),
    )
    with work(progress) as now:
        found = analyse_slides(path, path_of(out), options=options, overwrite=overwrite)
    return _result(found.folder, found.cohort, now.seconds)


def _result(folder: Path, cohort: "CohortAnalysis", seconds: float) -> AnalysisResult:
    from hrpn_tf.evaluation.analysis.report import contrast_row, slide_row

    return AnalysisResult(
        folder,
        tuple(slide_row(cohort, slide) for slide in cohort.slides),
        tuple(cohort.overall),
        tuple(contrast_row(cohort, number) for number in range(len(cohort.contrasts))),
        pictures_in(folder),
        seconds,
    )
