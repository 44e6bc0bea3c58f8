"""Scale a prediction so that its mean over a part of the slide is what was measured there."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hrpn_tf.errors import AnchorError, UnfinishedError
from hrpn_tf.files import atomic_path
from hrpn_tf.slides.description import Planes
from hrpn_tf.untrusted import read_arrays, read_json

if TYPE_CHECKING:
    from hrpn_tf.prediction.mask import PolygonMask

# Keys of the result's metadata: what was stated, and what it led to.
STATED, FOUND = "anchor", "anchored"


@dataclass(frozen=True)
class BlockMask:
    """A mask of square blocks on a slide; the pixels of a block are all in or all out.

    Attributes:
        mask: (h, w) bool, covers the whole slide.
        side: side of a block, px.
    """

    mask: np.ndarray
    side: int

    def fill(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """(height, width) bool: the pixels of a window that are in."""
        rows, columns = np.arange(y, y + height), np.arange(x, x + width)
        return np.asarray(self.mask[rows[:, None] // self.side, columns[None, :] // self.side])

    def save(self, path: Path) -> None:
        """Write the mask to a file ``*.npz``."""
        with atomic_path(path, overwrite=True) as temporary:
            np.savez_compressed(temporary, mask=self.mask, side=self.side)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a mask that :meth:`save` wrote.

        Raises:
            UnfinishedError: it is damaged.
        """
        file = read_arrays(path, UnfinishedError, "; give --overwrite to start anew")
        return cls(file["mask"], int(file["side"]))


@dataclass(frozen=True)
class AnchorSums:
    """Sums over the anchored pixels of one slide.

    Attributes:
        pixels: number of pixels.
        predicted: sum of the prediction before it is scaled, grey levels.
        measured: sum of the measured target, grey levels; None where its mean is stated.
        largest: largest predicted value of the whole result, grey levels.

    Example:
        >>> AnchorSums(4, 6.0, None, 3.0).factor(3.0)
        2.0
    """

    pixels: int
    predicted: float
    measured: float | None
    largest: float

    def factor(self, measured_mean: float | None) -> float:
        """What the prediction is multiplied by: measured mean / predicted mean.

        Args:
            measured_mean: in the unit that the result shall have; None if ``measured`` holds it.

        Raises:
            AnchorError: the predicted or the measured mean is not positive, so that no factor
                brings one to the other; or the scaled prediction leaves the range of float32.
        """
        measured = self.measured if measured_mean is None else measured_mean * self.pixels
        assert measured is not None
        if not self.predicted > 0:
            raise AnchorError(
                f"the mean prediction over its {self.pixels} px is {self.mean:g}; it must be "
                "positive to be scaled"
            )
        if not measured > 0:
            raise AnchorError(
                f"the mean of the measured target over its {self.pixels} px is "
                f"{measured / self.pixels:g}; it must be positive"
            )
        factor = measured / self.predicted
        numbers = np.finfo(np.float32)
        least, most = float(numbers.tiny), float(numbers.max)
        if not (factor * self.largest < most and factor * self.mean > least):
            raise AnchorError(
                f"{factor:.3g} times as large, the prediction leaves the range of float32; state "
                "the measured mean in another unit"
            )
        return factor

    @property
    def mean(self) -> float:
        """Mean of the prediction before it is scaled, grey levels."""
        return self.predicted / self.pixels

    @classmethod
    def total(cls, parts: Iterable[Self]) -> Self:
        """The sums over several slides; the same in whatever order they come."""
        parts = list(parts)
        measured = [part.measured for part in parts if part.measured is not None]
        return cls(
            sum(part.pixels for part in parts),
            math.fsum(part.predicted for part in parts),
            math.fsum(measured) if measured else None,
            max(part.largest for part in parts),
        )

    def save(self, path: Path) -> None:
        """Write the sums to a file ``*.json``."""
        with atomic_path(path, overwrite=True) as temporary:
            temporary.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read sums that :meth:`save` wrote; None if there are none."""
        try:
            return cls.of(read_json(path, UnfinishedError))
        except UnfinishedError:
            return None

    @classmethod
    def of(cls, values: Any) -> Self | None:
        """Inverse of ``asdict``; None for anything else."""
        try:
            measured = values["measured"]
            return cls(
                int(values["pixels"]),
                float(values["predicted"]),
                None if measured is None else float(measured),
                float(values["largest"]),
            )
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True)
class AnchorTask:
    """How one prediction is anchored.

    Attributes:
        measured_mean: measured mean of the target, in the unit that the result shall have; None if
            the target is read from the slide.
        find_tissue: finds the tissue of the slide that the mean is taken over; None for ``area``.
        area: part of the slide whose target was measured; None for the tissue.
        target: index of the measured target in the slide; None where its mean is stated.
        others: sums of the other slides of the same animal; empty if this is the only one.
        hold: keep the prediction unfinished, until ``others`` are known.
    """

    measured_mean: float | None
    find_tissue: Callable[[], BlockMask] | None = None
    area: "PolygonMask | None" = None
    target: int | None = None
    others: tuple[AnchorSums, ...] = ()
    hold: bool = False

    def found(self, own: AnchorSums, name: str) -> dict[str, Any]:
        """The factor and what it follows from, for the metadata of the result.

        Args:
            own: sums of this slide.
            name: of the result, for an error.

        Raises:
            AnchorError: see :meth:`AnchorSums.factor`.
        """
        total = AnchorSums.total((own, *self.others))
        try:
            factor = total.factor(self.measured_mean)
        except AnchorError as error:
            raise AnchorError(f"{name}: cannot be anchored: {error}") from None
        return {
            "factor": factor,
            "mean_before": total.mean,
            "pixels": total.pixels,
            "of_this_slide": asdict(own),
        }


class ScaledPlanes:
    """Planes times a factor, in another type; see ``Planes``.

    Attributes:
        channels, height, width, chunk: of the planes.
        dtype: what values are converted to after they were multiplied.
    """

    def __init__(
        self,
        planes: Planes,
        factor: float,
        dtype: np.dtype,
        convert: Callable[[np.ndarray, np.dtype], np.ndarray],
    ) -> None:
        self._planes, self._factor, self._convert = planes, factor, convert
        self.channels, self.height, self.width = planes.channels, planes.height, planes.width
        self.chunk, self.dtype = planes.chunk, dtype

    def read(self, channel: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """A window (height, width) of one channel."""
        values = self._planes.read(channel, y, x, height, width).astype(np.float64)
        values *= self._factor
        return self._convert(values, self.dtype)


def stated_anchor(made: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What was stated of the anchor of a result, from its metadata; None without one."""
    found = made.get(STATED)
    return found if isinstance(found, Mapping) else None


def factor_of(made: Mapping[str, Any]) -> float | None:
    """The factor that a result was multiplied by, from its metadata; None without an anchor."""
    found = made.get(FOUND)
    factor = found.get("factor") if isinstance(found, Mapping) else None
    ok = isinstance(factor, int | float) and math.isfinite(factor) and factor > 0
    return float(factor) if ok and factor is not None else None


def sums_of(made: Mapping[str, Any]) -> AnchorSums | None:
    """The sums of a finished result, from its metadata; None without an anchor."""
    found = made.get(FOUND)
    return AnchorSums.of(found.get("of_this_slide")) if isinstance(found, Mapping) else None
