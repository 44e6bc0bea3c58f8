"""Predict one slide in this process, with memory independent of the slide's size."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hrpn_export import Session
from hrpn_export.cgroup import memory_available

from hrpn_tf.config import PredictionConfig
from hrpn_tf.files import refuse_existing
from hrpn_tf.memory import peak_bytes, resident_bytes
from hrpn_tf.prediction.slide_prediction import SlidePrediction
from hrpn_tf.prediction.started import StartedPrediction
from hrpn_tf.prediction.tiling import Tiling
from hrpn_tf.progress import Progress
from hrpn_tf.slides import Slide
from hrpn_tf.waiting import PLANNING, PREDICTION, WRITING, waiting


@dataclass(frozen=True)
class PredictionSummary:
    """Result and cost of predicting one slide.

    Attributes:
        path: the written slide.
        pixels: pixels of the result.
        seconds: wall time from the first read to the finished file.
        session_seconds: time spent in the network.
        tiling: the tiles.
        seams: largest and mean error, grey levels, of a halo smaller than the receptive field.
        computed, blocks: number of blocks computed in this call, and of all blocks.
        peak_bytes: peak memory of the process; None if unknown.
        assessed: see ``SlidePrediction.assess``.
        symmetries: whether it is the mean over the eight orientations of each tile.
        anchored: how the result was scaled; None without an anchor, or while the result waits for
            the other slides of its animal.
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
    assessed: Mapping[str, Any] = field(default_factory=dict)
    symmetries: bool = False
    anchored: Mapping[str, Any] | None = None


def run_prediction(
    prediction: SlidePrediction,
    *,
    budget: int | None,
    overwrite: bool,
    progress: bool,
    on_begun: Callable[[StartedPrediction], object] = lambda begun: None,
) -> PredictionSummary:
    """Predict a slide of any size in this process, and write the result.

    With a tile-exact network the result does not depend on the tiles: it equals what the network
    gives for the whole slide at once, extended by reflection on every side. An interrupted call
    resumes when repeated, and the result has the same bytes as without the interruption.

    Args:
        prediction: the prediction to run.
        budget: memory limit of this process, bytes; None for no limit.
        overwrite: replace an existing result, and an unfinished one with other settings.
        progress: report the progress; see ``hrpn_tf.progress``.
        on_begun: called with the started prediction before the first tile is computed.

    Raises:
        OutputExistsError: the result exists and ``overwrite`` is false.
        RunBusyError: another process is predicting the same result.
        HrpnError: as raised by the steps of ``SlidePrediction``.
    """
    pixels, started = prediction.area.height * prediction.area.width, time.perf_counter()
    if prediction.anchor is None or not prediction.anchor.others:
        prediction.unfinished.forget_finished()
    # else it is what was computed a moment ago, also if an equal result is to be replaced
    refuse_existing(prediction.out, overwrite)
    with prediction.unfinished.held():
        refuse_existing(prediction.out, overwrite)  # the process that held it may have finished it
        with waiting.part(PLANNING):
            begun = prediction.begin(budget, restart=overwrite)
        on_begun(begun)
        tiling = begun.plan.tiling
        there = pixels - sum(tiling.block(i).pixels for i in begun.left)
        bar = Progress(prediction.out.name, pixels, "px", initial=there, shown=progress)
        with waiting.part(PREDICTION), bar:
            in_session = prediction.compute(
                begun, begun.left, lambda block: bar.update(block.pixels)
            )
        with waiting.part(WRITING):
            anchored = None
            if prediction.anchor is not None and prediction.anchor.hold:
                prediction.measure(begun)
            else:
                anchored = prediction.finish(begun, overwrite)
    return PredictionSummary(
        path=prediction.out,
        pixels=pixels,
        seconds=time.perf_counter() - started,
        session_seconds=in_session,
        tiling=tiling,
        seams=begun.record.seams,
        computed=len(begun.left),
        blocks=len(tiling),
        peak_bytes=peak_bytes(),
        assessed=begun.record.assessed,
        symmetries=prediction.config.symmetries,
        anchored=anchored,
    )


def predict_slide(
    session: Session,
    slide: Slide,
    channels: Sequence[int],
    out: Path,
    *,
    config: PredictionConfig | None = None,
    provenance: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: bool = False,
    **options: Any,
) -> PredictionSummary:
    """Predict an open slide with a session, outside of any run; see :func:`run_prediction`.

    Args:
        session, slide, channels, out: see ``SlidePrediction``.
        config: tiles, memory, type and format; the defaults if None.
        provenance: origin of the prediction, as a JSON object.
        overwrite, progress: see :func:`run_prediction`.
        options: ``pixel_size_um``, ``region``, ``mask``, ``find_tissue``, ``cache_bytes``,
            ``anchor`` of ``SlidePrediction``.
    """
    settings, origin = config or PredictionConfig(), dict(provenance or {})
    prediction = SlidePrediction(
        session, slide, channels, Path(out), settings, lambda: origin, **options
    )
    return run_prediction(
        prediction, budget=memory_budget(settings), overwrite=overwrite, progress=progress
    )


def memory_budget(config: PredictionConfig, processes: int = 1) -> int | None:
    """Memory limit of each of several processes, bytes; None if the free memory is unknown.

    It is a share of ``max_ram``, or of half of the free memory.
    """
    if config.max_ram is not None:
        return int(config.max_ram) // processes
    free = memory_available()
    return None if free is None else free // 2 // processes + (resident_bytes() or 0)
