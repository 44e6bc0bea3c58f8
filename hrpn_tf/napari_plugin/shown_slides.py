"""The slides among the layers of a viewer."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hrpn_tf.errors import UsageError
from hrpn_tf.napari_plugin.layers import KEY, LayerData, Shown, place, slide_layers
from hrpn_tf.napari_plugin.region import PixelRegion, seen_region
from hrpn_tf.slides.depth import Depth


def shown_of(layer: Any) -> Shown | None:
    """What a layer shows; None for a layer of another plugin."""
    found = layer.metadata.get(KEY) if isinstance(layer.metadata, dict) else None
    return found if isinstance(found, Shown) else None


def layers_of(viewer: Any, path: Path) -> list[Any]:
    """The layers of a slide."""
    return [one for one in viewer.layers if (s := shown_of(one)) is not None and s.path == path]


def slides_in(viewer: Any) -> list[Shown]:
    """The first channel of each slide that is no prediction, in the order of the layers."""
    found: dict[Path, Shown] = {}
    for layer in viewer.layers:
        shown = shown_of(layer)
        if shown is not None and not shown.predicted:
            found.setdefault(shown.path, shown)
    return list(found.values())


def add_slide(viewer: Any, path: Path, z: Depth | None = None) -> list[Any]:
    """Open a slide in a viewer; one that is there already is replaced.

    Raises:
        HrpnError: the slide cannot be read.
        DepthError: it is a stack, and ``z`` does not say what is read of it.
    """
    return add_layers(viewer, path, slide_layers(path, z))


def add_layers(viewer: Any, path: Path, layers: Sequence[LayerData]) -> list[Any]:
    """Add layers of a slide that was opened."""
    from napari.layers import Layer

    for layer in layers_of(viewer, path):
        viewer.layers.remove(layer)
    return [viewer.add_layer(Layer.create(*data)) for data in layers]


def set_pixel_size(viewer: Any, path: Path, size_um: float | None) -> None:
    """Place the layers of a slide that states no pixel size by one that a user gives.

    Args:
        viewer: the viewer.
        path: of the slide.
        size_um: um per pixel; None if it is not known.
    """
    for layer in layers_of(viewer, path):
        shown = replace(layer.metadata[KEY], pixel_size_um=size_um)
        where = place(shown)
        layer.metadata[KEY] = shown
        layer.units = where["units"]
        layer.scale = where["scale"]
        layer.translate = where["translate"]


def seen_of(viewer: Any, canvas: tuple[int, int], slide: Shown) -> PixelRegion:
    """The part of a slide that a viewer shows.

    Args:
        viewer: the viewer.
        canvas: (height, width) of what it draws on, px.
        slide: a channel of it.

    Raises:
        UsageError: the viewer shows three dimensions.
        RegionError: nothing of the slide is seen.
    """
    if viewer.dims.ndisplay != 2:
        raise UsageError("the window shows three dimensions; switch to two (Ctrl-Y)")
    return seen_region(
        viewer.camera.center[-2:],
        viewer.camera.zoom,
        canvas,
        slide.corner_um if slide.pixel_size_um else (0.0, 0.0),
        slide.pixel_size_um or 1.0,
        (slide.info.height, slide.info.width),
    )
