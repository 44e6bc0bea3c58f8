"""``hrpn-tf compare``: runs on the same test slides, side by side."""

from pathlib import Path

import click

from hrpn_tf.cli.options import option_group, out_option, overwrite_option
from hrpn_tf.cli.show import show
from hrpn_tf.workflows.compare.options import ComparisonOptions

_options = option_group(
    "options",
    ComparisonOptions,
    click.option(
        "--reference",
        metavar="NAME",
        help="Run, group of runs or baseline that the others are compared with (default: the first "
        "run).",
    ),
    click.option(
        "--baselines/--no-baselines",
        default=True,
        help="Whether to include the classical baselines: mean, vessel distance and "
        "gradient-boosted trees (default: baselines).",
    ),
    click.option(
        "--rounds",
        type=click.IntRange(min=0),
        default=20,
        help="Number of timing rounds, each of which runs every network once; 0 skips the "
        "measurement of latency (default: 20).",
    ),
)


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="[NAME=]RUN...")
@out_option("Folder for the comparison.")
@_options
@overwrite_option
def command(runs: tuple[str, ...], out: Path, options: ComparisonOptions, overwrite: bool) -> None:
    """Compare runs on the same test slides: errors with intervals, cost, pictures.

    RUN is a folder of hrpn-tf fit. Runs without an evaluation are first predicted and evaluated.
    Runs that differ only in their seed are also shown as a group, with mean and standard
    deviation.
    """
    from hrpn_tf.evaluation.comparison.tables import difference_table, main_table
    from hrpn_tf.workflows.compare.compare import compare_runs
    from hrpn_tf.workflows.compare.run_results import parse_runs

    compared = compare_runs(parse_runs(runs), out, options=options, overwrite=overwrite)
    show(main_table(compared.comparison))
    show(difference_table(compared.comparison))
    show(
        f"{compared.folder}: comparison.md, comparison.csv, comparison.json, mse.png, cost.png, "
        "range.png"
    )
