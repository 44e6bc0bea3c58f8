"""Names of slides."""

from pathlib import Path


def slide_name(slide: Path) -> str:
    """Name of a slide for which none is given: ``01`` of ``01.ome.tif``; that of a folder."""
    if slide.is_dir():
        return slide.resolve().name.removesuffix(".zarr").removesuffix(".ome")
    return slide.name.removesuffix(slide.suffix).removesuffix(".ome")
