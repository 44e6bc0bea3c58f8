"""Options of an analysis."""

from dataclasses import dataclass
from pathlib import Path

COVERAGE = 0.9  # of margins, if none is stated


@dataclass(frozen=True)
class AnalysisOptions:
    """What is analysed, and how.

    Attributes:
        slides: slide list, or one slide, whose predictions are analysed.
        predictions: folder of the predicted slides, or one of them.
        groups: groups to analyse; empty for all.
        pixel_size_um: of slides whose files state none, um.
        vessel_mask, nucleus_labels, regions: files made elsewhere; see ``SpatialFiles``.
        threshold: grey level above which a pixel or nucleus is positive; None for Otsu's threshold
            of all slides together.
        intervals: refuse predictions without bounds.
        paired: compare each animal with itself.
        held_back: slide list of groups that did not train the network and have a measured target.
        coverage: of the margins from ``held_back``; None for 0.9.
        parquet: also write Parquet; None where pyarrow is installed.
        overlays: draw a picture of each slide.
        geojson: write vessels, nuclei, hot spots and contours for QuPath.
        contours: grey levels of the contours among them.
        spatialdata: also write a SpatialData object of each slide.
        permeability: of a measured target, fit the strength of each vessel.
        config: configuration file or recipe, for measured slides.
        overrides: of the configuration, ``spatial.key=value`` or ``evaluation.key=value``.
    """

    slides: Path | None = None
    predictions: Path | None = None
    groups: tuple[str, ...] = ()
    pixel_size_um: float | None = None
    vessel_mask: str | None = None
    nucleus_labels: str | None = None
    regions: str | None = None
    threshold: float | None = None
    intervals: bool = False
    paired: bool = False
    held_back: Path | None = None
    coverage: float | None = None
    parquet: bool | None = None
    overlays: bool = True
    geojson: bool = True
    contours: tuple[float, ...] = ()
    spatialdata: bool = False
    permeability: bool = False
    config: str | None = None
    overrides: tuple[str, ...] = ()
