"""Measure the error of a halo that is smaller than the receptive field."""

from collections.abc import Sequence

import numpy as np
from hrpn_export import Session

from hrpn_tf.prediction.reading import read_reflected
from hrpn_tf.prediction.tiling import Region, Tiling, plan_tiling, round_up
from hrpn_tf.prediction.tissue_map import TissueMap
from hrpn_tf.slides import Windows

# Windows of about this side, px, are predicted twice. Only their borders matter, so a small window
# is as informative as a whole block.
_SIDE = 256
_PLACES = 8


def measure_seams(
    session: Session,
    slide: Windows,
    channels: Sequence[int],
    tiling: Tiling,
    tissue: TissueMap | None,
) -> dict[str, float]:
    """Predict some windows with the tiling's halo and with a full one.

    Returns:
        Largest absolute difference of a pixel and mean absolute difference of a block, in
        intensities, and the number of windows. The windows are spread evenly over the blocks
        (over those with tissue, if known).
    """
    contract = session.contract
    field = contract.receptive_field
    assert field is not None
    full = round_up(field // 2, contract.stride_multiple)
    # wide enough that seams do not reach its middle
    side = max(_SIDE, 2 * (full - tiling.halo))
    region = tiling.region
    block = min(tiling.block_height, region.height), min(tiling.block_width, region.width)
    window = min(side, block[0]), min(side, block[1])
    share = _shares(block, window)
    largest, means = 0.0, []
    for y, x in _places(slide, tiling, tissue, window):
        plans = [
            plan_tiling(
                Region(y, x, *window),
                tile=max(window),
                stride_multiple=contract.stride_multiple,
                receptive_field=field,
                halo=halo,
            )
            for halo in (tiling.halo, full)
        ]
        answers = [_answer(session, slide, channels, plan) for plan in plans]
        difference = np.abs(answers[0] - answers[1])
        largest = max(largest, float(difference.max()))
        means.append(float((difference.mean(axis=-1) * share).sum()))
    return {"largest": largest, "mean": float(np.mean(means)), "windows": len(means)}


def _answer(session: Session, slide: Windows, channels: Sequence[int], plan: Tiling) -> np.ndarray:
    tile = plan.block(0).tiles[0]
    pixels = read_reflected(slide, tile.y, tile.x, tile.height, tile.width, channels)
    return session(pixels[None])[0][tile.source]


def _shares(block: tuple[int, int], window: tuple[int, int]) -> np.ndarray:
    """(h, w) weights of a window's pixels, which sum to one: the share of the block they represent.

    Pixels of the block that lie farther from its border than any pixel of the window count as
    pixels in the middle of the window, since seams reach neither.
    """
    lines = []
    for long, short in zip(block, window, strict=True):
        line = np.ones(short)
        middle = slice((short - 1) // 2, short // 2 + 1)
        line[middle] += (long - short) / len(line[middle])
        lines.append(line / long)
    return np.outer(*lines)


def _places(
    slide: Windows, tiling: Tiling, tissue: TissueMap | None, window: tuple[int, int]
) -> list[tuple[int, int]]:
    """Corners of the windows, px of the slide, at multiples of the stride multiple."""
    size, region, m = (slide.info.height, slide.info.width), tiling.region, tiling.multiple
    # the last windows start early enough to stay within the region
    last = region.y + region.height - window[0], region.x + region.width - window[1]
    corners = [
        (
            min(region.y + row * tiling.block_height, last[0]) // m * m,
            min(region.x + column * tiling.block_width, last[1]) // m * m,
        )
        for row, column in np.ndindex(*tiling.grid)
    ]
    if tissue is not None:
        held = [corner for corner in corners if tissue.touches(*corner, *window, size)]
        corners = held or corners
    return corners[:: max(1, len(corners) // _PLACES)][:_PLACES]
