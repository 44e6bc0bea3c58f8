"""The output for the background, computed on a small tile, is that of a whole empty tile."""

import numpy as np
import pytest
from support.grid_network import ArraySlide, GridNetwork

from hrpn_tf.prediction.blocks import BlockMaker, TimedNetwork
from hrpn_tf.prediction.tiling import Region, plan_tiling
from hrpn_tf.prediction.tissue_map import TissueMap


@pytest.mark.parametrize("halo", [None, 8])
def test_an_empty_tile_is_what_the_network_gives_for_it(halo: int | None) -> None:
    session = GridNetwork(4)
    field = session.contract.receptive_field
    tiling = plan_tiling(
        Region(2, 3, 150, 260), tile=(60, 90), stride_multiple=4, receptive_field=field, halo=halo
    )
    tissue = TissueMap(np.zeros((4, 4), bool), (50.0, 70.0), (7.0, 9.0))
    slide = ArraySlide(np.zeros((200, 280, 2), np.uint8))
    maker = BlockMaker(slide, [0, 1], tiling, tissue, None)
    items = list(maker.inputs(tiling))
    assert all(item.pixels is None for item in items)
    network = TimedNetwork(session, maker)
    whole = session(np.full((1, *tiling.shape, 2), (7.0, 9.0), np.float32))[0]
    calls = len(session.calls)
    for item in items:
        got, used = network(None), item.tile.source
        np.testing.assert_allclose(got[used], whole[used], rtol=0, atol=1e-4)
    assert len(session.calls) == calls + 1
    small = session.calls[-1][1] * session.calls[-1][2] < tiling.shape[0] * tiling.shape[1]
    assert small == tiling.exact
