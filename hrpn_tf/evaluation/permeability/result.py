"""The strength of each vessel of a slide, and how well the model explains the image."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hrpn_tf.evaluation.analysis.objects import Table


@dataclass(frozen=True)
class VesselFlows:
    """Flow per length of wall of each vessel; arrays are (vessels,), number 1 first.

    Attributes:
        flow: grey levels per um, which is P (Cp - C) / D; NaN where no tissue beside the vessel is
            compared.
        lower, upper: 95 % interval; lower is 0 where no leakage is shown.
        identifiable: bool, whether the image tells the vessel from its neighbours.
        wall_um: length of the wall beside tissue.
        at_wall: mean fitted tracer beside the wall, grey levels.
        y_um, x_um: centroid.
        area_um2: walls and lumen.
    """

    flow: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    identifiable: np.ndarray
    wall_um: np.ndarray
    at_wall: np.ndarray
    y_um: np.ndarray
    x_um: np.ndarray
    area_um2: np.ndarray


@dataclass(frozen=True)
class FittedLength:
    """The diffusion length sqrt(D / k), um; the interval is None where the length was given."""

    um: float
    lower_um: float | None
    upper_um: float | None
    converged: bool


@dataclass(frozen=True)
class FittedMaps:
    """The slide on cells of the transport model, (rows, columns) float32; NaN: not compared.

    Attributes:
        measured, fitted: grey levels.
        vessels: flow of the vessel in a cell, grey levels per um; NaN outside vessels.
        cell_um: side of a cell that is shown, um.
    """

    measured: np.ndarray
    fitted: np.ndarray
    vessels: np.ndarray
    cell_um: float


@dataclass(frozen=True)
class FittedSlide:
    """A fitted slide.

    Attributes:
        name: of the slide.
        target: role of the measured channel.
        pixel_size_um, cell_um, piece_um: of the fit.
        vessel_source: where vessels come from.
        vessels: one value for each.
        length: diffusion length.
        maps: for pictures.
        explained: share of the variance of the compared cells that the fit explains.
        tracer_share: share of the variance that the fitted tracer has, without the background.
        residual_sd: grey levels.
        background: mean of the fitted background, grey levels.
        compared_mm2: tissue that is compared.
        plasma_level: grey level of the plasma concentration; None if unknown.
    """

    name: str
    target: str
    pixel_size_um: float
    cell_um: float
    piece_um: float
    vessel_source: str
    vessels: VesselFlows
    length: FittedLength
    maps: FittedMaps
    explained: float
    tracer_share: float
    residual_sd: float
    background: float
    compared_mm2: float
    plasma_level: float | None

    @property
    def leaky(self) -> np.ndarray:
        """(vessels,) bool, vessels that leak by their interval."""
        return self.vessels.lower > 0

    @cached_property
    def reference(self) -> float:
        """Median flow of the leaky, identifiable vessels, grey levels per um; NaN without any."""
        chosen = self.vessels.flow[self.leaky & self.vessels.identifiable]
        return float(np.median(chosen)) if len(chosen) else float("nan")

    def table(self) -> Table:
        """One row per vessel.

        Columns: vessel (number), y_um, x_um (centroid), area_um2, wall_um, strength (flow over
        ``reference``), lower, upper, leaky, identifiable, flow (grey levels per um), flow_lower,
        flow_upper, at_wall (grey levels), and with a plasma level p_over_d_per_um.
        """
        found = self.vessels
        table = {
            "vessel": np.arange(1, len(found.flow) + 1),
            "y_um": found.y_um,
            "x_um": found.x_um,
            "area_um2": found.area_um2,
            "wall_um": found.wall_um,
            "strength": found.flow / self.reference,
            "lower": found.lower / self.reference,
            "upper": found.upper / self.reference,
            "leaky": self.leaky,
            "identifiable": found.identifiable,
            "flow": found.flow,
            "flow_lower": found.lower,
            "flow_upper": found.upper,
            "at_wall": found.at_wall,
        }
        if self.plasma_level is not None:
            rest = self.plasma_level - found.at_wall
            ratio = found.flow / np.where(rest > 0, rest, np.nan)
            table["p_over_d_per_um"] = ratio
        return table
