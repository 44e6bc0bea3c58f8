"""The command that builds an engine, ready to be pasted."""

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
    """One line for a shell; see ``python -m hrpn_export.tensorrt --help``.

    Args:
        onnx: file to build from.
        out: engine to write; None to put it into the bundle that the ONNX file is in.
        tiles: heights and widths, px.
        batches: numbers of tiles at once.
        multiple: stride multiple, px; None if the bundle says it.
        builder: ``tensorrt``, ``tensorrt-rtx`` or ``auto``.
        overwrite: whether there may be an engine already.
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
    """The command for an engine like the one described, for the machine where it is run.

    Which TensorRT builds it is left to what is installed there.
    An engine of a bundle is replaced in it; any other goes to the current folder, from an ONNX file
    that the user must find.

    Args:
        sidecar: of the engine.
        engine: its path.
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
