"""Predict single slides in this process: plan them, then predict each with a session."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.config import Config
from hrpn_tf.workflows.networks.network import Network, load_network
from hrpn_tf.workflows.networks.twin import TwinSession
from hrpn_tf.workflows.predict.calibrated_range import warn, watch_of
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.jobs import check, opened, with_tile
from hrpn_tf.workflows.predict.options import PredictionOptions
from hrpn_tf.workflows.predict.requests import Request

if TYPE_CHECKING:
    from hrpn_export import Session

    from hrpn_tf.prediction import PredictionSummary, SlidePrediction, StartedPrediction

# Settings for intermediate predictions: unrounded values of the network alone, in chunks.
EXACT: Mapping[str, Any] = {"dtype": "float32", "format": "ome-zarr-0.5", "symmetries": False}


def plan_slides(
    network: Network,
    requests: Sequence[Request],
    *,
    config: Config | None = None,
    options: PredictionOptions | None = None,
    settings: Mapping[str, Any] | None = None,
) -> list[SlideJob]:
    """Plan and check slides as ``hrpn-tf predict`` does.

    Args:
        network: network of a run or a bundle.
        requests: slides with the paths of their results; existing results may be replaced.
        config: configuration of the training; None for that of the network.
        options: region, mask, level, pixel size.
        settings: values of the section ``prediction`` of the configuration, such as
            :data:`EXACT`.

    Raises:
        HrpnError: a slide cannot be predicted.
    """
    contract = network.contract()
    config = config or network.config(())
    prediction = config.prediction.model_copy(update=dict(settings or {}))
    config = config.model_copy(update={"prediction": prediction})
    config = with_tile(config, contract, network, asked_for=False)
    options = options or PredictionOptions()
    return [check(each, network, contract, config, options, overwrite=True) for each in requests]


def predict_slide(
    job: SlideJob,
    session: "Session | None" = None,
    *,
    out: Path | None = None,
    overwrite: bool = True,
    processes: int = 1,
    bytes_per_px: float | None = None,
    progress: bool = False,
    change: "Callable[[SlidePrediction], SlidePrediction]" = lambda prediction: prediction,
    on_begun: "Callable[[StartedPrediction], object]" = lambda begun: None,
) -> "PredictionSummary":
    """Predict one slide and write the result.

    Args:
        job: planned job; see :func:`plan_slides`.
        session: session to use; None for the network of the job.
        out: path of the result; None for that of the job.
        overwrite: replace an existing result, and an unfinished one with other settings.
        processes: number of processes that share the memory of this machine.
        bytes_per_px: memory per pixel that was measured of the network of the job; None to measure
            it, as is done where the memory is limited.
        progress: report the progress; see ``hrpn_tf.progress``.
        change: modifies the planned prediction, e.g. to ablate the slide.
        on_begun: called with the started prediction before the first tile is computed.

    Raises:
        HrpnError: the slide cannot be predicted; see ``run_prediction``.
    """
    from hrpn_tf.prediction import memory_budget, run_prediction
    from hrpn_tf.prediction.probe import expect, is_expected

    if out is not None:
        job = replace(job, out=out.absolute())
    budget = memory_budget(job.config.prediction, processes)
    # a session of the caller's need not be that of the network
    watch = watch_of(job.network, list(job.channel_names)) if session is None else None
    if session is None:
        session = load_network(job.network)
        if bytes_per_px is not None and job.config.prediction.max_ram is None:
            expect(session, bytes_per_px)
    # what gives the features by which the slide is compared with the training slides
    twin = session if job.profile is not None and isinstance(session, TwinSession) else None
    if twin is not None and not is_expected(session):
        twin.open_features().join()  # so that they count where the memory is measured
    with opened(job, session, budget, watch) as prediction:
        if twin is not None and is_expected(session):
            twin.open_features()  # while the slide is read
        summary = run_prediction(
            change(prediction),
            budget=budget,
            overwrite=overwrite,
            progress=progress,
            on_begun=on_begun,
        )
    warn(job.slide.name, watch)
    return summary
