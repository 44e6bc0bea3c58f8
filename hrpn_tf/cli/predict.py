"""``hrpn-tf predict``: predict whole slides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrpn_tf.cli.options import overwrite_option, pixel_size_option
from hrpn_tf.cli.quiet import load_tensorflow
from hrpn_tf.cli.run_slides import choose_slides, prediction_path, run_slides
from hrpn_tf.config import Config, load_run_config
from hrpn_tf.errors import RunError, UsageError

if TYPE_CHECKING:
    from hrpn_export import Contract

    from hrpn_tf.prediction import PredictionSummary

LISTS = (".csv", ".yaml", ".yml")


@dataclass(frozen=True)
class _Job:
    """One slide to predict, checked: everything known but its pixels."""

    slide: Path
    out: Path
    channels: tuple[int, ...]
    channel_names: dict[str, str]
    pixel_size_um: float


@dataclass(frozen=True)
class _Request:
    """One slide to predict, as asked for."""

    slide: Path
    out: Path
    channels: Mapping[str, str | int]
    pixel_size_um: float | None


@click.command("predict")
@click.argument("slides", nargs=-1, type=click.Path(path_type=Path), metavar="[SLIDE|LIST]...")
@click.option(
    "--run", "run", type=click.Path(path_type=Path), required=True, help="Folder of hrpn-tf fit."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the predicted slides, or a file *.ome.tif for one slide.  [RUN/predictions]",
)
@click.option(
    "--group", "groups", multiple=True, help="Of a slide list: only this group; may be repeated."
)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="ROLE=NAME",
    help="Channel of an input in the file, by name or index, e.g. vessels=SpGreen.",
)
@click.option("--tile", type=click.IntRange(min=32), help="Largest side of a tile, px.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "uint16", "uint8"]),
    help="Type of the predicted grey levels; integers are rounded and clipped.",
)
@pixel_size_option
@overwrite_option
def command(
    slides: tuple[Path, ...],
    run: Path,
    out: Path | None,
    groups: tuple[str, ...],
    channels: tuple[str, ...],
    tile: int | None,
    dtype: str | None,
    pixel_size_um: float | None,
    overwrite: bool,
) -> None:
    """Predict slides with the best network of a run, by tiles, without seams.

    SLIDE is a file, or a folder with one TIFF per channel. LIST is a slide list (CSV or YAML), of
    which the groups that the run neither trained nor picked its checkpoint with are predicted.
    Without any, the run's own test slides are.
    """
    from hrpn_export import Contract

    config = load_run_config(run)
    requests = _requests(slides, run, config, out, groups, _parse_channels(channels, config))
    contract = Contract.from_json(_read(run / "contract.json"))
    jobs = [_check(request, contract, config, pixel_size_um, overwrite) for request in requests]
    if contract.receptive_field is None or not contract.tile_exact:
        # such a network answers best in tiles of the size that it was trained on
        tile = tile or config.training.crop or config.data.patch
        click.echo(
            f"hrpn-tf: the network of {run} depends on its tile: tiles of {tile} px overlap by "
            "half, and faint seams may remain",
            err=True,
        )
    _predict(jobs, run, tile or config.prediction.tile, dtype or config.prediction.dtype, overwrite)


def _predict(jobs: Sequence[_Job], run: Path, tile: int, dtype: str, overwrite: bool) -> None:
    load_tensorflow()
    from hrpn_export.keras_session import KerasSession

    from hrpn_tf.prediction import predict_slide, prediction_provenance
    from hrpn_tf.slides import open_slide
    from hrpn_tf.training.run import load_run

    model, contract, config = load_run(run)
    session = KerasSession(model, contract)
    for job in jobs:
        with open_slide(job.slide) as slide:
            summary = predict_slide(
                session,
                slide,
                job.channels,
                job.out,
                tile=tile,
                dtype=dtype,
                provenance=prediction_provenance(
                    slide=job.slide,
                    model=run / "best.keras",
                    config=config,
                    channels=job.channel_names,
                ),
                overwrite=overwrite,
                progress=True,
                pixel_size_um=job.pixel_size_um,
            )
        click.echo(_describe(summary))


def _requests(
    slides: Sequence[Path],
    run: Path,
    config: Config,
    out: Path | None,
    groups: Sequence[str],
    channels: Mapping[str, str | int],
) -> list[_Request]:
    """What is to be predicted, and where each result goes.

    Raises:
        UsageError: two results would get one name, or one file is named for several slides.
    """
    from hrpn_tf.data.slide_list import slide_name

    plain = [path for path in slides if path.suffix.lower() not in LISTS]
    lists: list[Path | None] = [path for path in slides if path.suffix.lower() in LISTS]
    if not slides:
        lists = [None]
    folder = out or run / "predictions"
    requests = [
        _Request(
            path,
            prediction_path(folder, slide_name(path)),
            {**config.data.channels, **channels},
            None,
        )
        for path in plain
    ]
    for path in lists:
        all_slides = run_slides(run, config, path)
        requests += [
            _Request(
                slide.path,
                prediction_path(folder, slide.name),
                {**slide.channels, **channels},
                slide.pixel_size_um,
            )
            for slide in choose_slides(all_slides, groups, str(path or run))
        ]
    return _one_file(requests, out) if _is_file_name(out) else _distinct(requests)


def _is_file_name(out: Path | None) -> bool:
    return out is not None and out.suffix.lower() in (".tif", ".tiff")


def _one_file(requests: list[_Request], out: Path | None) -> list[_Request]:
    assert out is not None
    if len(requests) != 1:
        raise UsageError(f"--out {out} is one file, for {len(requests)} slides; name a folder")
    return [replace(requests[0], out=out)]


def _distinct(requests: list[_Request]) -> list[_Request]:
    seen: dict[Path, Path] = {}
    for request in requests:
        if request.out in seen:
            raise UsageError(
                f"{seen[request.out]} and {request.slide} would both be written to {request.out}; "
                "predict them into different folders, or name them in a slide list"
            )
        seen[request.out] = request.slide
    return requests


def _check(
    request: _Request,
    contract: "Contract",
    config: Config,
    pixel_size_um: float | None,
    overwrite: bool,
) -> _Job:
    """Refuse what cannot be predicted before the network is loaded."""
    from hrpn_tf.files import refuse_existing
    from hrpn_tf.prediction import fitting_pixel_size, input_channels
    from hrpn_tf.slides import open_slide

    if request.out.exists() and request.out.samefile(request.slide):
        raise UsageError(f"--out would replace the slide {request.slide}; name another place")
    refuse_existing(request.out, overwrite)
    with open_slide(request.slide) as slide:
        info = slide.info
    channels = input_channels(info, contract, request.channels)
    stated = pixel_size_um or (request.pixel_size_um if info.pixel_size_um is None else None)
    size = fitting_pixel_size(info, contract, stated, config.prediction.pixel_size_tolerance)
    names = {role: info.channels[i] for role, i in zip(contract.inputs, channels, strict=True)}
    return _Job(request.slide, request.out, channels, names, size)


def _parse_channels(channels: Sequence[str], config: Config) -> dict[str, str | int]:
    parsed: dict[str, str | int] = {}
    for text in channels:
        role, equals, name = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--channel {text}: expected ROLE=NAME, e.g. vessels=SpGreen")
        if role not in config.data.inputs:
            raise UsageError(
                f"--channel {text}: the model has no input {role}; its inputs are "
                f"{', '.join(config.data.inputs)}"
            )
        parsed[role] = name
    return parsed


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        raise RunError(f"{path}: missing; run hrpn-tf fit again") from None


def _describe(summary: "PredictionSummary") -> str:
    tiling = summary.tiling
    rate = summary.pixels / 1e6 / summary.seconds
    return (
        f"{summary.path}: {tiling.height} x {tiling.width} px in {summary.seconds:.1f} s, "
        f"{rate:.2f} Mpx/s ({summary.session_seconds / summary.seconds:.0%} in the network); "
        f"{len(tiling)} tiles of {tiling.shape[0]} x {tiling.shape[1]} px, halo {tiling.halo} px"
    )
