"""``python -m hrpn_export.tensorrt``: from an ONNX file to an engine, on the machine it is for."""

import sys
import time
from pathlib import Path

import click

from hrpn_export.contract import Contract
from hrpn_export.errors import BundleError, BundleExistsError, FormatError
from hrpn_export.manifest import MANIFEST, read_manifest
from hrpn_export.tensorrt.graph import parse
from hrpn_export.tensorrt.sidecar import sidecar_of
from hrpn_export.tensorrt.write import Wanted, write_engine


def _listed(context: click.Context, option: click.Parameter, text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("onnx", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("model.engine"),
    show_default=True,
    help="Engine to write; the sidecar is written beside it.",
)
@click.option(
    "--tiles",
    callback=_listed,
    metavar="SIZES",
    help="Tiles to tune for, px, such as 512,768x1024 (height x width). Other sizes up to the "
    "largest, or 1024, run as well.",
)
@click.option(
    "--batches", callback=_listed, metavar="NUMBERS", help="Tiles predicted at once [default: 4]."
)
@click.option(
    "--capability",
    callback=_listed,
    metavar="LIST",
    help="Compute capabilities, such as 8.6,8.9 [default: this machine's GPU; without one, all "
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
    help="File read and written by the full TensorRT, so that the next build is faster.",
)
@click.option(
    "--multiple",
    type=click.IntRange(1),
    help="Stride multiple of the model, px [default: the bundle's].",
)
@click.option("--overwrite", is_flag=True, help="Replace an engine that is there.")
def main(
    onnx: Path,
    out: Path,
    tiles: list[str] | None,
    batches: list[str] | None,
    capability: list[str] | None,
    builder: str,
    timing_cache: Path | None,
    multiple: int | None,
    overwrite: bool,
) -> None:
    """Build a TensorRT engine from ONNX, an ONNX file of a bundle."""
    started = time.perf_counter()
    try:
        contract = _contract_of(onnx)
        if multiple is None and contract is None:
            raise FormatError(f"{onnx} lies in no bundle: say the model's --multiple")
        if not overwrite and (out.exists() or sidecar_of(out).exists()):
            raise BundleExistsError(
                f"{out} or {sidecar_of(out)} exists; name another --out, or add --overwrite"
            )
        sidecar = write_engine(
            onnx,
            out,
            multiple=multiple or (contract.stride_multiple if contract else 1),
            channels=_channels(onnx),
            precision=onnx.resolve().parent.name if contract else "as in the ONNX file",
            wanted=Wanted.of(
                {
                    "tiles": tiles,
                    "batches": None if batches is None else _numbers(batches),
                    "capability": capability,
                    "builder": builder,
                    "timing_cache": timing_cache,
                }
            ),
        )
    except (BundleError, OSError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(getattr(error, "exit_code", 1))
    click.echo(
        f"{out}: {out.stat().st_size / 1e6:.1f} MB in {time.perf_counter() - started:.1f} s, by "
        f"{sidecar.builder} {sidecar.version} for compute capability "
        f"{', '.join(sidecar.capabilities)}"
    )


def _contract_of(onnx: Path) -> Contract | None:
    """That of the bundle which the file lies in: ``BUNDLE/onnx/PRECISION/model.onnx``."""
    folders = onnx.resolve().parents
    if len(folders) > 2 and (folders[2] / MANIFEST).is_file():
        return read_manifest(folders[2]).read_contract()
    return None


def _channels(onnx: Path) -> int:
    """Channels of the input, as the file says."""
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
