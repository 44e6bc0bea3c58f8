"""Choose the layers of a network that stay float32, by measured loss.

As in accuracy-controlled quantisation: all layers are quantised; while the loss is too large,
those whose rounding costs most become float32 again; and what turns out not to be needed is
quantised once more. Works for every format, which only builds and runs.
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from hrpn_export.formats.refit import Run
from hrpn_export.gains import brighter

# Aim at this share of the goals, for slides that did not choose the layers.
MARGIN = 0.5
# Goals: more squared error against the target, and grey levels of 255 (largest, mean) apart from
# float32 on images that are brighter. The certificate allows twice the squared error.
LOSS, LARGEST, MEAN = 0.005, 10.0, 1.0
_MOST_PATCHES, _MOST_BLOCKS = 12, 24  # measured per network: seconds for each


@dataclass(frozen=True)
class Choice:
    """Result of :func:`choose_layers`.

    Attributes:
        floats: names that stay float32.
        score: the measured loss as a share of the goal; at most ``MARGIN`` if it was reached.
        built: number of networks that were built and measured.
    """

    floats: tuple[str, ...]
    score: float
    built: int


class Loss:
    """Measures int8 networks against the float32 one, on patches as they are and brighter ones.

    Args:
        before: the float32 network.
        patches: (N, H, W, inputs) float32 grey levels; a few of them are used.
        targets: (N, H, W, points) measured grey levels; None if there are none, and then the spread
            of the prediction takes the place of its error.
        points: number of outputs that are predictions.
        grey_max: largest grey level.
        apart: goal for the largest difference from float32 on all these patches in one image with
            brighter ones, grey levels of 255; None for none.
    """

    def __init__(
        self,
        before: Run,
        patches: np.ndarray,
        targets: np.ndarray | None,
        points: int,
        grey_max: float,
        apart: float | None = None,
    ) -> None:
        # from the brightest to the darkest
        order = np.argsort(-patches.mean(axis=(1, 2, 3)), kind="stable")
        count = min(len(order), _MOST_PATCHES)
        few = order[np.unique(np.linspace(0, len(order) - 1, count).round().astype(int))]
        self._unit, self._points, self._apart = grey_max / 255, points, apart
        self._patches = patches[few]
        self._bright = brighter(self._patches[:2], grey_max)
        self._expected = [_values(before, patch)[..., :points] for patch in self._patches]
        self._bright_expected = [_values(before, patch)[..., :points] for patch in self._bright]
        if apart is not None:  # side by side with places that are brighter than any
            self._strip = np.concatenate([*self._patches, *self._bright], axis=1)
            self._usual = sum(patch.shape[1] for patch in self._patches)  # columns
            self._strip_expected = self._in_strip(before)
        expected = np.stack(self._expected)
        mean = np.broadcast_to(expected.mean(axis=(0, 1, 2)), expected.shape)
        self._targets = mean if targets is None else np.asarray(targets[few], np.float64)
        self._error = float(np.square(expected - self._targets).sum())

    def __call__(self, run: Run) -> float:
        """The largest of the losses as a share of its goal; NaN if a value is."""
        ours = [_values(run, patch)[..., : self._points] for patch in self._patches]
        # a gain and an offset are corrected when the layers are chosen, by the last convolution
        gain, offset = _line(np.stack(ours), np.stack(self._expected))
        change = rounding = 0.0
        for a, r, t in zip(ours, self._expected, self._targets, strict=True):
            corrected = a * gain + offset
            change += float(np.square(corrected - t).sum() - np.square(r - t).sum())
            rounding += float(np.square(corrected - r).sum())
        # the change may be small by chance: rounding adds to the error on average
        losses = [max(abs(change), rounding) / max(self._error, 1e-12) / LOSS]
        if self._apart is not None:
            corrected = self._in_strip(run) * gain + offset
            largest = float(np.abs(corrected - self._strip_expected).max())
            losses.append(largest / (self._apart * self._unit))
        for patch, expected_bright in zip(self._bright, self._bright_expected, strict=True):
            apart = np.abs(_values(run, patch)[..., : self._points] - expected_bright)
            losses.append(float(apart.max()) / (LARGEST * self._unit))
            losses.append(float(apart.mean()) / (MEAN * self._unit))
        return float(np.max(losses))

    def _in_strip(self, run: Run) -> np.ndarray:
        return _values(run, self._strip)[:, : self._usual, : self._points]


def choose_layers(
    names: Sequence[str],
    build: Callable[[Collection[str]], Run],
    loss: Callable[[Run], float],
    log: Callable[[str], object] = lambda _: None,
) -> Choice:
    """Choose the layers that stay float32; without any layer, there is nothing to choose.

    Args:
        names: layers that can be quantised.
        build: makes the network in which the given layers are quantised.
        loss: measures a network; the result should be at most ``MARGIN``.
        log: called with one line per step.

    Returns:
        The choice. If no choice reaches the margin, the one of the smallest loss. A network of many
        layers is taken in blocks of consecutive ones.
    """
    if not names:
        return Choice((), 0.0, 0)
    parts = np.array_split(np.arange(len(names)), min(len(names), _MOST_BLOCKS))
    blocks = [frozenset(names[i] for i in part) for part in parts]
    tried: dict[frozenset[str], float] = {}

    def score(floats: Collection[str]) -> float:
        key = frozenset(floats)
        if key not in tried:
            found = loss(build([name for name in names if name not in key]))
            tried[key] = math.inf if math.isnan(found) else found
        return tried[key]

    floats: frozenset[str] = frozenset()
    if score(floats) > MARGIN:
        order = sorted(blocks, key=score)  # first the block that helps most
        for block in order[:-1]:  # something is int8 in the end
            if score(floats) <= MARGIN:
                break
            floats |= block
            log(f"{len(floats)} of {len(names)} stay float32: {score(floats):.2f} of the goal")
        for block in order:  # later ones may have made an earlier one needless
            if score(floats) <= MARGIN and score(floats - block) <= MARGIN:
                floats -= block
    if score(floats) > MARGIN:
        floats = min(tried, key=lambda key: tried[key])
    return Choice(tuple(n for n in names if n in floats), score(floats), len(tried))


def _values(run: Run, patch: np.ndarray) -> np.ndarray:
    return np.asarray(run(np.asarray(patch[None], np.float32))[0], np.float64)


def _line(ours: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gain and offset of each output that bring ``ours`` nearest to ``expected``."""
    axes = tuple(range(ours.ndim - 1))
    mean, wanted = ours.mean(axes), expected.mean(axes)
    spread = np.square(ours - mean).mean(axes)
    shared = ((ours - mean) * (expected - wanted)).mean(axes)
    gain = np.where(spread > 0, shared / np.where(spread > 0, spread, 1.0), 1.0)
    return gain, wanted - gain * mean
