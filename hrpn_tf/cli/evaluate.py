"""``hrpn-tf evaluate``: compare predicted slides with the measured target."""

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from hrpn_tf.cli.options import overwrite_option
from hrpn_tf.cli.run_slides import (
    RunSlide,
    choose_slides,
    prediction_path,
    run_slides,
)
from hrpn_tf.config import Config, load_run_config
from hrpn_tf.errors import MissingPredictionError, PixelSizeError, SlideMismatchError, StoreError

if TYPE_CHECKING:
    from hrpn_tf.evaluation import ChannelPlane, Evaluation, MeasuredSlide, Plane, Profile
    from hrpn_tf.slides import Slide


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
    smooth_px: float | None,
    peak: float | None,
    overwrite: bool,
) -> None:
    """Compare predicted slides with the measured target.

    By default these are the test slides of the run; with a slide list (LIST, CSV or YAML) those of
    it that the run neither trained nor picked its checkpoint with.
    """
    from hrpn_tf.evaluation import to_csv, to_markdown
    from hrpn_tf.files import atomic_path

    config = load_run_config(run)
    changes = {"smooth_px": smooth_px, "peak": peak}
    options = config.evaluation.model_copy(
        update={key: value for key, value in changes.items() if value is not None}
    )
    config = config.model_copy(update={"evaluation": options})
    everything = run_slides(run, config, slide_list)
    slides = choose_slides(everything, groups, str(slide_list or run))
    predictions = predictions or run / "predictions"
    _refuse_missing(slides, predictions, run, slide_list)
    with atomic_path(out or run / "evaluation", overwrite) as folder:
        folder.mkdir()
        profile = _profile(everything, run, config) if baselines else None
        evaluation = _evaluate(slides, predictions, config, profile, folder)
        (folder / "metrics.json").write_text(json.dumps(evaluation.to_json(), indent=2) + "\n")
        (folder / "metrics.csv").write_text(to_csv(evaluation))
        (folder / "metrics.md").write_text(to_markdown(evaluation))
    click.echo(_summary(evaluation, out or run / "evaluation"))


def _refuse_missing(
    slides: Sequence[RunSlide], predictions: Path, run: Path, slide_list: Path | None
) -> None:
    """Refuse slides without prediction; warn of predictions by another network."""
    from hrpn_tf.prediction import sha256
    from hrpn_tf.slides import read_provenance

    missing = [s.name for s in slides if not prediction_path(predictions, s.name).is_file()]
    if missing:
        listed = f"{missing[0]} and {len(missing) - 1} more" if len(missing) > 1 else missing[0]
        groups = [part for g in sorted({s.group for s in slides}) for part in ("--group", g)]
        lists = [] if slide_list is None else [str(slide_list)]
        command = shlex.join(
            ["hrpn-tf", "predict", *lists, "--run", str(run), "--out", str(predictions), *groups]
        )
        raise MissingPredictionError(
            f"{predictions}: no prediction of {listed}; make them with: {command}"
        )
    own = sha256(run / "best.keras") if (run / "best.keras").is_file() else None
    for slide in slides:
        path = prediction_path(predictions, slide.name)
        made_by = read_provenance(path).get("model", {}).get("sha256")
        if own and made_by and made_by != own:
            click.echo(
                f"hrpn-tf: {path} was predicted by another network than {run / 'best.keras'}; "
                "predict again with --overwrite if that is not meant",
                err=True,
            )


def _profile(everything: Sequence[RunSlide], run: Path, config: Config) -> "Profile | None":
    """What the baselines know, from the training slides in the list, or else in the store."""
    from hrpn_tf.evaluation import fit_baselines

    training = [slide for slide in everything if slide.subset == "train"]
    if not training:
        try:
            training = [s for s in run_slides(run, config, None) if s.subset == "train"]
        except StoreError:
            training = []
    if not training or not all(slide.path.exists() for slide in training):
        click.echo("hrpn-tf: no baselines: the training slides are not there", err=True)
        return None
    with ExitStack() as stack:
        return fit_baselines([stack.enter_context(_measured(s, config))[0] for s in training])


