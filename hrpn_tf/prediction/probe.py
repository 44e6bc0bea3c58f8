"""Measure what a network takes, since nobody can say it for every runtime."""

import numpy as np
from hrpn_export import Session

from hrpn_tf.memory import forget_peak, peak_bytes, resident_bytes
from hrpn_tf.prediction.geometry import round_up
from hrpn_tf.prediction.planning import SessionCost

# Sides of the two tiles that are run, px: the difference of their peaks is what pixels cost.
_SMALL, _LARGE = 256, 640
# Nothing that is measured may make pixels look cheaper than what goes in and out in float32.
_LEAST_COPIES = 3


def probe_session(session: Session) -> SessionCost:
    """Run two tiles of zeros, and see how much memory of this process each takes.

    The first run also makes whatever a runtime makes at first, such as a compiled graph.
    """
    contract = session.contract
    channels = len(contract.inputs)
    small, large = (round_up(side, contract.stride_multiple) for side in (_SMALL, _LARGE))
    least = 4.0 * _LEAST_COPIES * (channels + len(contract.outputs))
    session(np.zeros((1, small, small, channels), np.float32))
    before = resident_bytes()
    forget_peak()
    session(np.zeros((1, large, large, channels), np.float32))
    peak = peak_bytes()
    if before is None or peak is None:
        return SessionCost(0, least)
    # what the small tile needed may be held by the allocator still, and is used again
    per_px = (peak - before) / (large**2 - small**2)
    base = max(0, before - int(per_px * small**2))
    return SessionCost(base, max(least, per_px))
