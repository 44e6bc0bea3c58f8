"""Dark and bright levels of a slide, by which its inputs are normalised.

Per channel, the dark level is the 1 % quantile of the pixels of tissue, the bright level the 99 %
quantile. Of the same pixels, both follow a change of gain and offset exactly, whatever the slide
shows; which pixels are tissue may change a little with it. A slide is normalised by the line that
maps its two levels to those of a reference: it is the same for all pixels of the slide, so that
nothing depends on the tile.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from hrpn_tf.data.moments import ChannelMoments
from hrpn_tf.data.tissue import WINDOW
from hrpn_tf.errors import ConstantChannelError, NoTissueError
from hrpn_tf.slides import Windows, iter_windows

DARK, BRIGHT = 1.0, 99.0  # percent
# The lowest bits of a float32 that are rounded away, so that a channel has 2^17 levels at most.
_DROPPED = 15

Levels = tuple[float, float]  # dark, bright
Line = tuple[float, float]  # gain, offset


def read_levels(
    slide: Windows, channels: Sequence[int], roles: Sequence[str], mask: np.ndarray, side: int
) -> dict[str, Levels]:
    """Dark and bright level of some channels over the tissue of a slide.

    Memory does not grow with the slide. Quantiles are interpolated between the grey levels that
    occur, and beyond the outer ones by half the distance to the next, so that the dark level of a
    sparse channel may lie below 0; those of float32 are rounded to 0.4 %.

    Args:
        slide: the slide.
        channels: indices of the channels.
        roles: their roles, in this order.
        mask: (h, w) bool, blocks of tissue; see ``read_tissue``.
        side: side of a block, px.

    Returns:
        By role, grey levels.

    Raises:
        NoTissueError: the slide has no tissue.
        ConstantChannelError: both levels of a channel are equal.
    """
    path = slide.info.path
    if not mask.any():
        raise NoTissueError(
            f"{path}: no tissue, so that its grey levels cannot be normalised; check the channels "
            "and data.tissue, or use a network without normalisation (data.normalisation=none)"
        )
    step = side * max(1, WINDOW // side)
    counts = [_Counts(slide.info.dtype) for _ in channels]
    for y, x, h, w in iter_windows(slide.info.height, slide.info.width, step):
        rows, columns = np.arange(y, y + h) // side, np.arange(x, x + w) // side
        inside = mask[rows[:, None], columns[None, :]]
        if inside.any():
            pixels = slide.read(y, x, h, w, channels)[inside]
            for channel, count in enumerate(counts):
                count.add(pixels[:, channel])
    found = {}
    for role, count in zip(roles, counts, strict=True):
        dark, bright = count.quantile(DARK), count.quantile(BRIGHT)
        if count.is_constant(DARK, BRIGHT):
            raise ConstantChannelError(
                f"{path}: the channel of {role} is {count.commonest():.4g} nearly everywhere in "
                f"the tissue (from its {DARK:g} % to its {BRIGHT:g} % quantile), so that it cannot "
                "be normalised; check the channel, or use a network without normalisation "
                "(data.normalisation=none)"
            )
        found[role] = (dark, bright)
    return found


def reference_of(levels: Sequence[Mapping[str, Levels]], roles: Sequence[str]) -> dict[str, Levels]:
    """The median of the levels of several slides, by role."""
    return {
        role: (
            float(np.median([each[role][0] for each in levels])),
            float(np.median([each[role][1] for each in levels])),
        )
        for role in roles
    }


def line_of(levels: Levels, reference: Levels) -> Line:
    """Gain and offset that map the levels of a slide to those of the reference.

    Example:
        >>> line_of((5.0, 55.0), (10.0, 110.0))
        (2.0, 0.0)
    """
    gain = (reference[1] - reference[0]) / (levels[1] - levels[0])
    return gain, reference[0] - gain * levels[0]


def mapped(moments: ChannelMoments, line: Line) -> ChannelMoments:
    """The moments of pixels after they were normalised."""
    gain, offset = line
    return ChannelMoments(
        moments.count,
        gain * moments.mean + offset,
        gain**2 * moments.squares,
        gain * moments.largest + offset,
    )


class _Counts:
    """Number of pixels of each grey level of one channel."""

    def __init__(self, dtype: np.dtype) -> None:
        self._whole = dtype.kind == "u"
        self._counts = np.zeros(np.iinfo(dtype).max + 1 if self._whole else 2**17, np.int64)

    def add(self, pixels: np.ndarray) -> None:
        if self._whole:
            codes = pixels
        else:
            codes = (pixels.astype(np.float32) + 0).view(np.uint32) >> _DROPPED  # + 0: no -0
        self._counts += np.bincount(codes.astype(np.int64), minlength=len(self._counts))

    def quantile(self, share: float) -> float:
        """The grey level that ``share`` % of the pixels lie below.

        A grey level that occurs stands for all values up to the middle to the next one that does,
        so that the result follows a gain although pixels are whole numbers.
        """
        levels, counts = self._levels()
        if len(levels) == 1:
            return float(levels[0])
        middles = (levels[1:] + levels[:-1]) / 2
        edges = [2 * levels[0] - middles[0], *middles, 2 * levels[-1] - middles[-1]]
        return float(np.interp(share / 100, np.append(0, counts.cumsum()) / counts.sum(), edges))

    def commonest(self) -> float:
        """The grey level that occurs most often."""
        levels, counts = self._levels()
        return float(levels[counts.argmax()])

    def is_constant(self, low: float, high: float) -> bool:
        """Whether the pixels between two quantiles have the same grey level."""
        _, counts = self._levels()
        below = np.cumsum(counts)
        places = np.searchsorted(below, np.array([low, high]) / 100 * below[-1])
        return bool(places[0] == places[1])

    def _levels(self) -> tuple[np.ndarray, np.ndarray]:
        codes = np.flatnonzero(self._counts)
        if self._whole:
            return codes.astype(np.float64), self._counts[codes]
        middle = 1 << (_DROPPED - 1)
        levels = ((codes.astype(np.uint32) << _DROPPED) | middle).view(np.float32)
        order = np.argsort(levels)
        return levels[order].astype(np.float64), self._counts[codes][order]
