"""``hrpn-tf calibrate``: prediction intervals for the network of a run."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrpn_tf.cli.options import overwrite_option

if TYPE_CHECKING:
    from hrpn_tf.workflows.calibrate.calibrate import Calibrated


@click.command("calibrate")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("slides", required=False, type=click.Path(path_type=Path), metavar="[LIST]")
@click.option("--coverage", type=float, default=0.9, help="Nominal, between 0 and 1.  [0.9]")
@click.option("--group", "groups", multiple=True, help="Of LIST: only this; may be repeated.")
@click.option(
    "--test",
    type=click.Path(path_type=Path),
    help="Slide list to measure the coverage on.  [the run's test slides]",
)
@click.option(
    "--guarantee/--no-guarantee",
    default=True,
    help="Keep the coverage in expectation, however few the groups; needs coverage / (1 - "
    "coverage) of them. Without, intervals are narrower and any number will do.  [guarantee]",
)
@click.option(
    "--store", type=click.Path(path_type=Path), help="Of patches.  [where the run was fitted]"
)
@overwrite_option
def command(
    run: Path,
    slides: Path | None,
    coverage: float,
    groups: tuple[str, ...],
    test: Path | None,
    guarantee: bool,
    store: Path | None,
    overwrite: bool,
) -> None:
    """Add prediction intervals to the network of RUN, calibrated on slides, and measure them.

    LIST is a slide list (CSV or YAML) of slides with a measured target that neither trained nor
    test the network; without one, the slides that picked its checkpoint calibrate. The result is
    RUN/calibrated: the network, which predicts as before, with two more channels; and what its
    intervals cover. Predict with them by hrpn-tf predict --run RUN --intervals.

    Stopped at any moment and run again, it goes on where it stopped.
    """
    from hrpn_tf.workflows.calibrate.calibrate import calibrate_run

    found = calibrate_run(
        run,
        slides=slides,
        groups=groups,
        test=test,
        coverage=coverage,
        guarantee=guarantee,
        store=store,
        overwrite=overwrite,
    )
    click.echo(_summary(found, guarantee))


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
