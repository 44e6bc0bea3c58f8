"""The command that builds an engine, ready to paste into a shell."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from hrpn_export.tensorrt.sidecar import Sidecar


def build_command(
    onnx: Path | str,
    out: Path | str | None = None,
    *,
    tiles: Sequence[tuple[int, int]] = (),
    batches: Sequence[int] = (),
    multiple: int | None = None,
    builder: str = "auto",
    overwrite: bool = False,
) -> str:
    """The command that builds an engine; see ``python -m hrpn_export.tensorrt --help``.

    Args:
        onnx: file to build from.
        out: engine to write; None to add it to the bundle of the ONNX file.
        tiles: heights and widths, px.
        batches: numbers of tiles per batch.
        multiple: stride multiple, px; None to take it from the bundle.
        builder: ``tensorrt``, ``tensorrt-rtx`` or ``auto``.
        overwrite: whether to replace an existing engine.
    """
    words = ["python", "-m", "hrpn_export.tensorrt", str(onnx)]
    words += ["--into-bundle"] if out is None else ["--out", str(out)]
    if tiles:
        words += ["--tiles", ",".join(f"{height}x{width}" for height, width in tiles)]
    if batches:
        words += ["--batches", ",".join(map(str, batches))]
    if multiple is not None:
        words += ["--multiple", str(multiple)]
    if builder != "auto":
        words += ["--builder", builder]
    if overwrite:
        words.append("--overwrite")
    return shlex.join(words)


def rebuild_command(sidecar: Sidecar, engine: Path, also: Sequence[int] | None = None) -> str:
    """The command that rebuilds an engine on another machine.

    The builder is the one that is installed there. An engine in a bundle is replaced; any other
    is written to the current folder, and the user has to provide the ONNX file.

    Args:
        sidecar: sidecar of the engine.
        engine: path of the engine.
        also: height and width of a further tile, px.
    """
    tiles = [profile.tile for profile in sidecar.profiles if profile.tile is not None]
    if also is not None:
        tiles.append((also[0], also[1]))
    batches = [max(profile.maximum[0] for profile in sidecar.profiles)]
    onnx = engine.parent.parent.parent / "onnx" / engine.parent.name / sidecar.onnx
    if onnx.is_file():
        return build_command(onnx, tiles=tiles, batches=batches, overwrite=True)
    return build_command(
        sidecar.onnx,
        engine.name,
        tiles=tiles,
        batches=batches,
        multiple=sidecar.profiles[0].minimum[1],
    )
