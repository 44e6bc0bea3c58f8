"""``hrpn-tf evaluate``: compare predicted slides with the measured target."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from click.core import ParameterSource

from hrpn_tf.cli.options import option_group, overwrite_option
from hrpn_tf.cli.show import show
from hrpn_tf.errors import RunError, UsageError
from hrpn_tf.untrusted import LARGEST, read_json
from hrpn_tf.waiting import EVALUATION, waiting
from hrpn_tf.workflows.evaluate.options import EvaluationOptions

if TYPE_CHECKING:
    from hrpn_tf.runs import Run
    from hrpn_tf.workflows.evaluate.evaluate import Evaluated
    from hrpn_tf.workflows.evaluate.spatial import SpatialOptions

logger = logging.getLogger(__name__)

_evaluation_options = option_group(
    "options",
    EvaluationOptions,
    click.option(
        "--predictions",
        type=click.Path(path_type=Path),
        help="Folder with slides predicted by hrpn-tf predict (default: RUN/predictions; with "
        "--weights predictions-NAME).",
    ),
    click.option(
        "--group",
        "groups",
        multiple=True,
        help="Evaluate only this group; may be repeated.",
    ),
    click.option(
        "--baselines/--no-baselines",
        default=True,
        help="Whether to evaluate two baselines as well: the mean of the training slides, and a "
        "fit to the distance to the nearest vessel (default: baselines; none with --weights).",
    ),
    click.option(
        "--trees/--no-trees",
        default=False,
        help="Whether to add gradient-boosted trees on smoothed inputs to the baselines; takes "
        "longer (default: no trees).",
    ),
    click.option(
        "--error-floor",
        is_flag=True,
        help="Also say how good anyone could be: bounds of the least error that any function of "
        "the inputs has on these slides, from noise and from a regression across animals.",
    ),
    click.option(
        "--smooth-px",
        type=click.FloatRange(min=0),
        help="Standard deviation of a Gaussian filter, in pixels; metrics of the filtered images "
        "are reported as well (default: none).",
    ),
    click.option(
        "--peak",
        type=click.FloatRange(min=0, min_open=True),
        help="Peak intensity for PSNR (default: data.grey_max, or else the largest value of the "
        "target's integer type).",
    ),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Configuration value to override, spatial.* or evaluation.*; may be repeated.",
    ),
)

_spatial_options = option_group(
    "spatial",
    lambda **values: _spatial(**values),
    click.option(
        "--spatial",
        is_flag=True,
        help="Also evaluate spatially: by distance to vessels, in sub-areas, at vessels and "
        "nuclei, with confidence intervals and figures.",
    ),
    click.option(
        "--vessel-mask",
        metavar="FILE",
        help="With --spatial: image with non-zero vessel pixels, or GeoJSON of QuPath with their "
        "outlines; {slide} stands for the slide's name (default: threshold of the vessel channel).",
    ),
    click.option(
        "--nucleus-labels",
        metavar="FILE",
        help="With --spatial: label image with one number per nucleus; {slide} stands for the "
        "slide's name (default: threshold and watershed of the nucleus channel).",
    ),
    click.option(
        "--regions",
        metavar="FILE",
        help="With --spatial: GeoJSON file with named regions, as exported by QuPath; outlines of "
        "its class Ignore* are cut out of all of them.",
    ),
    click.option(
        "--ablate",
        multiple=True,
        metavar="INPUT",
        help="With --spatial: input to ablate; slides are also predicted with its information "
        "removed; may be repeated.",
    ),
    click.option(
        "--ablate-by",
        type=click.Choice(["mean", "shuffle"]),
        default="mean",
        help="Replacement of an ablated input: its mean intensity, or its blocks in random order "
        "(default: mean).",
    ),
)


@click.command("evaluate")
@click.argument("slide_list", required=False, type=click.Path(path_type=Path), metavar="[LIST]")
@click.option(
    "--run",
    "run",
    type=click.Path(path_type=Path),
    help="Run folder made by hrpn-tf fit.",
)
@click.option(
    "--weights",
    metavar="NAME",
    help="Weights, as listed by hrpn-tf weights, used instead of --run: compare a first look with "
    "the measured target of the slides of LIST.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for tables and figures (default: RUN/evaluation; with --weights evaluation-NAME).",
)
@_spatial_options
@_evaluation_options
@overwrite_option
def command(
    slide_list: Path | None,
    run: Path | None,
    weights: str | None,
    out: Path | None,
    options: EvaluationOptions,
    spatial: "SpatialOptions | None",
    overwrite: bool,
) -> None:
    """Compare predicted slides with the measured target.

    By default these are the test slides of the run; with a slide list (LIST, CSV or YAML) those of
    it that neither trained the network nor selected its checkpoint.
    """
    from hrpn_tf.workflows.evaluate.evaluate import evaluate_run
    from hrpn_tf.workflows.evaluate.first_look import first_look

    options = replace(options, spatial=spatial)
    if (run is None) == (weights is None):
        raise UsageError("one of --run RUN and --weights NAME is required, and not both")
    evaluated: Run | Path | None = run
    if weights is not None:
        look = first_look(weights, slide_list)
        evaluated, options, out = look.run, look.options(options), out or look.evaluation
    assert evaluated is not None
    _refuse_baselines(options, evaluated)
    with waiting.part(EVALUATION):
        found = evaluate_run(evaluated, slide_list, out=out, options=options, overwrite=overwrite)
    show(_summary(found))
    if options.error_floor:
        show(_floor_summary(found.folder))
    if spatial is not None:
        show(_spatial_summary(found.folder))
    logger.info(str(waiting))


def _refuse_baselines(options: EvaluationOptions, run: "Run | Path") -> None:
    """Refuse baselines of weights that were asked for, which are the default of a run."""
    from hrpn_tf.weights.catalogue import weights_in
    from hrpn_tf.workflows.evaluate.first_look import no_baselines

    given = click.get_current_context().get_parameter_source("baselines")
    if options.baselines and given is ParameterSource.COMMANDLINE:
        weights = weights_in(run if isinstance(run, Path) else run.folder)
        if weights is not None:
            raise no_baselines(weights.name)


def _spatial(
    spatial: bool,
    ablate: tuple[str, ...],
    ablate_by: Literal["mean", "shuffle"],
    **files: str | None,
) -> "SpatialOptions | None":
    """What the options of ``--spatial`` say; None without it."""
    from hrpn_tf.workflows.evaluate.spatial import SpatialOptions
    from hrpn_tf.workflows.evaluate.spatial_inputs import SpatialFiles

    for name, value in {**files, "ablate": ablate}.items():
        if value and not spatial:
            raise UsageError(f"--{name.replace('_', '-')} belongs to --spatial; add it")
    return SpatialOptions(SpatialFiles(**files), ablate, ablate_by) if spatial else None


def _summary(found: "Evaluated") -> str:
    """The verdict, the main table, and where the rest is."""
    from hrpn_tf.evaluation import table
    from hrpn_tf.slides.names import file_stem

    evaluation, out = found.evaluation, found.folder
    rows = [row for row in evaluation.rows() if (row.view, row.region) == ("float", "whole")]
    pictures = ", ".join(f"{file_stem(slide.name)}.png" for slide in evaluation.slides[:3])
    more = ", ..." if len(evaluation.slides) > 3 else ""
    said = "\n".join(found.verdict.lines())
    return f"{said}\n\n{table(rows)}{out}: metrics.md, metrics.csv, metrics.json, {pictures}{more}"


def _floor_summary(folder: Path) -> str:
    """What is known of the error floor."""
    from hrpn_tf.evaluation.error_floor.estimate import FILE, to_markdown

    values = read_json(folder / FILE, RunError, LARGEST)
    return f"{to_markdown(values)}{folder}: {FILE}"


def _spatial_summary(folder: Path) -> str:
    """The tables of the spatial evaluation, and where the rest is."""
    from hrpn_tf.evaluation.spatial.markdown import ablation_table, agreement_table, profile_table

    values = read_json(folder / "spatial.json", RunError, LARGEST)
    tables = [agreement_table(values), profile_table(values)]
    tables += [ablation_table(values)] if values["ablation"] else []
    where = f"{folder}: spatial.md, spatial.csv, spatial.json, figures in spatial/"
    return "\n".join([*tables, f"Intervals are 95 %; {values['intervals']}.", where])
