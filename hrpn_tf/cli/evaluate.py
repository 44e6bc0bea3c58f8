"""``hrpn-tf evaluate``: compare predicted slides with the measured target."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrpn_tf.cli.options import overwrite_option

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
    overwrite: bool,
) -> None:
    """Compare predicted slides with the measured target.

    By default these are the test slides of the run; with a slide list (LIST, CSV or YAML) those of
    it that the run neither trained nor picked its checkpoint with.
    """
    from hrpn_tf.workflows.evaluate_run import evaluate_run

    evaluation = evaluate_run(
        run,
        slide_list=slide_list,
        predictions=predictions,
        out=out,
        groups=groups,
        baselines=baselines,
        trees=trees,
        smooth_px=smooth_px,
        peak=peak,
        overwrite=overwrite,
    )
    click.echo(_summary(evaluation, out or run / "evaluation"))


def _summary(evaluation: "Evaluation", out: Path) -> str:
    """The main table, and where the rest is."""
    from hrpn_tf.evaluation import table

    rows = [row for row in evaluation.rows() if (row.view, row.region) == ("float", "whole")]
    pictures = ", ".join(f"{slide.name}.png" for slide in evaluation.slides[:3])
    more = ", ..." if len(evaluation.slides) > 3 else ""
    return f"{table(rows)}{out}: metrics.md, metrics.csv, metrics.json, {pictures}{more}"
