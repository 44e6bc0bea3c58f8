"""``hrpn-tf analyse``: measure predicted slides without a measured target."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrpn_tf.cli.options import (
    option_group,
    out_option,
    overwrite_option,
    parse_levels,
    pixel_size_option,
)
from hrpn_tf.cli.show import show
from hrpn_tf.workflows.analyse.options import AnalysisOptions

if TYPE_CHECKING:
    from hrpn_tf.workflows.analyse.analyse import Analysed

logger = logging.getLogger(__name__)

_options = option_group(
    "options",
    AnalysisOptions,
    click.option(
        "--slides",
        type=click.Path(path_type=Path),
        help="Slide list (CSV or YAML), or the one slide, that the predictions are of (default for "
        "a run: its test slides). A column 'condition' names what is compared.",
    ),
    click.option(
        "--predictions",
        type=click.Path(path_type=Path),
        help="Folder with slides predicted by hrpn-tf predict (default for a run: "
        "RUN/predictions).",
    ),
    click.option(
        "--group", "groups", multiple=True, help="Analyse only this group; may be repeated."
    ),
    pixel_size_option,
    click.option(
        "--vessel-mask",
        metavar="FILE",
        help="Image with non-zero vessel pixels, or GeoJSON of QuPath with their outlines; {slide} "
        "stands for the slide's name (default: threshold of the vessel channel, with lumens).",
    ),
    click.option(
        "--nucleus-labels",
        metavar="FILE",
        help="Label image with one number per nucleus, as of cellpose or StarDist, or GeoJSON of "
        "QuPath with their outlines; {slide} stands for the slide's name (default: threshold and "
        "watershed of the nucleus channel).",
    ),
    click.option(
        "--regions",
        metavar="FILE",
        help="GeoJSON file with named regions, as exported by QuPath; {slide} stands for the "
        "slide's name; outlines of its class Ignore* are cut out of all of them.",
    ),
    click.option(
        "--threshold",
        type=float,
        help="Intensity above which a pixel or nucleus is positive (default: Otsu's threshold of "
        "all slides together).",
    ),
    click.option(
        "--intervals",
        is_flag=True,
        help="Refuse predictions without bounds (default: bounds are used where there are any).",
    ),
    click.option(
        "--paired",
        is_flag=True,
        help="Compare conditions within each animal (default: between animals).",
    ),
    click.option(
        "--held-back",
        type=click.Path(path_type=Path),
        help="Slide list of animals that did not train the network, with measured target and "
        "predictions; they say how far the measures of a new animal may be off.",
    ),
    click.option(
        "--coverage",
        type=float,
        help="Least probability that a margin of --held-back holds (default: 0.9).",
    ),
    click.option(
        "--parquet/--no-parquet",
        default=None,
        help="Whether to write tables as Parquet, too (default: if pyarrow is installed).",
    ),
    click.option(
        "--overlays/--no-overlays",
        default=True,
        help="Whether to draw each slide with its vessels and nuclei (default: overlays).",
    ),
    click.option(
        "--geojson/--no-geojson",
        default=True,
        help="Whether to write vessels, nuclei, hot spots and contours of each slide as GeoJSON, "
        "with a script that imports them into QuPath (default: geojson).",
    ),
    click.option(
        "--contours",
        metavar="LEVEL,...",
        callback=lambda _, __, text: parse_levels(text),
        help="Grey levels whose contours of the prediction are among them, such as 5,10,20.",
    ),
    click.option(
        "--spatialdata",
        is_flag=True,
        help="Also write each slide as a SpatialData object (spatialdata/SLIDE.zarr) with images, "
        "vessels, nuclei and tables, for squidpy and napari-spatialdata.",
    ),
    click.option(
        "--permeability",
        is_flag=True,
        help="Of a measured target, also fit how strongly each vessel leaks, as hrpn-tf "
        "permeability does; adds columns to the table of vessels.",
    ),
    click.option(
        "--config",
        metavar="FILE|RECIPE",
        help="For measured slides: configuration that names inputs and target (default: the "
        "built-in values).",
    ),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Configuration value to override, spatial.*, evaluation.* or data.tissue.*; may be "
        "repeated.",
    ),
)


@click.command("analyse")
@click.argument("path", type=click.Path(path_type=Path), metavar="PREDICTIONS|RUN|SLIDES")
@out_option("Folder for tables, figures and pages.")
@_options
@overwrite_option
def command(path: Path, out: Path, options: AnalysisOptions, overwrite: bool) -> None:
    """Measure predicted slides without a measured target: per slide, vessel and nucleus.

    PREDICTIONS is a slide predicted by hrpn-tf predict, or a folder of them, with --slides. RUN is
    a folder of hrpn-tf fit. SLIDES is a slide list or a slide, whose measured target is analysed in
    the same way, or its --predictions.
    """
    from hrpn_tf.workflows.analyse.analyse import analyse_slides

    show(_summary(analyse_slides(path, out, options=options, overwrite=overwrite)))


def _summary(analysed: "Analysed") -> str:
    """The main tables, and where the rest is."""
    from hrpn_tf.evaluation.analysis.pages import page_tables
    from hrpn_tf.evaluation.analysis.report import to_json
    from hrpn_tf.evaluation.tables import aligned

    wanted = ("Measures", "Conditions", "Margins from held-back animals")
    tables = [table for table in page_tables(to_json(analysed.cohort)) if table.title in wanted]
    parts = [
        aligned([list(table.head), *map(list, table.rows)], left=table.left) for table in tables
    ]
    files = "analysis.html, analysis.md, analysis.json, slides.csv, vessels.csv, nuclei.csv, ..."
    return "\n".join([*parts, f"{analysed.folder}: {files}"])