def _evaluate(
    slides: Sequence[RunSlide],
    predictions: Path,
    config: Config,
    profile: "Profile | None",
    folder: Path,
) -> "Evaluation":
    """Compare and draw every slide, with a progress bar over all of them."""
    from hrpn_tf.evaluation import CompareSettings, Evaluation, common_peak, evaluate_slide
    from hrpn_tf.slides import open_slide

    infos = {}
    for slide in slides:
        with open_slide(slide.path) as opened:
            infos[slide.name] = opened.info
    peak = common_peak({name: i.dtype for name, i in infos.items()}, config.evaluation.peak)
    settings = CompareSettings(peak=peak, smooth_px=config.evaluation.smooth_px)
    results = []
    pixels = sum(info.height * info.width for info in infos.values())
    with tqdm(total=pixels, unit="px", unit_scale=True, desc="evaluate") as bar:
        for slide in slides:
            path = prediction_path(predictions, slide.name)
            with _measured(slide, config) as (measured, opened), open_slide(path) as predicted:
                results.append(
                    evaluate_slide(
                        measured,
                        _predicted_plane(predicted, config, opened),
                        _tissue(opened, slide, measured.pixel_size_um, config),
                        settings,
                        profile=profile,
                        picture=folder / f"{slide.name}.png",
                        progress=bar.update,
                    )
                )
    dtype = str(next(iter(infos.values())).dtype)
    return Evaluation(tuple(results), peak, settings.smooth_px, dtype, profile)


@contextmanager
def _measured(slide: RunSlide, config: Config) -> "Iterator[tuple[MeasuredSlide, Slide]]":
    """A slide of the run with its channels as planes, and the open slide."""
    from hrpn_tf.evaluation import ChannelPlane, MeasuredSlide
    from hrpn_tf.slides import channel_index, open_slide

    with open_slide(slide.path) as opened:
        size = opened.info.pixel_size_um or slide.pixel_size_um
        if size is None:
            raise PixelSizeError(
                f"{slide.path}: the slide states no pixel size; give it in the file"
            )
        planes = {
            role: ChannelPlane(opened, channel_index(opened.info, channel))
            for role, channel in slide.channels.items()
        }
        vessels, target = config.evaluation.vessel_role, config.data.target
        yield (
            MeasuredSlide(
                name=slide.name,
                group=slide.group,
                subset=slide.subset,
                inputs={role: planes[role] for role in config.data.inputs},
                target_role=target,
                target=planes[target],
                vessel_role=vessels if vessels in config.data.inputs else None,
                pixel_size_um=size,
            ),
            opened,
        )


def _predicted_plane(predicted: "Slide", config: Config, measured: "Slide") -> "ChannelPlane":
    """The channel of a predicted slide that holds the target.

    Raises:
        SlideMismatchError: the two slides state different pixel sizes.
        UnknownChannelError: several channels, and none of the target's name.
    """
    from hrpn_tf.evaluation import ChannelPlane
    from hrpn_tf.slides import channel_index

    size, true_size = predicted.info.pixel_size_um, measured.info.pixel_size_um
    if size is not None and true_size is not None and abs(size - true_size) > 0.01 * true_size:
        raise SlideMismatchError(
            f"{predicted.info.path}: {size:g} um/px, but the measured slide has {true_size:g}; "
            "predict the slide again"
        )
    one = len(predicted.info.channels) == 1
    return ChannelPlane(predicted, 0 if one else channel_index(predicted.info, config.data.target))


def _tissue(
    opened: "Slide", slide: RunSlide, pixel_size_um: float, config: Config
) -> "Plane | None":
    """The tissue of a slide, found as for training; None where everything counts as tissue."""
    from hrpn_tf.data.tissue import block_side, read_blocks, tissue_mask
    from hrpn_tf.evaluation import MaskPlane
    from hrpn_tf.slides import channel_index

    tissue = config.data.tissue
    if tissue.method == "all":
        return None
    channels = [channel_index(opened.info, slide.channels[role]) for role in config.data.inputs]
    blocks = read_blocks(opened, channels, block_side(tissue.scale_um, pixel_size_um))
    mask = tissue_mask(blocks, len(channels), tissue)
    return MaskPlane(opened.info.height, opened.info.width, mask, blocks.side)


def _summary(evaluation: "Evaluation", out: Path) -> str:
    """The main table, and where the rest is."""
    from hrpn_tf.evaluation import table

    rows = [row for row in evaluation.rows() if (row.view, row.region) == ("float", "whole")]
    pictures = ", ".join(f"{slide.name}.png" for slide in evaluation.slides[:3])
    more = ", ..." if len(evaluation.slides) > 3 else ""
    return f"{table(rows)}{out}: metrics.md, metrics.csv, metrics.json, {pictures}{more}"
