"""``hrpn-tf predict``: predict whole slides."""

from pathlib import Path
from typing import Any

import click

from hrpn_tf.cli.options import overwrite_option, parse_region, pixel_size_option
from hrpn_tf.errors import UsageError
from hrpn_tf.runs import open_run
from hrpn_tf.workflows.networks.bundle import BundleNetwork
from hrpn_tf.workflows.networks.network import Network
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.predict.jobs import PredictionOptions
from hrpn_tf.workflows.predict.predict import predict_run


def _setting(name: str, key: str, text: str, **options: Any) -> Any:
    """An option that overrides one key of the prediction section of the configuration."""
    return click.option(name, key, default=None, help=text, **options)


@click.command("predict")
@click.argument("slides", nargs=-1, type=click.Path(path_type=Path), metavar="[SLIDE|LIST]...")
@click.option("--run", "run", type=click.Path(path_type=Path), help="Folder of hrpn-tf fit.")
@click.option(
    "--bundle", type=click.Path(path_type=Path), help="Of hrpn-tf export, in place of --run."
)
@click.option(
    "--model-format",
    metavar="NAME",
    help="Of the bundle: keras, saved_model, onnx, tflite, tensorrt.  [onnx]",
)
@click.option("--precision", metavar="NAME", help="Of the bundle, e.g. fp16, int8.  [fp32]")
@click.option("--runtime", metavar="NAME", help="Of the bundle, e.g. openvino for onnx.")
@click.option("--device", metavar="NAME", help="Of the bundle: cpu, cuda, cuda:1, tensorrt.  [cpu]")
@click.option("--uncertified", is_flag=True, help="Use a format that missed its limit.")
@click.option(
    "--intervals",
    is_flag=True,
    help="Also lower and upper bounds, as channels; needs hrpn-tf calibrate.  "
    "[RUN/predictions-intervals]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the predicted slides, or *.ome.tif or *.ome.zarr for one.  [RUN/predictions]",
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
@click.option("--region", metavar="X,Y,WIDTH,HEIGHT", help="Only this, px at full resolution.")
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    help="Only inside these outlines, GeoJSON as QuPath exports it.",
)
@click.option("--level", type=click.IntRange(min=0), help="Level to read.  [nearest to the model]")
@_setting(
    "--max-ram",
    "max_ram",
    "Memory of all processes on this machine together, e.g. 2GB; with --scheduler of each "
    "worker.  [half of what is free, or 70 % of a worker's limit]",
)
@_setting(
    "--format",
    "format",
    "Of the results.  [ome-tiff, or by the name of --out]",
    type=click.Choice(["ome-tiff", "ome-zarr-0.5", "ome-zarr-0.4"]),
)
@_setting(
    "--dtype",
    "dtype",
    "Type of the predicted grey levels; integers are rounded and clipped.  [float32]",
    type=click.Choice(["float32", "uint16", "uint8"]),
)
@_setting(
    "--compression", "compression", "Of OME-TIFF.  [zlib]", type=click.Choice(["zlib", "zstd"])
)
@_setting(
    "--tile",
    "tile",
    "Largest side of a tile, px.  [as memory allows]",
    type=click.IntRange(min=32),
)
@_setting(
    "--halo",
    "halo",
    "Smaller border of a tile, px; its seams are reported.  [half the receptive field]",
    type=click.IntRange(min=0),
)
@click.option(
    "--skip-empty/--no-skip-empty",
    "skip_empty",
    default=None,
    help="Do not compute tiles without tissue.  [skip]",
)
@click.option(
    "--resample/--no-resample",
    "resample",
    default=None,
    help="Resample slides of another pixel size, or refuse them.  [resample]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Processes on this machine; 0: none but this.  [one for 4 cores and 2 GB, or for each "
    "GPU; 0 for one slide]",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="A running Dask cluster instead, tcp://HOST:PORT or tls://HOST:PORT.",
)
@pixel_size_option
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="prediction.KEY=VALUE",
    help="Override one value of the configuration; may be repeated.",
)
@overwrite_option
def command(
    slides: tuple[Path, ...],
    run: Path | None,
    bundle: Path | None,
    model_format: str | None,
    precision: str | None,
    runtime: str | None,
    device: str | None,
    uncertified: bool,
    intervals: bool,
    out: Path | None,
    groups: tuple[str, ...],
    channels: tuple[str, ...],
    region: str | None,
    mask: Path | None,
    level: int | None,
    workers: int | None,
    scheduler: str | None,
    pixel_size_um: float | None,
    overrides: tuple[str, ...],
    overwrite: bool,
    **settings: object,
) -> None:
    """Predict slides with the best network of a run, or a bundle, by tiles, without seams.

    SLIDE is a file, or a folder with one TIFF per channel. LIST is a slide list (CSV or YAML), of
    which the groups that the run neither trained nor picked its checkpoint with are predicted.
    Without any, the run's own test slides are.

    Stopped at any moment and run again, it goes on where it stopped. Several slides are predicted
    by several processes, or by a Dask cluster on many machines; those that this network has
    predicted already are left out. One that fails is reported at the end and does not stop the
    others; the exit code is 1 then.
    """
    given = [f"prediction.{key}={value}" for key, value in settings.items() if value is not None]
    own = {"format": model_format, "precision": precision, "runtime": runtime, "device": device}
    predict_run(
        _network(
            run, bundle, {k: v for k, v in own.items() if v is not None}, uncertified, intervals
        ),
        slides=slides,
        groups=groups,
        out=out,
        channels=dict(_parse_channel(text) for text in channels),
        overrides=(*overrides, *given),
        choice=PredictionOptions(parse_region(region), mask, level, pixel_size_um),
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
    )


def _parse_channel(text: str) -> tuple[str, str]:
    role, equals, name = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--channel {text}: expected ROLE=NAME, e.g. vessels=SpGreen")
    return role, name


def _network(
    run: Path | None,
    bundle: Path | None,
    own: dict[str, str],
    uncertified: bool,
    intervals: bool,
) -> Network:
    if (run is None) == (bundle is None):
        raise UsageError("name what predicts: either --run RUN or --bundle BUNDLE")
    if bundle is not None:
        return BundleNetwork(bundle, **own, uncertified=uncertified, intervals=intervals)
    if own or uncertified:
        names = ", ".join(f"--{'model-format' if k == 'format' else k}" for k in own)
        raise UsageError(f"{names or '--uncertified'}: for --bundle only")
    assert run is not None
    return RunNetwork(open_run(run), intervals)
