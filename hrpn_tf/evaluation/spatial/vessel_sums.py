"""Outline, stain and profile of each vessel of a slide, added up window by window."""

import numpy as np

from hrpn_tf.evaluation.planes import Plane, Window
from hrpn_tf.evaluation.spatial.bins import Bins

_NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))


class VesselSums:
    """Sums over each vessel; the first row of each array is that of vessel number 1.

    Args:
        vessels: how many there are.
        bins: of distance.
    """

    def __init__(self, vessels: int, bins: int) -> None:
        self._crossings = np.zeros((vessels + 1, 2))
        self._stain = np.zeros((vessels + 1, 2))
        self._profiles = np.zeros((vessels + 1, bins, 2))

    @property
    def perimeter_px(self) -> np.ndarray:
        """(vessels,) length of the outline by Crofton's formula in four directions, px.

        Source: Legland, Kieu and Devaux (2007), Image Analysis and Stereology 26:83.
        """
        straight, diagonal = self._crossings[1:].T
        return np.pi / 8 * (straight + diagonal / np.sqrt(2))

    @property
    def stain(self) -> np.ndarray:
        """(vessels,) mean of the vessel channel in each vessel, grey levels; NaN without one."""
        with np.errstate(divide="ignore", invalid="ignore"):
            mean: np.ndarray = self._stain[1:, 1] / self._stain[1:, 0]
        return mean

    @property
    def profiles(self) -> np.ndarray:
        """(vessels, bins, 2) pixels, and sums of the target, of those nearest to each vessel."""
        return self._profiles[1:]

    def add_outlines(self, window: Window, labels: Plane, stain: Plane | None) -> None:
        """Add the pixels of vessels in a window."""
        outer = window.grown(1, labels)
        around = np.zeros((window.height + 2, window.width + 2), np.int64)
        place = Window(window.y - 1, window.x - 1, window.height + 2, window.width + 2)
        around[outer.within(place)] = outer.read(labels)
        own = around[1:-1, 1:-1]
        vessel = own > 0
        if not vessel.any():
            return
        numbers, height, width = own[vessel], window.height, window.width
        for dy, dx in _NEIGHBOURS:
            beside = around[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
            out = numbers[beside[vessel] != numbers]
            self._crossings[:, int(bool(dy and dx))] += np.bincount(
                out, minlength=len(self._crossings)
            )
        if stain is not None:
            grey = window.read(stain)[vessel].astype(np.float64)
            self._stain[:, 0] += np.bincount(numbers, minlength=len(self._stain))
            self._stain[:, 1] += np.bincount(numbers, grey, len(self._stain))

    def add_profiles(
        self, vessel: np.ndarray, distance_um: np.ndarray, value: np.ndarray, bins: Bins
    ) -> None:
        """Add pixels outside vessels: nearest vessel, distance and target of each, (n,)."""
        if not len(vessel):
            return
        seen, local = np.unique(vessel, return_inverse=True)
        place = local * bins.count + bins.index(distance_um)
        size = len(seen) * bins.count
        sums = [np.bincount(place, terms, size) for terms in (None, value)]
        self._profiles[seen] += np.stack(sums, axis=-1).reshape(len(seen), bins.count, 2)
