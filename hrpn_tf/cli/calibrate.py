"""``hrpn-tf calibrate``: prediction intervals for the network of a run."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrpn_tf.cli.options import option_group, overwrite_option, store_option
from hrpn_tf.cli.show import show
from hrpn_tf.waiting import CALIBRATION, waiting
from hrpn_tf.workflows.calibrate.options import CalibrationOptions

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from hrpn_tf.workflows.calibrate.calibrate import Calibrated


_options = option_group(
    "options",
    CalibrationOptions,
    click.option(
        "--coverage",
        type=float,
        default=0.9,
        help="Nominal coverage of the intervals, between 0 and 1 (default: 0.9).",
    ),
    click.option(
        "--group",
        "groups",
        multiple=True,
        help="Calibrate only with this group of LIST; may be repeated (default: all groups).",
    ),
    click.option(
        "--test",
        type=click.Path(path_type=Path),
        help="Slide list on which to measure the coverage (default: the run's test slides).",
    ),
    click.option(
        "--guarantee/--no-guarantee",
        default=True,
        help="Whether to guarantee the coverage in expectation. The guarantee requires at least "
        "coverage / (1 - coverage) groups; without it, intervals are narrower and any number of "
        "groups is accepted (default: guarantee).",
    ),
    store_option,
)


@click.command("calibrate")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("slides", required=False, type=click.Path(path_type=Path), metavar="[LIST]")
@_options
@overwrite_option
def command(run: Path, slides: Path | None, options: CalibrationOptions, overwrite: bool) -> None:
    """Add prediction intervals to the network of RUN, calibrated on slides, and measure them.

    LIST is a slide list (CSV or YAML). Its slides need a measured target and must neither train nor
    test the network. Without LIST, the slides that selected the checkpoint calibrate. The result is
    RUN/calibrated: the network, which predicts as before, with two more channels, and the measured
    coverage of its intervals. Predict with hrpn-tf predict --run RUN --intervals.

    After an interruption, the same command resumes where it stopped.
    """
    from hrpn_tf.workflows.calibrate.calibrate import calibrate_run

    with waiting.part(CALIBRATION):
        found = calibrate_run(run, slides, options=options, overwrite=overwrite)
    show(_summary(found, options.guarantee))
    logger.info(str(waiting))


def _summary(found: "Calibrated", guarantee: bool) -> str:
    """What is promised, the main tables, and where the rest is."""
    from hrpn_tf.evaluation.intervals import to_markdown
    from hrpn_tf.workflows.calibrate.summary import promise

    shown = [row for row in found.table if row.kind != "slide"]
    tables = f"{to_markdown(shown)}" if shown else ""
    files = "coverage.md, coverage.csv, calibration.json, model.keras"
    curve = ", curve.png" if found.curve is not None else ""
    words = promise(found.coverage, guarantee, found.correction)
    return f"{words}.\n\n{tables}{found.folder}: {files}{curve}"
