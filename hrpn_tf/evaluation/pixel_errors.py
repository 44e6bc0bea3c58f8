"""Compare a predicted plane with a measured one, window by window."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from hrpn_tf.errors import SlideMismatchError
from hrpn_tf.evaluation.brightest import ErrorsByLevel
from hrpn_tf.evaluation.eight_bits import squared_error_8bit
from hrpn_tf.evaluation.histogram import Histogram
from hrpn_tf.evaluation.moments import NO_PIXELS, Moments, column_r2, moments
from hrpn_tf.evaluation.planes import Plane, Window
from hrpn_tf.evaluation.sums import Sums
from hrpn_tf.slides import iter_windows

SSIM_SIDE = 7
SSIM_BORDER = SSIM_SIDE // 2
GAUSSIAN_TRUNCATE = 4.0  # the smoothing kernel ends at this many sigmas

# Which form of the pixels (float, rounded, smoothed), and which pixels (whole, tissue).
View = str
Region = str
Progress = Callable[[int], object]  # called with the number of pixels finished since the last call


@dataclass(frozen=True)
class CompareSettings:
    """How planes are compared.

    Attributes:
        peak: peak intensity in PSNR and data range in SSIM, grey levels; None leaves both
            undefined.
        smooth_px: standard deviation of a Gaussian, px. Both planes are also compared smoothed by
            it, as view "smoothed"; 0 leaves this view out.
        rounded: whether to add the view "rounded": the prediction rounded and clipped to the type
            of the measured plane, if that is an integer type.
        ssim: whether to compute SSIM, by far the slowest metric.
        window: side length of a window, px. Metrics do not depend on it.
    """

    peak: float | None
    smooth_px: float = 0.0
    rounded: bool = True
    ssim: bool = True
    window: int = 1024


def compare(
    predicted: Plane,
    measured: Plane,
    tissue: Plane | None,
    settings: CompareSettings,
    progress: Progress | None = None,
    excluded: Plane | None = None,
) -> dict[tuple[View, Region], Sums]:
    """Sum errors and moments over all pixels, for each view and region.

    Memory depends on the window, not on the size of the planes.

    Args:
        predicted, measured: grey levels, planes of the same size.
        tissue: bool mask of the same size; None leaves the region "tissue" out.
        settings: views, peak and window.
        progress: called with the number of pixels of each finished window.
        excluded: bool mask of the pixels that are left out of every sum; None for none. R2 per
            column, which is of whole columns, is then undefined.

    Returns:
        The sums by view ("float", "rounded", "smoothed") and region ("whole", "tissue").

    Raises:
        SlideMismatchError: the planes differ in size.
    """
    if (predicted.height, predicted.width) != (measured.height, measured.width):
        raise SlideMismatchError(
            f"predicted {predicted.height} x {predicted.width} px, measured {measured.height} x "
            f"{measured.width} px: the two slides must lie on the same pixels"
        )
    totals: dict[tuple[View, Region], _Total] = {}
    for y, x, height, width in iter_windows(measured.height, measured.width, settings.window):
        window = Window(y, x, height, width)
        mask = None if tissue is None else window.read(tissue)
        kept = None if excluded is None else ~window.read(excluded)
        if mask is not None and kept is not None:
            mask = mask & kept
        for view, true, pred, ssim in _views(window, predicted, measured, settings):
            in_8_bits = view != "smoothed" and measured.dtype == np.uint8
            whole = totals.setdefault((view, "whole"), _Total(in_8_bits))
            if kept is None:
                whole.add_columns(x, true, pred)
            inside = slice(None) if kept is None else kept
            whole.add(true[inside], pred[inside], ssim[inside])
            if view == "float":
                whole.add_levels(true[inside], pred[inside])
            if mask is not None:
                part = totals.setdefault((view, "tissue"), _Total(in_8_bits))
                part.add(true[mask], pred[mask], ssim[mask])
        if progress is not None:
            progress(height * width)
    return {key: total.sums() for key, total in totals.items()}


class _Total:
    """The running sums of one view and region."""

    def __init__(self, in_8_bits: bool) -> None:
        self.squared_error_8bit = 0 if in_8_bits else None
        self.levels: tuple[Histogram, Histogram] | None = None
        self.by_level: ErrorsByLevel | None = None
        self.moments = NO_PIXELS
        self.ssim_total, self.ssim_count = 0.0, 0
        self.columns: dict[int, Moments] = {}  # by the first column of a strip of windows

    def add(self, true: np.ndarray, pred: np.ndarray, ssim: np.ndarray) -> None:
        self.moments += moments(true, pred)
        self.ssim_total += float(np.nansum(ssim))
        self.ssim_count += int(np.count_nonzero(~np.isnan(ssim)))
        if self.squared_error_8bit is not None:
            self.squared_error_8bit += squared_error_8bit(true, pred)

    def add_levels(self, true: np.ndarray, pred: np.ndarray) -> None:
        more = Histogram.of(true), Histogram.of(pred)
        before = self.levels
        self.levels = more if before is None else (before[0] + more[0], before[1] + more[1])
        errors = ErrorsByLevel.of(true, pred)
        self.by_level = errors if self.by_level is None else self.by_level + errors

    def add_columns(self, x: int, true: np.ndarray, pred: np.ndarray) -> None:
        self.columns[x] = self.columns.get(x, NO_PIXELS) + moments(true, pred, axis=0)

    def sums(self) -> Sums:
        strips = list(self.columns.values())
        return Sums(
            self.moments,
            self.ssim_total,
            self.ssim_count,
            np.concatenate([np.zeros(0), *(column_r2(s) for s in strips)]),
            sum(int(np.count_nonzero(s.max_true == s.min_true)) for s in strips),
            self.squared_error_8bit,
            self.levels,
            self.by_level,
        )


def _views(
    window: Window, predicted: Plane, measured: Plane, settings: CompareSettings
) -> Iterator[tuple[View, np.ndarray, np.ndarray, np.ndarray]]:
    """Each view of a window: its name, true values, predicted values, SSIM (NaN if undefined).

    The margin that is read around the window is as wide as smoothing and SSIM reach, so that every
    pixel gets the same value as in the whole image.
    """
    reach = int(GAUSSIAN_TRUNCATE * settings.smooth_px + 0.5)
    outer = window.grown(reach + SSIM_BORDER, measured)
    true = outer.read(measured).astype(np.float64)
    pred = outer.read(predicted).astype(np.float64)
    forms = {"float": (true, pred)}
    if settings.rounded and measured.dtype.kind == "u":
        forms["rounded"] = true, np.clip(np.rint(pred), 0, np.iinfo(measured.dtype).max)
    if settings.smooth_px > 0:
        forms["smoothed"] = _smooth(true, settings.smooth_px), _smooth(pred, settings.smooth_px)
    inner = window.within(outer)
    for view, (t, p) in forms.items():
        ssim = np.full((window.height, window.width), np.nan)
        if settings.ssim and settings.peak is not None:
            _fill_ssim(ssim, window, outer, t, p, measured, settings.peak)
        yield view, t[inner], p[inner], ssim


def _fill_ssim(
    out: np.ndarray,
    window: Window,
    outer: Window,
    true: np.ndarray,
    pred: np.ndarray,
    plane: Plane,
    peak: float,
) -> None:
    """Write the SSIM of a window's pixels, but of those too near the plane's border."""
    from skimage.metrics import structural_similarity

    top, left = max(window.y, SSIM_BORDER), max(window.x, SSIM_BORDER)
    bottom = min(window.y + window.height, plane.height - SSIM_BORDER)
    right = min(window.x + window.width, plane.width - SSIM_BORDER)
    if bottom <= top or right <= left:
        return
    defined = Window(top, left, bottom - top, right - left)
    part = defined.grown(SSIM_BORDER, plane).within(outer)
    _, values = structural_similarity(
        true[part], pred[part], win_size=SSIM_SIDE, data_range=peak, full=True
    )
    inside = slice(SSIM_BORDER, -SSIM_BORDER)
    out[defined.within(window)] = values[inside, inside]


def _smooth(image: np.ndarray, sigma: float) -> np.ndarray:
    return gaussian_filter(image, sigma, mode="reflect", truncate=GAUSSIAN_TRUNCATE)
