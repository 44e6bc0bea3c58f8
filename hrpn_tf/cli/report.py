"""``hrpn-tf report``: everything about a run or an evaluation on one page."""

from pathlib import Path

import click

from hrpn_tf.cli.options import option_group, overwrite_option
from hrpn_tf.cli.show import show
from hrpn_tf.workflows.report.options import ReportOptions

_options = option_group(
    "options",
    ReportOptions,
    click.argument("slide_list", required=False, type=click.Path(path_type=Path), metavar="[LIST]"),
    click.option(
        "--run",
        type=click.Path(path_type=Path),
        help="Run folder that an evaluation belongs to (default: the folder above it).",
    ),
    click.option(
        "--predictions",
        type=click.Path(path_type=Path),
        help="Folder with slides predicted by hrpn-tf predict (default: RUN/predictions).",
    ),
    click.option(
        "--megapixels",
        type=click.FloatRange(min=0, min_open=True),
        default=100.0,
        help="Largest image of a slide in the viewer, in megapixels; larger slides are downsampled "
        "by powers of two (default: 100).",
    ),
)


@click.command("report")
@click.argument("path", type=click.Path(path_type=Path), metavar="RUN|EVALUATION")
@_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the pages (default: RUN/report; for an evaluation NAME elsewhere, the "
    "folder NAME-report beside it).",
)
@overwrite_option
def command(path: Path, out: Path | None, options: ReportOptions, overwrite: bool) -> None:
    """Show a run or an evaluation on one page, and every slide in a viewer.

    The pages open from the disk and load nothing from elsewhere. Slides are those of the run's
    patch dataset, or of a slide list (LIST, CSV or YAML).
    """
    from hrpn_tf.evaluation.report.pages import format_size
    from hrpn_tf.workflows.report.report import report_run

    reported = report_run(path, out=out, options=options, overwrite=overwrite)
    slides = f"{reported.slides} slide{'' if reported.slides == 1 else 's'}"
    show(f"{reported.page}: {slides}, {format_size(reported.tile_bytes)} of tiles")
