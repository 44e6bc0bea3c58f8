"""Measure what a network takes, since nobody can say it for every runtime."""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from hrpn_export import Session

from hrpn_tf.memory import forget_peak, peak_bytes, resident_bytes
from hrpn_tf.prediction.planning import SessionCost
from hrpn_tf.prediction.tiling import round_up

# Sides of the two tiles that are run, px: the difference of their peaks is what pixels cost.
_SMALL, _LARGE = 256, 640
# Nothing that is measured may make pixels look cheaper than what goes in and out in float32.
_LEAST_COPIES = 3
_costs: WeakKeyDictionary[Any, SessionCost] = WeakKeyDictionary()


def probe_session(session: Session, largest: int) -> SessionCost:
    """Run two tiles of zeros, and see how much memory of this process each takes.

    The first run also makes whatever a runtime makes at first, such as a compiled graph. A session
    is measured once, unless larger tiles are asked for later.

    Args:
        session: the network.
        largest: side of the largest tile that will be asked for, px; no larger one is run.
    """
    if largest <= _LARGE:
        return _measured(session, largest)
    if session not in _costs:
        _costs[session] = _measured(session, _LARGE)
    return _costs[session]


def _measured(session: Session, side: int) -> SessionCost:
    contract = session.contract
    channels, multiple = len(contract.inputs), contract.stride_multiple
    small, large = (round_up(n, multiple) for n in (min(_SMALL, side // 2), side))
    least = 4.0 * _LEAST_COPIES * (channels + len(contract.outputs))
    session(np.zeros((1, small, small, channels), np.float32))
    before = resident_bytes()
    forget_peak()
    session(np.zeros((1, large, large, channels), np.float32))
    peak = peak_bytes()
    if before is None or peak is None or large == small:
        return SessionCost(before or 0, least)
    # what the small tile needed may be held by the allocator still, and is used again
    per_px = (peak - before) / (large**2 - small**2)
    base = max(0, before - int(per_px * small**2))
    return SessionCost(base, max(least, per_px))
