"""What is to be predicted, and what a runtime would take for it: time and memory."""

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING

from hrpn_tf.config import PredictionConfig
from hrpn_tf.errors import MemoryBudgetError
from hrpn_tf.workflows.networks.remembered import Measured

if TYPE_CHECKING:
    from hrpn_export import Contract

# Larger slides are planned as one of this side, px: their tiles are the same.
_LARGEST = 8192
# Of a slide whose type is not looked at: intensities of 16 bits, results in float32, and the
# least cache of decoded strips.
_INPUT_BYTES, _OUTPUT_BYTES, _CACHE_BYTES = 2, 4, 16 * 2**20


@dataclass(frozen=True)
class Needs:
    """What a runtime would take.

    Attributes:
        seconds: from the start of a process to the end of the prediction, s.
        bytes: peak memory of the process.
    """

    seconds: float
    bytes: int


@dataclass(frozen=True)
class Work:
    """What is to be predicted, as far as it tells which runtime to take.

    Attributes:
        pixels: of all slides.
        largest: pixels of the largest slide.
        config: tile, halo.
        budget: memory limit of a process, bytes; None for no limit.
        held: memory that a process holds without a network, bytes.
    """

    pixels: int
    largest: int
    config: PredictionConfig
    budget: int | None = None
    held: int = 0

    def needs(self, measured: Measured, contract: "Contract") -> Needs | None:
        """What a runtime would take with the tiles that fit; None if not even the smallest fit.

        The fewer bytes it needs per pixel, the larger are its tiles, and the fewer pixels of halos
        it computes.

        Args:
            measured: of the runtime.
            contract: of the network.
        """
        from hrpn_tf.prediction.planning import SessionCost, SourceCost, plan_prediction
        from hrpn_tf.prediction.shapes import cost_px
        from hrpn_tf.prediction.tiling import Region

        side = max(1, min(isqrt(self.largest), _LARGEST))
        outputs = len(contract.outputs)
        try:
            plan = plan_prediction(
                Region(0, 0, side, side),
                stride_multiple=contract.stride_multiple,
                receptive_field=contract.receptive_field if contract.tile_exact else None,
                session=SessionCost(self.held + measured.loaded_bytes, measured.bytes_per_px),
                source=SourceCost(
                    _INPUT_BYTES * len(contract.inputs),
                    _OUTPUT_BYTES * outputs,
                    outputs,
                    segment_bytes=0,
                    cache_bytes=_CACHE_BYTES,
                ),
                budget=self.budget,
                tile=self.config.tile,
                halo=self.config.halo,
            )
        except MemoryBudgetError:
            return None
        computed = self.pixels * cost_px(plan.tiling, call_px=0) / side**2
        return Needs(measured.start + measured.per_mpx * computed / 1e6, plan.bytes)
