"""A slide in windows with a margin, each set up for the fit."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hrpn_tf.errors import NonFinitePixelsError
from hrpn_tf.evaluation.planes import MaskPlane, Plane, Window
from hrpn_tf.evaluation.spatial.components import Components
from hrpn_tf.evaluation.spatial.lumens import DarkPixels
from hrpn_tf.simulation.inversion.observed import Observed, observe
from hrpn_tf.slides import iter_windows

CORE_PX = 2048
GLASS_UM = 2.0  # standard deviation of the Gaussian before glass is recognised
GROWN_BLOCKS = 2  # of the coarse tissue mask, whose outline is rounded off


@dataclass(frozen=True)
class Section:
    """What a fit sees of a slide.

    Attributes:
        name: of the slide, for messages.
        target: measured target, grey levels.
        inputs: grey levels by role.
        tissue: coarse mask; None for all pixels.
        glass: vessel channel and the highest grey level of a pixel without tissue; None if the
            coarse mask is all that is known.
        vessels: with their labels.
        pixel_size_um: um per pixel.
        cell_um: wished side of a cell, um.
        piece_um: distance of the pieces of a vessel, um.
    """

    name: str
    target: Plane
    inputs: Mapping[str, Plane]
    tissue: Plane | None
    glass: tuple[Plane, float] | None
    vessels: Components
    pixel_size_um: float
    cell_um: float
    piece_um: float

    @property
    def factor(self) -> int:
        """Pixels per side of a cell."""
        return max(1, round(self.cell_um / self.pixel_size_um))

    def cores(self) -> list[Window]:
        """Windows that cover the slide without overlap and begin at a cell."""
        side = CORE_PX // self.factor * self.factor
        plane = self.target
        return [Window(*place) for place in iter_windows(plane.height, plane.width, side)]

    def grown(self, core: Window, margin_um: float) -> Window:
        """A core with a margin of whole cells."""
        cells = int(np.ceil(margin_um / (self.factor * self.pixel_size_um)))
        return core.grown(cells * self.factor, self.target)

    def observed(self, window: Window, edge_um: float) -> Observed | None:
        """A window set up for the fit; None without vessel or without tissue.

        Args:
            window: with its margin.
            edge_um: width of the outermost part of the margin, which tracer from vessels outside
                of the window reaches. Its vessels count, and its pixels are not compared.

        Raises:
            NonFinitePixelsError: the target or an input holds NaN or infinite pixels.
        """
        labels = window.read(self.vessels.labels)
        tissue = self._tissue(window) | (labels > 0)
        if not labels.any() or not (tissue & (labels == 0)).any():
            return None
        target = self._grey(self.target, window)
        inputs = [self._grey(plane, window) for plane in self.inputs.values()]
        size, within = self.pixel_size_um, self._within(window, edge_um)
        found = observe(target, inputs, tissue, labels, size, self.factor, self.piece_um, within)
        return found if found.compared.any() else None

    def _within(self, window: Window, edge_um: float) -> np.ndarray:
        """Pixels apart from the edges of a window that are no edges of the slide."""
        edge, plane = int(np.ceil(edge_um / self.pixel_size_um)), self.target
        within = np.zeros((window.height, window.width), bool)
        top, left = edge * (window.y > 0), edge * (window.x > 0)
        bottom = window.height - edge * (window.y + window.height < plane.height)
        right = window.width - edge * (window.x + window.width < plane.width)
        within[top : max(bottom, top), left : max(right, left)] = True
        return within

    def _tissue(self, window: Window) -> np.ndarray:
        tissue = np.ones((window.height, window.width), bool)
        if self.tissue is not None:
            tissue &= window.read(self.tissue).astype(bool)
        if self.glass is not None:
            plane, level = self.glass
            tissue &= ~window.read(DarkPixels(plane, level, GLASS_UM / self.pixel_size_um))
        return tissue

    def _grey(self, plane: Plane, window: Window) -> np.ndarray:
        grey = window.read(plane).astype(np.float32)
        if not np.isfinite(grey).all():
            raise NonFinitePixelsError(
                f"{self.name}: NaN or infinite pixels within {window.height} x {window.width} px "
                f"from ({window.y}, {window.x}); replace them before the fit"
            )
        return grey


def grown_tissue(tissue: Plane | None) -> Plane | None:
    """A coarse mask with a margin, within which glass is recognised pixel by pixel."""
    if not isinstance(tissue, MaskPlane):
        return tissue
    mask = ndimage.binary_dilation(tissue.mask, iterations=GROWN_BLOCKS)
    return MaskPlane(tissue.height, tissue.width, mask, tissue.side)
