"""``hrpn-tf predict``: predict whole slides."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrpn_tf.cli.options import (
    option_group,
    overwrite_option,
    parse_channels,
    parse_region,
    pixel_size_option,
    z_option,
)
from hrpn_tf.cli.section_options import section_options
from hrpn_tf.config import PredictionConfig
from hrpn_tf.errors import UsageError
from hrpn_tf.waiting import waiting
from hrpn_tf.workflows.networks.auto import AUTO, Candidates
from hrpn_tf.workflows.predict.options import Execution, PredictionOptions

if TYPE_CHECKING:
    from hrpn_tf.prediction import Region
    from hrpn_tf.slides.depth import Depth

logger = logging.getLogger(__name__)

_network_options = option_group(
    "network",
    lambda **values: _network(**values),
    click.option(
        "--run", "run", type=click.Path(path_type=Path), help="Run folder made by hrpn-tf fit."
    ),
    click.option(
        "--bundle",
        type=click.Path(path_type=Path),
        help="Bundle made by hrpn-tf export, used instead of --run.",
    ),
    click.option(
        "--weights",
        metavar="NAME",
        help="Weights, as listed by hrpn-tf weights, used instead of --run: a first look without "
        "training. Those trained on simulations give a pattern, not amounts.",
    ),
    click.option(
        "--model-format",
        metavar="NAME",
        help="Format of the bundle to run: keras, saved_model, onnx, tflite or tensorrt "
        "(default: any).",
    ),
    click.option(
        "--precision",
        metavar="NAME",
        help="Precision of the bundle to run, e.g. fp16 or int8 (default: fp32).",
    ),
    click.option(
        "--runtime",
        metavar="NAME",
        default=AUTO,
        show_default=True,
        help="What runs the network: keras, onnxruntime or openvino for a run; for a bundle also "
        "tensorflow, litert or tensorrt. auto takes the fastest certified one of this machine, "
        "measured once on a tile and remembered.",
    ),
    click.option(
        "--device",
        metavar="NAME",
        help="Device to run the bundle on: cpu, cuda, cuda:1 or tensorrt (default: cpu).",
    ),
    click.option(
        "--uncertified",
        is_flag=True,
        help="Also run a format of the bundle that failed certification.",
    ),
    click.option(
        "--intervals",
        is_flag=True,
        help="Also predict lower and upper bounds, as two more channels; requires hrpn-tf "
        "calibrate. Results go to RUN/predictions-intervals by default.",
    ),
)

_prediction_options = option_group(
    "options",
    lambda **values: _options(**values),
    click.option(
        "--group",
        "groups",
        multiple=True,
        help="Predict only this group of a slide list; may be repeated.",
    ),
    click.option(
        "--channel",
        "channels",
        multiple=True,
        metavar="ROLE=NAME",
        help="Channel that shows an input, by name or index, e.g. vessels=SpGreen; may be repeated "
        "(default: as in the run's configuration).",
    ),
    click.option(
        "--region",
        metavar="X,Y,WIDTH,HEIGHT",
        help="Rectangle to predict, in pixels at full resolution (default: the whole slide).",
    ),
    click.option(
        "--mask",
        type=click.Path(path_type=Path),
        help="GeoJSON file with outlines, as exported by QuPath; only pixels inside them are "
        "predicted. Outlines of any class are united; those of QuPath's class Ignore* are cut out.",
    ),
    click.option(
        "--anchor",
        type=float,
        metavar="MEAN",
        help="Measured mean of the target over the tissue of the animal; the prediction is scaled "
        "so that its mean is this, in this unit. A column 'anchor' of a slide list states it for "
        "each animal.",
    ),
    click.option(
        "--anchor-region",
        metavar="X,Y,WIDTH,HEIGHT|FILE",
        help="Part of the slide whose target was measured, in pixels at full resolution, or a "
        "GeoJSON file with outlines; the prediction is scaled to the target there.",
    ),
    click.option(
        "--with-inputs",
        is_flag=True,
        help="Also write each prediction together with its inputs as one slide, in the folder "
        "with-inputs beside it, with names, colours and display ranges for QuPath, napari and "
        "Fiji.",
    ),
    click.option(
        "--level",
        type=click.IntRange(min=0),
        help="Pyramid level to read; 0 is full resolution (default: the coarsest level that is "
        "at least as fine as the network expects).",
    ),
    *section_options(PredictionConfig),
    pixel_size_option,
    z_option("data.z of the network's configuration; stacks are refused without"),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="prediction.KEY=VALUE",
        help="Configuration value to override; may be repeated.",
    ),
)

_execution_options = option_group(
    "execution",
    Execution,
    click.option(
        "--workers",
        type=click.IntRange(min=0),
        help="Number of worker processes on this machine; 0 predicts in this process (default: one "
        "per GPU, or per 4 cores and 2 GB; 0 for a single slide).",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Address of a running Dask cluster to predict on, tcp://HOST:PORT or tls://HOST:PORT.",
    ),
    click.option(
        "--skip-existing",
        is_flag=True,
        help="Skip a single slide, too, whose result is there, of the same slide, channels, "
        "network and settings; of several slides they are always skipped.",
    ),
    overwrite_option,
)


@click.command("predict")
@click.argument(
    "slides", nargs=-1, type=click.Path(path_type=Path), metavar="[SLIDE|FOLDER|LIST]..."
)
@_network_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the predicted slides, or a path *.ome.tif or *.ome.zarr for a single slide "
    "(default: RUN/predictions; with --weights predictions-NAME).",
)
@_prediction_options
@_execution_options
def command(
    slides: tuple[Path, ...],
    network: Candidates,
    out: Path | None,
    options: PredictionOptions,
    execution: Execution,
) -> None:
    """Predict slides with the best network of a run, a bundle or weights, by tiles, without seams.

    SLIDE is a file, or a folder with one TIFF per channel. FOLDER, or a pattern such as
    'slides/*.tif', stands for all slides in it. LIST is a slide list (CSV or YAML); its
    slides are predicted except for groups that trained the network or selected its checkpoint.
    Without any argument, the test slides of the run are predicted.

    After an interruption, the same command resumes where it stopped. Several slides are predicted
    by several processes, or by a Dask cluster on many machines. Slides that this network has
    already predicted are skipped. A slide that fails does not stop the others; it is reported at
    the end, and the exit code is 1.
    """
    from hrpn_tf.workflows.predict.predict import predict_run

    predict_run(network, slides, out=out, options=options, execution=execution)
    logger.info(str(waiting))


def _options(
    region: str | None,
    channels: tuple[str, ...],
    overrides: tuple[str, ...],
    mask: Path | None,
    level: int | None,
    pixel_size_um: float | None,
    groups: tuple[str, ...],
    anchor: float | None,
    z: "Depth | None",
    anchor_region: str | None,
    with_inputs: bool,
    **settings: object,
) -> PredictionOptions:
    """What the options say; each of ``settings`` is a key of the section ``prediction``."""
    given = [f"prediction.{key}={value}" for key, value in settings.items() if value is not None]
    return PredictionOptions(
        region=parse_region(region),
        mask=mask,
        level=level,
        pixel_size_um=pixel_size_um,
        z=z,
        groups=groups,
        channels=parse_channels(channels),
        overrides=(*overrides, *given),
        anchor=anchor,
        anchor_region=_anchor_region(anchor_region),
        with_inputs=with_inputs,
    )


def _anchor_region(text: str | None) -> "Region | Path | None":
    if text is not None and Path(text).suffix.lower() in (".geojson", ".json"):
        return Path(text)
    return parse_region(text, "--anchor-region")


def _network(
    run: Path | None,
    bundle: Path | None,
    weights: str | None,
    runtime: str,
    uncertified: bool,
    intervals: bool,
    **chosen: str | None,
) -> Candidates:
    """The networks that the options name; ``chosen`` are those of a bundle alone."""
    from hrpn_tf.runs import open_run
    from hrpn_tf.workflows.networks.choosing import bundle_candidates, run_candidates
    from hrpn_tf.workflows.networks.weights import weights_network

    chosen = {name: value for name, value in chosen.items() if value is not None}
    if sum(each is not None for each in (run, bundle, weights)) != 1:
        raise UsageError("exactly one of --run RUN, --bundle BUNDLE or --weights NAME is required")
    if bundle is not None:
        format = chosen.pop("model_format", None)
        more = {"uncertified": uncertified, "intervals": intervals}
        return bundle_candidates(bundle, format, runtime=runtime, **chosen, **more)  # type: ignore[arg-type]
    if chosen or uncertified:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in chosen)
        raise UsageError(f"{names or '--uncertified'}: for --bundle only")
    if weights is not None:
        if runtime not in (AUTO, "keras"):
            raise UsageError(f"--runtime {runtime}: weights run in keras")
        return Candidates((weights_network(weights, intervals),))
    assert run is not None
    return run_candidates(open_run(run), intervals, runtime)
