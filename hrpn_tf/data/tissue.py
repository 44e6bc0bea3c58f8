"""Tissue at low resolution, and the grey levels of its pixels, in one pass over the slide."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hrpn_tf.config import TissueConfig
from hrpn_tf.data.grid import block_edges
from hrpn_tf.data.moments import ChannelMoments
from hrpn_tf.filters import gaussian, otsu
from hrpn_tf.progress import tracked
from hrpn_tf.slides import Slide, Windows, iter_windows

WINDOW = 1024  # px; about 50 MB of working memory with three channels
SMOOTHING = 2.0  # blocks; closes the gaps between nuclei, which are a little wider than a block
# Of what Otsu's method finds in a field of view within tissue, see lies_within_tissue.
LEAST_SHARE_WITHIN, MOST_SEPARATION_WITHIN = 0.4, 0.75
_ADDED_IN_TURN = 8  # numbers; NumPy adds so many and more in pairs
SMALLEST_FIELD = 24  # blocks; in a smaller one the smoothing blurs background and tissue together


@dataclass(frozen=True)
class Blocks:
    """A slide reduced to square blocks of pixels.

    Attributes:
        side: side of a block, px; the last row and column may be cut short by the slide.
        count: (h, w) pixels of each block.
        mean: (h, w, C) float32, grey levels.
        variance: (h, w, C) float32, squared grey levels.
        largest: (h, w, C) float32, grey levels.
    """

    side: int
    count: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    largest: np.ndarray


def read_blocks(
    slide: Slide, channels: Sequence[int], side: int, title: str = "", progress: bool = False
) -> Blocks:
    """Reduce a slide (grey levels) to blocks of ``side`` px, window by window.

    Memory is bounded but for the result: 12 bytes per block and channel.
    """
    height, width = slide.info.height, slide.info.width
    rows, columns = block_edges(height, side), block_edges(width, side)
    shape = (len(rows) - 1, len(columns) - 1, len(channels))
    mean, variance, largest = (np.empty(shape, np.float32) for _ in range(3))
    count = np.outer(np.diff(rows), np.diff(columns))
    step = side * max(1, WINDOW // side)
    windows = list(iter_windows(height, width, step))
    for y, x, h, w in tracked(windows, title, len(windows), "window", shown=progress, leave=False):
        pixels = slide.read(y, x, h, w, channels).astype(np.float64)
        part = np.s_[y // side : -(-(y + h) // side), x // side : -(-(x + w) // side)]
        n = count[part][..., None]
        centre = _by_block(np.add, pixels, side) / n
        mean[part] = centre
        largest[part] = _by_block(np.maximum, pixels, side)
        pixels -= centre.repeat(side, axis=0)[:h].repeat(side, axis=1)[:, :w]
        variance[part] = _by_block(np.add, np.square(pixels, out=pixels), side) / n
    return Blocks(side, count, mean, variance, largest)


def read_tissue(
    slide: Windows, channels: Sequence[int], side: int, config: TissueConfig
) -> np.ndarray:
    """Which blocks of a slide are tissue; the same as ``tissue_mask(read_blocks(...))``.

    Memory: 4 bytes per block, whatever the number of channels.

    Args:
        slide: the slide.
        channels: indices of the inputs.
        side: side of a block, px.
        config: method and threshold.

    Returns:
        (h, w) bool.
    """
    height, width = slide.info.height, slide.info.width
    grey = np.empty((-(-height // side), -(-width // side)), np.float32)
    for y, x, h, w in iter_windows(height, width, side * max(1, WINDOW // side)):
        pixels = slide.read(y, x, h, w, channels).astype(np.float64)
        sums = _by_block(np.add, pixels, side)
        ones = np.outer(np.diff(block_edges(h, side)), np.diff(block_edges(w, side)))
        means = (sums / ones[..., None]).astype(np.float32)
        rows, columns = means.shape[:2]
        grey[y // side : y // side + rows, x // side : x // side + columns] = channel_mean(means)
    return is_tissue(grey, config)


def tissue_mask(blocks: Blocks, inputs: int, config: TissueConfig) -> np.ndarray:
    """Which blocks are tissue, judged by the mean of the input channels; see :func:`is_tissue`.

    Args:
        blocks: the slide; its first ``inputs`` channels are the inputs.
        inputs: number of input channels.
        config: method and threshold.

    Returns:
        (h, w) bool.
    """
    return is_tissue(channel_mean(blocks.mean[..., :inputs]), config)


def channel_mean(means: np.ndarray) -> np.ndarray:
    """The mean of the channels of an image, (h, w, C) float32 to (h, w) float32.

    The same numbers as ``means.mean(axis=-1)``, which adds a few numbers at a time, slowly.
    """
    channels = means.shape[-1]
    if not 1 < channels < _ADDED_IN_TURN:
        return np.asarray(means.mean(axis=-1))
    total = means[..., 0] + means[..., 1]
    for channel in range(2, channels):
        total += means[..., channel]
    total /= channels
    return np.asarray(total)


def is_tissue(grey: np.ndarray, config: TissueConfig, side: float = 1.0) -> np.ndarray:
    """Which elements of a coarse image are tissue.

    ``otsu`` puts the threshold by Otsu's method on the smoothed logarithm of the mean: fluorescence
    spans decades, and on a linear scale a few bright spots would claim the upper class for
    themselves. ``threshold`` compares the mean with a grey level, ``all`` takes everything.

    Args:
        grey: (h, w) mean grey level of the input channels.
        config: method and threshold.
        side: of an element, in blocks of the configured scale.

    Returns:
        (h, w) bool.
    """
    if config.method == "all":
        return np.ones(grey.shape, bool)
    if config.method == "threshold":
        return grey > config.threshold
    smooth = _smoothed(grey, side)
    if np.ptp(smooth) == 0:  # nothing to tell apart: tissue unless black
        return smooth > 0
    return smooth > otsu(smooth)


def lies_within_tissue(grey: np.ndarray, side: float = 1.0) -> bool:
    """Whether a slide looks like a field of view within tissue, without background.

    Otsu's method splits any image in two. Its criterion, the variance between the two classes over
    the whole variance, says whether they are apart: 0.64 for one normal distribution, 1 for two
    levels. Fields within tissue have 0.51 to 0.72 and a share of 0.48 to 0.97 (seven fields of
    ``docs/results/real-images.md``), simulated slides with background 0.79 to 0.82. Less than 24
    blocks a side are not judged.

    Args:
        grey: (h, w) mean grey level of the input channels.
        side: of an element, in blocks of about 8 um.
    """
    if is_small(grey, side):
        return False
    smooth = _smoothed(grey, side)
    if np.ptp(smooth) == 0:
        return bool(smooth.flat[0] > 0)
    upper = smooth > otsu(smooth)
    share = float(upper.mean())
    between = share * (1 - share) * float(smooth[upper].mean() - smooth[~upper].mean()) ** 2
    return share >= LEAST_SHARE_WITHIN and between < MOST_SEPARATION_WITHIN * float(smooth.var())


def is_small(grey: np.ndarray, side: float = 1.0) -> bool:
    """Whether a slide is too small to tell tissue from a field within it; see above."""
    return min(grey.shape) * side < SMALLEST_FIELD


def tissue_moments(blocks: Blocks, mask: np.ndarray) -> tuple[ChannelMoments, ...]:
    """Moments of every channel over the pixels of tissue; each pixel counts once."""
    n = blocks.count[mask].astype(np.float64)
    if not len(n):
        return tuple(ChannelMoments(0, 0.0, 0.0, 0.0) for _ in range(blocks.mean.shape[-1]))
    moments = []
    for channel in range(blocks.mean.shape[-1]):
        means = blocks.mean[..., channel][mask].astype(np.float64)
        variances = blocks.variance[..., channel][mask].astype(np.float64)
        mean = float(np.average(means, weights=n))
        squares = float(n @ (variances + (means - mean) ** 2))
        largest = float(blocks.largest[..., channel][mask].max())
        moments.append(ChannelMoments(int(n.sum()), mean, squares, largest))
    return tuple(moments)


def block_side(scale_um: float, pixel_size_um: float) -> int:
    """Side, px, of the blocks of a mask with pixels of about ``scale_um``; at least 1."""
    return max(1, round(scale_um / pixel_size_um))


def _smoothed(grey: np.ndarray, side: float = 1.0) -> np.ndarray:
    return gaussian(np.log1p(np.maximum(grey, 0.0)), SMOOTHING / side)


def _by_block(reduce: np.ufunc, pixels: np.ndarray, side: int) -> np.ndarray:
    """The pixels (h, w, C) of each block reduced to one."""
    rows = np.arange(0, pixels.shape[0], side)
    columns = np.arange(0, pixels.shape[1], side)
    return np.asarray(reduce.reduceat(reduce.reduceat(pixels, rows, axis=0), columns, axis=1))
