"""How far a halo smaller than the receptive field leaves a prediction from the exact one."""

from collections.abc import Sequence

import numpy as np
from hrpn_export import Session

from hrpn_tf.prediction.geometry import Region, Tiling, plan_tiling, round_up
from hrpn_tf.prediction.reading import read_reflected
from hrpn_tf.prediction.tissue_map import TissueMap
from hrpn_tf.slides import Slide

# Windows of this side, px, are predicted twice. Only their borders matter, so a small one says as
# much as a whole tile.
_SIDE = 256
_PLACES = 8


def measure_seams(
    session: Session,
    slide: Slide,
    channels: Sequence[int],
    tiling: Tiling,
    tissue: TissueMap | None,
) -> dict[str, float]:
    """Predict some windows with the tiling's halo and with a full one.

    Returns:
        Largest and mean absolute difference, grey levels, and the number of windows; over windows
        spread evenly over the blocks (those with tissue, where that is known).
    """
    contract = session.contract
    field = contract.receptive_field
    assert field is not None
    full = round_up(field // 2, contract.stride_multiple)
    largest, means = 0.0, []
    for y, x in _places(slide, tiling, tissue):
        region = Region(y, x, _SIDE, _SIDE)
        answers = []
        for halo in (tiling.halo, full):
            plan = plan_tiling(
                region,
                tile=_SIDE,
                stride_multiple=contract.stride_multiple,
                receptive_field=field,
                halo=halo,
            )
            tile = plan.block(0).tiles[0]
            pixels = read_reflected(slide, tile.y, tile.x, *plan.shape, channels)
            answers.append(session(pixels[None])[0][tile.source])
        difference = np.abs(answers[0] - answers[1])
        largest = max(largest, float(difference.max()))
        means.append(float(difference.mean()))
    return {"largest": largest, "mean": float(np.mean(means)), "windows": len(means)}


def _places(slide: Slide, tiling: Tiling, tissue: TissueMap | None) -> list[tuple[int, int]]:
    """Corners of the windows, px of the slide, on the stride multiple."""
    size = (slide.info.height, slide.info.width)
    region, m = tiling.region, tiling.multiple
    corners = [((region.y + block.y) // m * m, (region.x + block.x) // m * m) for block in tiling]
    if tissue is not None:
        held = [c for c in corners if tissue.touches(*c, _SIDE, _SIDE, size)]
        corners = held or corners
    return corners[:: max(1, len(corners) // _PLACES)][:_PLACES]
