"""``hrpn-tf export``: one bundle of many formats, each with a certificate."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from hrpn_export.formats import FORMATS

from hrpn_tf.cli.options import (
    option_group,
    out_option,
    overwrite_option,
    parse_region,
    store_option,
)
from hrpn_tf.cli.show import show
from hrpn_tf.waiting import EXPORT, waiting
from hrpn_tf.workflows.export.options import ExportOptions
from hrpn_tf.workflows.export.summary import describe

logger = logging.getLogger(__name__)

Function = Callable[..., Any]


def _format_flags(function: Function) -> Function:
    """One flag for each row of the table of formats."""
    for row in reversed(FORMATS.values()):
        text = f"{row.title}: {', '.join(row.precisions)}."
        function = click.option(row.option, row.name, is_flag=True, help=text)(function)
    return function


_format_options = option_group(
    "format_options",
    lambda **values: _of_formats(**values),
    click.option(
        "--opset", type=click.IntRange(min=13), default=18, help="ONNX opset version (default: 18)."
    ),
    click.option(
        "--trt-tiles",
        metavar="SIZE,...",
        help="Tile sizes that a TensorRT engine is tuned for, in pixels, e.g. 512,768x1024 (height "
        "x width).",
    ),
    click.option(
        "--trt-batch",
        type=click.IntRange(min=1),
        help="Largest number of tiles that a TensorRT engine predicts at once (default: 4).",
    ),
    click.option(
        "--trt-capability",
        metavar="X.Y,...",
        help="Compute capabilities that a TensorRT engine supports, e.g. 8.6,9.0 (default: that of "
        "this machine's GPU; without a GPU, all known ones).",
    ),
    click.option(
        "--trt-builder",
        type=click.Choice(["auto", "tensorrt", "tensorrt-rtx"]),
        default="auto",
        help="Package that builds TensorRT engines (default: auto, the one that is installed).",
    ),
    click.option(
        "--timing-cache",
        type=click.Path(path_type=Path),
        help="TensorRT timing cache to read and update.",
    ),
)

_other_options = option_group(
    "options",
    lambda **values: _options(**values),
    _format_flags,
    click.option(
        "--precision",
        metavar="NAME,...",
        help="Precisions to export, e.g. fp32,fp16,int8 (default: all available).",
    ),
    click.option(
        "--licence",
        metavar="SPDX",
        help="Licence of the weights, as an SPDX identifier, e.g. CC-BY-4.0.",
    ),
    click.option(
        "--author", "authors", multiple=True, help="Author of the network; may be repeated."
    ),
    click.option(
        "--about",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="YAML file with description, licence, authors, maintainers, tags, covers, cite and "
        "repository, for an upload to bioimage.io.",
    ),
    store_option,
    click.option(
        "--slides",
        type=click.Path(path_type=Path),
        help="Slide list with the held-out slides (default: the paths recorded in the patch "
        "dataset).",
    ),
    click.option(
        "--region",
        metavar="X,Y,WIDTH,HEIGHT",
        help="Rectangle of the held-out slide to measure the formats on, in pixels at full "
        "resolution (default: the whole slide).",
    ),
    click.option(
        "--input-type",
        "input_types",
        multiple=True,
        type=click.Choice(["float32", "uint8", "uint16"]),
        help="Also write ONNX, TFLite and SavedModel that take pixels as stored in this type, and "
        "cast them inside; may be repeated (default: float32 alone).",
    ),
    click.option(
        "--triton",
        is_flag=True,
        help="Also write OUT-triton, a model repository of the Triton Inference Server with each "
        "precision of ONNX.",
    ),
    click.option("--zip", "zip", is_flag=True, help="Also write the bundle as OUT.zip."),
    click.option("--uncertified", is_flag=True, help="Keep formats that fail certification."),
    click.option(
        "--intervals/--no-intervals",
        default=None,
        help="Whether to export the network with prediction intervals made by hrpn-tf calibrate "
        "(default: with intervals if the run is calibrated).",
    ),
)


@click.command("export")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@out_option("Bundle to write (a folder).")
@_format_options
@_other_options
@overwrite_option
def command(
    runs: tuple[Path, ...],
    out: Path,
    format_options: dict[str, dict[str, Any]],
    options: ExportOptions,
    overwrite: bool,
) -> None:
    """Export the best network of RUN to a bundle: a folder that runs elsewhere.

    Every format is compared with the Keras model, on patches and a slide that the training did not
    use, in every runtime that is installed. A format that exceeds its limit, or cannot be made, is
    left out, and the exit code is 1. Without format options, all formats that this machine can make
    are exported, except TensorRT and the web page. The time of each format is measured, and the
    last line names the fastest.

    int8 rounds all convolutions except those whose rounding costs too much accuracy; this choice
    takes seconds to minutes. On a CPU, ONNX int8 pays off in OpenVINO; in ONNX Runtime it is slower
    than fp32. TFLite int8 is for LiteRT. bf16 is for OpenVINO on processors with bfloat16.

    For several RUNs, the mean of their networks is exported as one network, which takes the time of
    all of them. They must have the same inputs, target, pixel size and grey range.
    """
    from hrpn_export.speed import describe_speed

    from hrpn_tf.workflows.export.export import export_run

    options = replace(options, format_options=format_options)
    with waiting.part(EXPORT):
        exported = export_run(runs, out, options=options, overwrite=overwrite)
    certificate = exported.certificate
    for entry in certificate.entries:
        show(describe(entry, certificate.grey_max))
    if (speed := describe_speed(certificate)) is not None:
        show(speed)
    for page in sorted(exported.path.glob("web/*/page/index.html")):
        show(f"open the page {page} in a browser")
    logger.info(str(waiting))


def _of_formats(
    opset: int,
    trt_tiles: str | None,
    trt_batch: int | None,
    trt_capability: str | None,
    trt_builder: str,
    timing_cache: Path | None,
) -> dict[str, dict[str, Any]]:
    """Options of the exporter of each format."""
    tensorrt = {
        "builder": trt_builder,
        "timing_cache": timing_cache,
        "tiles": _parts(trt_tiles),
        "batches": None if trt_batch is None else [trt_batch],
        "capability": _parts(trt_capability),
    }
    return {"onnx": {"opset": opset}, "tensorrt": tensorrt}


def _options(
    precision: str | None, region: str | None, input_types: tuple[str, ...], **values: Any
) -> ExportOptions:
    """What the options say; the flag of each format is among ``values``."""
    formats = tuple(name for name in FORMATS if values.pop(name))
    return ExportOptions(
        formats=formats,
        precisions=tuple(_parts(precision) or ()),
        region=parse_region(region),
        input_types=tuple(dict.fromkeys(t for t in input_types if t != "float32")),
        **values,
    )


def _parts(text: str | None) -> list[str] | None:
    """What commas separate; None if nothing was given."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]
