"""The memory of a network is measured with two tiles, or taken over from another process."""

import math

import numpy as np
import pytest
from support.grid_network import GridNetwork

from hrpn_tf.prediction import probe


class Counted(GridNetwork):
    """A network that notes the sides of its tiles."""

    sides: list[int]

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.sides.append(batch.shape[1])
        return super().__call__(batch)


@pytest.fixture
def network() -> Counted:
    found = Counted()
    found.sides = []
    return found


def test_two_tiles_are_run_and_measured_once(network: Counted) -> None:
    cost = probe.probe_session(network, 2048)
    assert probe.probe_session(network, 4096) == cost
    assert network.sides == [256, 640]


def test_with_the_memory_known_only_the_small_tile_is_run(network: Counted) -> None:
    probe.expect(network, 500.0)
    cost = probe.probe_session(network, 2048)
    assert network.sides == [256]
    assert math.isclose(cost.bytes_per_px, 500)
    assert cost.base_bytes > 0


def test_no_network_takes_less_than_its_input_and_output(network: Counted) -> None:
    probe.expect(network, 1e-9)
    assert probe.probe_session(network, 2048).bytes_per_px >= 3 * 4 * 2


def test_small_slides_are_measured_with_their_own_tiles(network: Counted) -> None:
    probe.expect(network, 500.0)
    probe.probe_session(network, 320)
    assert network.sides == [160, 320]
