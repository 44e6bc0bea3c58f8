"""Outlines of nuclei, taken while they are measured, in the order of their table."""

from dataclasses import dataclass

import numpy as np

from hrpn_tf.evaluation.planes import Window
from hrpn_tf.evaluation.qupath.outlines import Spool, merged, outlines_of, simplified
from hrpn_tf.evaluation.spatial.nuclei import Nuclei, own_nuclei


@dataclass(frozen=True)
class OutlinedNuclei:
    """Nuclei that leave their outlines behind when a window of them is measured.

    Windows must tile the slide, and each be asked for once, as ``measure_together`` does.

    Attributes:
        nuclei: where they come from.
        least_px: smaller nuclei are left out, as in the measurement.
        outlines: take them, px.
    """

    nuclei: Nuclei
    least_px: float
    outlines: Spool

    def label(self, window: Window) -> tuple[np.ndarray, Window]:
        """See ``Nuclei``."""
        labels, outer = self.nuclei.label(window)
        own = own_nuclei(labels, outer, window, self.least_px)
        numbers = np.cumsum(own.chosen) * own.chosen
        polygons, found = outlines_of(numbers[own.labels], outer.y, outer.x)
        starts = np.flatnonzero(np.diff(found, prepend=0))
        pieces = np.split(polygons, starts[1:]) if len(starts) else []
        whole = np.fromiter(map(merged, pieces), object, len(pieces))
        self.outlines.add(simplified(whole))
        return labels, outer
