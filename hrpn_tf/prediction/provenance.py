"""Provenance of a prediction: checksums and versions."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hrpn_tf._version import __version__
from hrpn_tf.config import CONDITIONS
from hrpn_tf.files import read_pieces
from hrpn_tf.prediction.queues import NO_LIMIT, ReadAhead
from hrpn_tf.slides.zarr.links import Inside
from hrpn_tf.slides.zarr.metadata_files import is_zarr

# A slide with more files than this is identified by one checksum over all their checksums.
_LISTED_FILES = 16


def prediction_provenance(
    *,
    slide: Path,
    files: Sequence[Path],
    model: Mapping[str, str],
    config: BaseModel,
    channels: Mapping[str, str],
    level: int = 0,
    region: Sequence[int] | None = None,
    mask: Mapping[str, str] | None = None,
    seconds: float = NO_LIMIT,
    depth: int | str | None = None,
) -> dict[str, Any]:
    """Provenance record of a predicted slide.

    Args:
        slide: the input, a file or a folder of files.
        files: the files of the slide.
        model: identity of the network; ``sha256`` is the checksum of its file.
        config: the resolved configuration of its run.
        channels: name of the channel read, by role.
        level: pyramid level that was read.
        region: y, x, height, width, px of the result; None for the whole slide.
        mask: name and checksum of the mask file, if any.
        seconds: longest wait for a piece of the slide, s.
        depth: what was read of a stack, see ``SlideInfo``; None for a slide with one plane.

    Raises:
        StalledError: a drive does not answer.
    """
    return {
        "kind": "prediction",
        "model": dict(model),
        "input": {
            "name": slide.name,
            "sha256": slide_checksums(slide, files, seconds),
            "channels": dict(channels),
            "level": level,
            **({} if depth is None else {"z": depth}),
        },
        **({} if region is None else {"region": list(region)}),
        **({} if mask is None else {"mask": dict(mask)}),
        "versions": _versions(),
        "configuration": config.model_dump(mode="json", exclude={"prediction": set(CONDITIONS)}),
    }


def slide_checksums(
    slide: Path, files: Sequence[Path] = (), seconds: float = NO_LIMIT
) -> dict[str, str]:
    """SHA-256 of each file of a slide, by its name within the slide's folder.

    For an OME-Zarr all files count, for other slides those that they list. Many files have one
    checksum over their names and checksums, ``*``.

    Raises:
        StalledError: a drive did not answer for ``seconds``.
    """
    folder = slide if slide.is_dir() else slide.parent
    if slide.is_dir() and (is_zarr(slide) or not files):
        inside = Inside(slide)  # no pixel is read through a link that leads out
        files = sorted(p for p in slide.rglob("*") if p.is_file() and inside.holds(p))
    found: dict[str, str] = {}
    with ReadAhead(read_pieces(files or (slide,)), 2, seconds, f"{slide}: reading") as pieces:
        for path, piece in pieces:
            if piece is None:
                checksum = hashlib.sha256()
            elif piece:
                checksum.update(piece)
            else:
                found[os.path.relpath(path, folder)] = checksum.hexdigest()
    if len(found) <= _LISTED_FILES:
        return found
    whole = hashlib.sha256("".join(f"{n} {c}\n" for n, c in found.items()).encode())
    return {"*": whole.hexdigest()}


def _versions() -> dict[str, str]:
    versions = {"hrpn-tf": __version__}
    for name in ("tensorflow", "tensorflow-cpu", "keras", "numpy"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
