"""The README of a bundle: how to run each format without this project."""

from pathlib import Path

from hrpn_export.certificate import Certificate
from hrpn_export.manifest import Manifest


def write(folder: Path, manifest: Manifest, certificate: Certificate) -> None:
    """Write ``README.md``."""
    (folder / "README.md").write_text(f"# {manifest.name}\n", encoding="utf-8")
