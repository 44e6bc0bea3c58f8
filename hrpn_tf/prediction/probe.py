"""Measure a network's memory use; runtimes do not report it."""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from hrpn_export import Session

from hrpn_tf.memory import forget_peak, peak_bytes, resident_bytes
from hrpn_tf.prediction.planning import SessionCost
from hrpn_tf.prediction.tiling import round_up

# Sides of the two test tiles, px; the difference of their peaks gives the memory per pixel.
_SMALL, _LARGE = 256, 640
# The memory per pixel is at least that of input and output in float32, whatever is measured.
_LEAST_COPIES = 3
_costs: WeakKeyDictionary[Any, SessionCost] = WeakKeyDictionary()
# Bytes per pixel of sessions, as measured by another process.
_expected: WeakKeyDictionary[Any, float] = WeakKeyDictionary()


def probe_session(session: Session, largest: int) -> SessionCost:
    """Run two tiles of zeros, and measure the peak memory of this process for each.

    The first run includes one-time work of the runtime, such as compiling a graph. A session is
    measured once, unless larger tiles are requested later. With :func:`expect`, only the small tile
    is run.

    Args:
        session: the network.
        largest: side of the largest tile that will be used, px; the test tiles are no larger.
    """
    if largest <= _LARGE:
        return _measured(session, largest)
    if session not in _costs:
        _costs[session] = _measured(session, _LARGE, _expected.get(session))
    return _costs[session]


def expect(session: Session, bytes_per_px: float) -> None:
    """Take over what another process has measured of the same network in the same runtime.

    Args:
        session: the network.
        bytes_per_px: memory per input pixel, including input and output.
    """
    _expected[session] = bytes_per_px


def is_expected(session: Session) -> bool:
    """Whether its memory is known, so that other work beside does not change what is measured."""
    return session in _expected


def _measured(session: Session, side: int, expected: float | None = None) -> SessionCost:
    contract = session.contract
    channels, multiple = len(contract.inputs), contract.stride_multiple
    small, large = (round_up(n, multiple) for n in (min(_SMALL, side // 2), side))
    least = 4.0 * _LEAST_COPIES * (channels + len(contract.outputs))
    session(np.zeros((1, small, small, channels), np.float32))
    before = resident_bytes()
    if expected is not None and before is not None:
        return _cost(before, expected, small, least)
    forget_peak()
    session(np.zeros((1, large, large, channels), np.float32))
    peak = peak_bytes()
    if before is None or peak is None or large == small:
        return SessionCost(before or 0, least)
    # the allocator may still hold the memory of the small tile, and reuse it
    return _cost(before, (peak - before) / (large**2 - small**2), small, least)


def _cost(before: int, per_px: float, small: int, least: float) -> SessionCost:
    """The cost by the memory of the process after the small tile."""
    return SessionCost(max(0, before - int(per_px * small**2)), max(least, per_px))
