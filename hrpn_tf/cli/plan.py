"""``hrpn-tf plan``: what more animals would bring, and which slides to measure next."""

from pathlib import Path
from typing import Any

import click

from hrpn_tf.cli.options import (
    option_group,
    out_option,
    overwrite_option,
    parse_channels,
    pixel_size_option,
    store_option,
)
from hrpn_tf.cli.show import show
from hrpn_tf.errors import UsageError
from hrpn_tf.workflows.plan.options import DRAWS, PlanOptions


def _options(channels: tuple[str, ...], sizes: str | None, **values: Any) -> PlanOptions:
    return PlanOptions(
        channels=parse_channels(channels), sizes=_numbers("--sizes", sizes), **values
    )


def _numbers(option: str, text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option} {text}: expected whole numbers, e.g. 1,2,4,8") from None


_plan_options = option_group(
    "options",
    _options,
    click.option(
        "--curve/--no-curve",
        default=True,
        help="Whether to train on subsets of the training groups, for the learning curve; without "
        "it, nothing is trained (default: curve).",
    ),
    click.option(
        "--sizes",
        metavar="N,N,...",
        help="Numbers of groups to train with (default: 1, 2, 4, ... and all).",
    ),
    click.option(
        "--draws",
        type=int,
        default=DRAWS,
        help=f"Number of nested series of subsets (default: {DRAWS}).",
    ),
    click.option(
        "--shorten",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="Steps of each training, as a share of those of the run; below 1 errors are those of "
        "shorter trainings (default: 1).",
    ),
    click.option(
        "--max-minutes",
        type=float,
        metavar="M",
        help="Begin no further training after M minutes, and plan with those that are finished; "
        "the same command resumes (default: no limit).",
    ),
    click.option(
        "--at",
        type=int,
        multiple=True,
        metavar="N",
        help="Number of training groups to predict for; may be repeated (default: twice and four "
        "times as many).",
    ),
    click.option(
        "--coverage",
        type=float,
        default=0.9,
        help="Coverage of the intervals whose width is predicted (default: 0.9).",
    ),
    click.option(
        "--ensemble",
        type=click.Path(path_type=Path),
        multiple=True,
        metavar="RUN",
        help="Another run whose disagreement ranks the candidates; may be repeated. The trainings "
        "of the curve with half of the groups or more always do.",
    ),
    click.option(
        "--channel",
        "channels",
        multiple=True,
        metavar="ROLE=NAME",
        help="Channel of the candidates that shows an input, by name or index; may be repeated "
        "(default: as in the run's configuration).",
    ),
    pixel_size_option,
    store_option,
)


@click.command("plan")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("candidates", nargs=-1, type=click.Path(path_type=Path), metavar="[CANDIDATES...]")
@out_option("Folder for the trainings and the plan (default: RUN/plan).", required=False)
@_plan_options
@overwrite_option
def command(
    run: Path,
    candidates: tuple[Path, ...],
    out: Path | None,
    options: PlanOptions,
    overwrite: bool,
) -> None:
    """Plan what to measure next, from the pilot run RUN.

    How would error and interval width fall with more animals? Networks are trained by the recipe
    of RUN on subsets of its training groups, and a power law is fitted to their errors on the
    groups that RUN holds back. What coverage can so many calibration groups guarantee? And which of
    CANDIDATES would teach most? These are slides without a measured target, lists or folders of
    such slides, or patterns such as 'new/*.tif'.

    After an interruption, the same command resumes where it stopped. Existing results are replaced;
    --overwrite also removes trainings with other settings.
    """
    from hrpn_tf.workflows.plan.plan import plan_run
    from hrpn_tf.workflows.plan.summary import files_of, to_markdown

    found = plan_run(run, candidates, out, options=options, overwrite=overwrite)
    show(to_markdown(found))
    show(files_of(found.folder, bool(found.ranked)))
