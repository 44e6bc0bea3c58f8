"""Predict one slide in this process, in memory that does not depend on the slide's size."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_export import Session
from tqdm import tqdm

from hrpn_tf.config import PredictionConfig
from hrpn_tf.files import refuse_existing
from hrpn_tf.memory import forget_peak, free_on_host, peak_bytes, resident_bytes
from hrpn_tf.prediction.geometry import Block, Region, Tiling
from hrpn_tf.prediction.mask import PolygonMask
from hrpn_tf.prediction.slide_prediction import SlidePrediction
from hrpn_tf.prediction.tissue_map import TissueMap
from hrpn_tf.slides import Slide
from hrpn_tf.slides.planes import CACHE_BYTES


@dataclass(frozen=True)
class PredictionSummary:
    """What one slide took.

    Attributes:
        path: the written slide.
        pixels: pixels of the result.
        seconds: wall time from the first read to the finished file.
        session_seconds: the part of it spent in the network.
        tiling: the tiles that were used.
        seams: largest and mean error, grey levels, of a halo smaller than the receptive field.
        computed, blocks: how many blocks were computed now, and how many there are.
        peak_bytes: most memory that the process held; None if the system does not say.
    """

    path: Path
    pixels: int
    seconds: float
    session_seconds: float
    tiling: Tiling
    seams: Mapping[str, float] | None
    computed: int
    blocks: int
    peak_bytes: int | None


def predict_slide(
    session: Session,
    slide: Slide,
    channels: Sequence[int],
    out: Path,
    *,
    config: PredictionConfig,
    provenance: Mapping[str, Any],
    overwrite: bool = False,
    progress: bool = False,
    pixel_size_um: float | None = None,
    region: Region | None = None,
    mask: PolygonMask | None = None,
    find_tissue: Callable[[], TissueMap] | None = None,
    cache_bytes: int = CACHE_BYTES,
) -> PredictionSummary:
    """Predict a slide of any size and write the result.

    With a tile-exact network the result does not depend on the tiles: it equals what the network
    gives for the whole slide at once, extended by reflection on every side. Stopped at any moment
    and called again, it goes on, and the result has the same bytes as if it had not been stopped.

    Args:
        session, slide, channels, out, provenance, pixel_size_um, region, mask, find_tissue,
            cache_bytes: see ``SlidePrediction``.
        config: tiles, memory, type and format.
        overwrite: replace an existing result, and what was begun with other settings.
        progress: show a progress bar on standard error.

    Raises:
        OutputExistsError: ``out`` exists and ``overwrite`` is false.
        RunBusyError: another process is predicting the same result.
        HrpnError: others as the steps of ``SlidePrediction`` raise them.
    """
    prediction = SlidePrediction(
        session,
        slide,
        channels,
        Path(out),
        config,
        provenance,
        pixel_size_um,
        region,
        mask,
        find_tissue,
        cache_bytes,
    )
    area = prediction.area
    bar = tqdm(
        total=area.height * area.width,
        desc=prediction.out.name,
        unit="px",
        unit_scale=True,
        disable=not progress,
    )

    def advance(block: Block) -> None:
        bar.update(block.height * block.width)

    refuse_existing(prediction.out, overwrite)
    started = time.perf_counter()
    with bar, prediction.unfinished.held():
        begun = prediction.begin(memory_budget(config), restart=overwrite)
        forget_peak()  # that of loading a network may be higher
        left = set(begun.left)
        for index in range(len(begun.plan.tiling)):
            if index not in left:
                advance(begun.plan.tiling.block(index))
        in_session = prediction.compute(begun, begun.left, advance)
        prediction.finish(begun, overwrite)
    return PredictionSummary(
        path=prediction.out,
        pixels=area.height * area.width,
        seconds=time.perf_counter() - started,
        session_seconds=in_session,
        tiling=begun.plan.tiling,
        seams=begun.found["seams"],
        computed=len(begun.left),
        blocks=len(begun.plan.tiling),
        peak_bytes=peak_bytes(),
    )


def memory_budget(config: PredictionConfig, processes: int = 1) -> int | None:
    """Bytes that each of some processes may take: its share of what is allowed, or of half of what
    is free; None where nobody says how much that is."""
    if config.max_ram is not None:
        return int(config.max_ram) // processes
    free = min(free_on_host(), default=None)
    return None if free is None else free // 2 // processes + (resident_bytes() or 0)
