"""``python -m hrpn_export.tensorrt``: build an engine from ONNX on the machine that will run it."""

import sys
import time
from pathlib import Path

import click

from hrpn_export.add_engine import add_engine, bundle_of, require_bundle
from hrpn_export.errors import BundleError, BundleExistsError, FormatError
from hrpn_export.graphs.resize import parse
from hrpn_export.manifest import read_manifest
from hrpn_export.tensorrt.sidecar import Sidecar, sidecar_of
from hrpn_export.tensorrt.write import Wanted, write_engine


def _listed(context: click.Context, option: click.Parameter, text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("onnx", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Engine to write; the sidecar is written beside it [default: model.engine].",
)
@click.option(
    "--into-bundle",
    is_flag=True,
    help="Add the engine to the bundle of the ONNX file, BUNDLE/onnx/PRECISION/model.onnx.",
)
@click.option(
    "--tiles",
    callback=_listed,
    metavar="SIZES",
    help="Tile sizes to tune for, px, such as 512,768x1024 (height x width). Other sizes up to "
    "the largest, or 1024, run as well.",
)
@click.option(
    "--batches", callback=_listed, metavar="NUMBERS", help="Tiles predicted at once [default: 4]."
)
@click.option(
    "--capability",
    callback=_listed,
    metavar="LIST",
    help="Compute capabilities, such as 8.6,8.9 [default: this machine's GPU; without a GPU, all "
    "that the builder knows].",
)
@click.option(
    "--builder",
    type=click.Choice(["auto", "tensorrt", "tensorrt-rtx"]),
    default="auto",
    show_default=True,
)
@click.option(
    "--timing-cache",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TensorRT timing cache to read and update, which makes the next build faster.",
)
@click.option(
    "--multiple",
    type=click.IntRange(1),
    help="Stride multiple of the model, px [default: the bundle's].",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing engine.")
def main(
    onnx: Path,
    out: Path | None,
    into_bundle: bool,
    tiles: list[str] | None,
    batches: list[str] | None,
    capability: list[str] | None,
    builder: str,
    timing_cache: Path | None,
    multiple: int | None,
    overwrite: bool,
) -> None:
    """Build a TensorRT engine from the ONNX file of a bundle."""
    started = time.perf_counter()
    try:
        wanted = Wanted.of(
            {
                "tiles": tiles,
                "batches": None if batches is None else _numbers(batches),
                "capability": capability,
                "builder": builder,
                "timing_cache": timing_cache,
            }
        )
        if into_bundle and (out is not None or multiple is not None):
            raise FormatError("--into-bundle knows where and what: leave out --out and --multiple")
        click.echo(f"building an engine from {onnx}", err=True)
        if into_bundle:
            root, precision = require_bundle(onnx)
            engine, sidecar = add_engine(root, precision, wanted, overwrite=overwrite)
        else:
            engine = out or Path("model.engine")
            sidecar = _write(onnx, engine, wanted, multiple, overwrite)
    except (BundleError, OSError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(getattr(error, "exit_code", 1))
    click.echo(
        f"{engine}: {engine.stat().st_size / 1e6:.1f} MB in {time.perf_counter() - started:.1f} s, "
        f"by {sidecar.builder} {sidecar.version} for compute capability "
        f"{', '.join(sidecar.capabilities)}"
    )


def _write(
    onnx: Path, engine: Path, wanted: Wanted, multiple: int | None, overwrite: bool
) -> Sidecar:
    """Write an engine outside a bundle; missing options are taken from the ONNX file's bundle."""
    found = bundle_of(onnx)
    if multiple is None and found is None:
        raise FormatError(f"{onnx} lies in no bundle: say the model's --multiple")
    if not overwrite and (engine.exists() or sidecar_of(engine).exists()):
        raise BundleExistsError(
            f"{engine} or {sidecar_of(engine)} exists; name another --out, or add --overwrite"
        )
    if multiple is None and found is not None:
        multiple = read_manifest(found[0]).read_contract().stride_multiple
    return write_engine(
        onnx,
        engine,
        multiple=multiple or 1,
        channels=_channels(onnx),
        precision=found[1] if found else "as in the ONNX file",
        wanted=wanted,
    )


def _channels(onnx: Path) -> int:
    """The number of input channels of an ONNX file."""
    graph = parse(onnx.read_bytes())
    try:
        shape = graph.graph.input[0].type.tensor_type.shape if graph is not None else None
        channels = int(shape.dim[3].dim_value) if shape is not None else 0
    except IndexError:
        channels = 0
    if channels < 1:
        raise FormatError(f"{onnx} is no ONNX file of a bundle: its input is not (N, H, W, C)")
    return channels


def _numbers(words: list[str]) -> list[int]:
    if not all(word.isdigit() for word in words):
        raise FormatError(f"batches must be numbers from 1 up, got {','.join(words)}")
    return [int(word) for word in words]


if __name__ == "__main__":
    main()
