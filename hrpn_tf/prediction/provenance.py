"""Where a prediction comes from: checksums and versions."""

import hashlib
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hrpn_tf import __version__


def prediction_provenance(
    *, slide: Path, model: Path, config: BaseModel, channels: dict[str, str]
) -> dict[str, Any]:
    """What a predicted slide says about its origin.

    Args:
        slide: the input, a file or a folder of files.
        model: the saved network.
        config: the resolved configuration of its run.
        channels: role: name of the channel that was read.
    """
    return {
        "kind": "prediction",
        "model": {"file": model.name, "run": model.parent.name, "sha256": sha256(model)},
        "input": {"name": slide.name, "sha256": slide_checksums(slide), "channels": channels},
        "versions": _versions(),
        "configuration": config.model_dump(mode="json"),
    }


def slide_checksums(slide: Path) -> dict[str, str]:
    """SHA-256 by name of each file of a slide: the file itself, or every file of the folder."""
    files = sorted(p for p in slide.iterdir() if p.is_file()) if slide.is_dir() else [slide]
    return {path.name: sha256(path) for path in files}


def sha256(path: Path) -> str:
    """SHA-256 of a file as hexadecimal text, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _versions() -> dict[str, str]:
    versions = {"hrpn-tf": __version__}
    for name in ("tensorflow", "tensorflow-cpu", "keras", "numpy"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
