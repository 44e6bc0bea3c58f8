"""``hrpn-tf evaluate``: compare predicted slides with the measured target."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from hrpn_tf.cli.options import overwrite_option
from hrpn_tf.errors import UsageError
from hrpn_tf.runs import open_run

if TYPE_CHECKING:
    from hrpn_tf.evaluation import Evaluation


@click.command("evaluate")
@click.argument("slide_list", required=False, type=click.Path(path_type=Path), metavar="[LIST]")
@click.option(
    "--run", "run", type=click.Path(path_type=Path), required=True, help="Folder of hrpn-tf fit."
)
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    help="Folder of hrpn-tf predict.  [RUN/predictions]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of tables and pictures.  [RUN/evaluation]",
)
@click.option("--group", "groups", multiple=True, help="Only this group; may be repeated.")
@click.option(
    "--baselines/--no-baselines",
    default=True,
    help="Also what predicting the mean and a fit to the distance from vessels reach.",
)
@click.option(
    "--trees/--no-trees",
    default=False,
    help="Among them gradient-boosted trees on smoothed inputs; takes longer.",
)
@click.option(
    "--smooth-px", type=click.FloatRange(min=0), help="Also smooth both images with this sigma, px."
)
@click.option(
    "--peak", type=click.FloatRange(min=0, min_open=True), help="Peak grey level of PSNR."
)
@click.option(
    "--spatial",
    is_flag=True,
    help="Also in space: distance to vessels, sub-areas, vessels, nuclei, intervals, figures.",
)
@click.option(
    "--vessel-mask",
    metavar="FILE",
    help="With --spatial: image whose pixels other than 0 are vessel; {slide} stands for the "
    "slide's name.  [threshold on the vessel channel]",
)
@click.option(
    "--nucleus-labels",
    metavar="FILE",
    help="With --spatial: image with a number for each nucleus.  [threshold and watershed]",
)
@click.option(
    "--regions", metavar="FILE", help="With --spatial: GeoJSON with named areas, as of QuPath."
)
@click.option(
    "--ablate",
    multiple=True,
    metavar="INPUT",
    help="With --spatial: also predict without what this input says; may be repeated.",
)
@click.option(
    "--ablate-by",
    type=click.Choice(["mean", "shuffle"]),
    default="mean",
    show_default=True,
    help="What takes the place of the input: its mean grey level, or its own blocks shuffled.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Override a value of the configuration, spatial.* or evaluation.*; may be repeated.",
)
@overwrite_option
def command(
    slide_list: Path | None,
    run: Path,
    predictions: Path | None,
    out: Path | None,
    groups: tuple[str, ...],
    baselines: bool,
    trees: bool,
    smooth_px: float | None,
    peak: float | None,
    spatial: bool,
    vessel_mask: str | None,
    nucleus_labels: str | None,
    regions: str | None,
    ablate: tuple[str, ...],
    ablate_by: Literal["mean", "shuffle"],
    overrides: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Compare predicted slides with the measured target.

    By default these are the test slides of the run; with a slide list (LIST, CSV or YAML) those of
    it that the run neither trained nor picked its checkpoint with.
    """
    from hrpn_tf.workflows.evaluate.evaluate import evaluate_run
    from hrpn_tf.workflows.evaluate.spatial import SpatialOptions
    from hrpn_tf.workflows.evaluate.spatial_inputs import SpatialFiles

    asked = {
        "--vessel-mask": vessel_mask,
        "--nucleus-labels": nucleus_labels,
        "--regions": regions,
        "--ablate": ablate,
    }
    if lone := [name for name, value in asked.items() if value and not spatial]:
        raise UsageError(f"{lone[0]} belongs to --spatial; add it")
    files = SpatialFiles(vessel_mask, nucleus_labels, regions)
    opened = open_run(run)
    evaluation = evaluate_run(
        opened,
        slide_list=slide_list,
        predictions=predictions,
        out=out,
        groups=groups,
        baselines=baselines,
        trees=trees,
        smooth_px=smooth_px,
        peak=peak,
        spatial=SpatialOptions(files, ablate, ablate_by) if spatial else None,
        overrides=overrides,
        overwrite=overwrite,
    )
    folder = out or opened.evaluation
    click.echo(_summary(evaluation, folder))
    if spatial:
        click.echo(_spatial_summary(folder))


def _summary(evaluation: "Evaluation", out: Path) -> str:
    """The main table, and where the rest is."""
    from hrpn_tf.evaluation import table

    rows = [row for row in evaluation.rows() if (row.view, row.region) == ("float", "whole")]
    pictures = ", ".join(f"{slide.name}.png" for slide in evaluation.slides[:3])
    more = ", ..." if len(evaluation.slides) > 3 else ""
    return f"{table(rows)}{out}: metrics.md, metrics.csv, metrics.json, {pictures}{more}"


def _spatial_summary(folder: Path) -> str:
    """The tables of the spatial evaluation, and where the rest is."""
    from hrpn_tf.evaluation.spatial.markdown import ablation_table, agreement_table, profile_table

    values = json.loads((folder / "spatial.json").read_text(encoding="utf-8"))
    tables = [agreement_table(values), profile_table(values)]
    tables += [ablation_table(values)] if values["ablation"] else []
    where = f"{folder}: spatial.md, spatial.csv, spatial.json, figures in spatial/"
    return "\n".join([*tables, f"Intervals are 95 %; {values['intervals']}.", where])
