"""Fit a slide: the diffusion length from some windows, then each window with its vessels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hrpn_tf.errors import NoTissueError, VesselsError
from hrpn_tf.evaluation.permeability.result import (
    FittedLength,
    FittedMaps,
    FittedSlide,
    VesselFlows,
)
from hrpn_tf.evaluation.planes import Window
from hrpn_tf.simulation.inversion.fit import Fit, fit_flows
from hrpn_tf.simulation.inversion.length import STEPS, Length, fit_length
from hrpn_tf.simulation.inversion.misfit import Misfit
from hrpn_tf.simulation.inversion.observed import Observed
from hrpn_tf.simulation.inversion.strengths import Strengths, strengths
from hrpn_tf.workflows.permeability.windows import Section

START_UM = 25.0  # diffusion length at which the search begins
# Longest diffusion length, in cells. Columns and margins grow with it: it bounds memory and time.
LONGEST_CELLS = 15
MARGIN, EDGE = 6.0, 3.0  # width of a margin, and of its part that is not compared, in lengths
LENGTH_WINDOWS = 9  # at most, for the search
MAP_SIDE = 1200  # cells of a map at most, per side

_VALUES = ("strength", "lower", "upper", "identifiable", "wall_um", "at_wall")


@dataclass(frozen=True)
class FitSettings:
    """Settings of a fit.

    Attributes:
        target: role of the measured channel.
        vessel_source: where vessels come from.
        length_um: diffusion length; None to fit it.
        plasma_level: grey level of the plasma concentration; None if unknown.
    """

    target: str
    vessel_source: str
    length_um: float | None
    plasma_level: float | None


def fit_slide(
    section: Section, settings: FitSettings, progress: Callable[[], object] = lambda: None
) -> FittedSlide:
    """Fit the diffusion length and all vessels of a slide.

    Args:
        section: the slide.
        settings: of the fit.
        progress: called after each of :func:`steps_of` steps.

    Raises:
        VesselsError, NoTissueError: no vessel lies in tissue, or there is no tissue.
        NonFinitePixelsError: see ``Section.observed``.
    """
    from threadpoolctl import threadpool_limits

    # Matrices of hundreds of vessels: on a busy machine, threads wait longer for each other than
    # one takes.
    with threadpool_limits(1, user_api="blas"):
        return _fit_slide(section, settings, progress)


def _fit_slide(
    section: Section, settings: FitSettings, progress: Callable[[], object]
) -> FittedSlide:
    length = _length(section, settings, progress)
    collected = _Collected(section)
    for core in section.cores():
        window = section.grown(core, MARGIN * length.um)
        observed = section.observed(window, EDGE * length.um)
        if observed is not None:
            fit = _fitted(observed, length.um, length.misfit)
            found = strengths(observed, fit, length.misfit)
            collected.add(core, window, observed, fit, found)
        progress()
    return collected.result(settings, length)


def steps_of(section: Section) -> int:
    """Largest number of steps of :func:`fit_slide`."""
    return STEPS + len(section.cores())


def _length(section: Section, settings: FitSettings, progress: Callable[[], object]) -> Length:
    """The diffusion length, from windows spread over those that hold vessels."""
    cell_um = section.factor * section.pixel_size_um
    start = settings.length_um or min(START_UM, LONGEST_CELLS * cell_um / 2)
    cores = [core for core in section.cores() if core.read(section.vessels.labels).any()]
    chosen = np.linspace(0, len(cores) - 1, min(len(cores), LENGTH_WINDOWS)).round().astype(int)
    windows = []
    for number in dict.fromkeys(chosen.tolist()):
        window = section.grown(cores[number], MARGIN * start)
        observed = section.observed(window, EDGE * start)
        if observed is not None:
            windows.append(observed)
    if not windows:
        raise NoTissueError(
            f"{section.name}: no tissue lies beside a vessel; lower the tissue threshold with "
            "--set data.tissue.KEY=VALUE, or count all pixels with --set data.tissue.method=all"
        )
    longest = LONGEST_CELLS * cell_um
    return fit_length(windows, start, settings.length_um is not None, longest, progress)


def _fitted(observed: Observed, length_um: float, misfit: Misfit) -> Fit:
    """Two fits, the second with weights from the tracer of the first."""
    tracer = np.maximum(observed.image, 0)
    first = fit_flows(observed, length_um, misfit.weight(tracer, observed.compared))
    weight = misfit.weight(first.tracer, observed.compared)
    return fit_flows(observed, length_um, weight, misfit.variance(first.tracer))


class _Collected:
    """What the windows of a slide add up to."""

    def __init__(self, section: Section) -> None:
        self.section = section
        count = len(section.vessels)
        self.values = {name: np.full(count, np.nan) for name in _VALUES}
        self.values["identifiable"] = np.zeros(count)
        self.rank = np.full((count, 2), -1.0)
        self.sums = np.zeros(8)
        factor, plane = section.factor, section.target
        shape = (-(-plane.height // factor), -(-plane.width // factor))
        self.step = -(-max(shape) // MAP_SIDE)
        small = tuple(-(-side // self.step) for side in shape)
        self.measured, self.fitted = (np.full(small, np.nan, np.float32) for _ in range(2))
        self.labels = np.zeros(small, np.int64)

    def add(
        self, core: Window, window: Window, observed: Observed, fit: Fit, found: Strengths
    ) -> None:
        """Take the vessels and cells of a core."""
        self._take_vessels(core, found)
        factor = self.section.factor
        index = observed.grid.index
        row, column = np.nonzero(index >= 0)
        top, left = core.y - window.y, core.x - window.x
        inside = (row * factor >= top) & (row * factor < top + core.height)
        inside &= (column * factor >= left) & (column * factor < left + core.width)
        seen = inside & observed.compared
        image, fitted, weight = observed.image[seen], fit.image[seen], observed.pixels[seen]
        tracer = fit.tracer[seen]
        terms = (np.ones(len(image)), image, image**2, (image - fitted) ** 2, tracer, tracer**2,
                 fit.background[seen], image - fitted)  # fmt: skip
        self.sums += [float(weight @ term) for term in terms]
        row, column = row + window.y // factor, column + window.x // factor
        shown = seen & (row % self.step == 0) & (column % self.step == 0)
        place = row[shown] // self.step, column[shown] // self.step
        self.measured[place], self.fitted[place] = observed.image[shown], fit.image[shown]
        self._take_labels(core)

    def _take_vessels(self, core: Window, found: Strengths) -> None:
        """The window that holds a vessel's centroid counts, or else that with most of its wall."""
        number = found.vessel - 1
        y, x = self.section.vessels.y_px[number], self.section.vessels.x_px[number]
        own = (y >= core.y) & (y < core.y + core.height)
        own &= (x >= core.x) & (x < core.x + core.width)
        rank = np.stack([own.astype(float), found.wall_um], axis=1)
        before = self.rank[number]
        better = (rank[:, 0] > before[:, 0]) | (
            (rank[:, 0] == before[:, 0]) & (rank[:, 1] > before[:, 1])
        )
        self.rank[number[better]] = rank[better]
        for name in _VALUES:
            self.values[name][number[better]] = getattr(found, name)[better]

    def _take_labels(self, core: Window) -> None:
        side = self.section.factor * self.step
        labels = core.read(self.section.vessels.labels)
        small = labels[-core.y % side :: side, -core.x % side :: side]
        top, left = -(-core.y // side), -(-core.x // side)
        self.labels[top : top + small.shape[0], left : left + small.shape[1]] = small

    def result(self, settings: FitSettings, length: Length) -> FittedSlide:
        """The fitted slide."""
        section, vessels = self.section, self.section.vessels
        size = section.pixel_size_um
        values = self.values
        if not np.isfinite(values["strength"]).any():
            raise VesselsError(
                f"{section.name}: no vessel lies beside tissue that is compared; check the vessel "
                "mask and the tissue mask"
            )
        pixels, mean, square, rest, tracer, tracer2, background, off = self.sums
        variance = square / pixels - (mean / pixels) ** 2
        residual = rest / pixels - (off / pixels) ** 2
        own = tracer2 / pixels - (tracer / pixels) ** 2
        flow = np.append(np.nan, values["strength"])[self.labels]
        return FittedSlide(
            name=section.name,
            target=settings.target,
            pixel_size_um=size,
            cell_um=section.factor * size,
            piece_um=section.piece_um,
            vessel_source=settings.vessel_source,
            vessels=VesselFlows(
                flow=values["strength"],
                lower=values["lower"],
                upper=values["upper"],
                identifiable=values["identifiable"] > 0,
                wall_um=values["wall_um"],
                at_wall=values["at_wall"],
                y_um=(vessels.y_px + 0.5) * size,
                x_um=(vessels.x_px + 0.5) * size,
                area_um2=vessels.area_px * size**2,
            ),
            length=FittedLength(length.um, length.lower_um, length.upper_um, length.converged),
            maps=FittedMaps(
                self.measured,
                self.fitted,
                flow.astype(np.float32),
                section.factor * size * self.step,
            ),
            explained=1 - residual / variance if variance > 0 else 0.0,
            tracer_share=own / variance if variance > 0 else 0.0,
            residual_sd=float(np.sqrt(max(residual, 0.0))),
            background=background / pixels,
            compared_mm2=pixels * size**2 * 1e-6,
            plasma_level=settings.plasma_level,
        )
