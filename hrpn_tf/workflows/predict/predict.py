"""Predict slides with the best network of a run."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hrpn_tf.config import Config
from hrpn_tf.errors import HrpnError, OutputExistsError, SomeSlidesFailedError, UsageError
from hrpn_tf.extras import install_line
from hrpn_tf.prediction.provenance_match import OTHER_NETWORK, warn_of_unknown_input
from hrpn_tf.progress import tracked
from hrpn_tf.runs import Run, open_run
from hrpn_tf.slides import read_provenance
from hrpn_tf.slides.finding import slides_of
from hrpn_tf.workflows.networks.auto import Candidates, Choice
from hrpn_tf.workflows.networks.choosing import run_candidates
from hrpn_tf.workflows.networks.network import Network
from hrpn_tf.workflows.predict.anchors import anchored
from hrpn_tf.workflows.predict.animals import Failure, PredictsSlides, predict_animals
from hrpn_tf.workflows.predict.existing_results import difference
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.jobs import check, with_tile
from hrpn_tf.workflows.predict.options import Execution, PredictionOptions
from hrpn_tf.workflows.predict.out_of_distribution import find_profile
from hrpn_tf.workflows.predict.requests import Request, requests
from hrpn_tf.workflows.predict.runtime_choice import settled
from hrpn_tf.workflows.predict.with_inputs import (
    combined_path,
    refuse_existing_combined,
    write_combined,
)

logger = logging.getLogger(__name__)

# Number of threads that check slides; most of the time is spent waiting for a drive.
_CHECKING_THREADS = 8
# Number of failure reasons that are still readable in one line.
_REASONS = 5


@dataclass(frozen=True)
class _Finished:
    """A slide that this network has predicted with these settings already."""

    job: SlideJob


def predict_run(
    network: Network | Candidates | Run | Path,
    slides: Sequence[Path] = (),
    *,
    out: Path | None = None,
    options: PredictionOptions | None = None,
    execution: Execution | None = None,
) -> list[Path]:
    """Predict slides by tiles; all inputs are checked before the first slide is predicted.

    If some of several slides cannot be predicted, the others are predicted nevertheless.

    Args:
        network: network of a run or a bundle, or several that predict the same, of which the
            fastest is used; or an open run or run folder.
        slides: slides, slide lists (CSV, YAML), folders of slides, and patterns; of a list, all
            groups but the training and validation groups are predicted; empty for the run's test
            slides.
        out: folder of the results, or for one slide a file ``*.tif`` or folder ``*.zarr``;
            ``RUN/predictions`` if None; required for a bundle.
        options: pixels to predict of every slide.
        execution: computation of the predictions.

    Returns:
        The predicted slides, including skipped ones.

    Raises:
        RunError: no run, or no network in it yet.
        UsageError: no slide to predict, or two results with the same name.
        SomeSlidesFailedError: some of several slides failed; names them with the reasons.
        OutputExistsError: a prediction exists, and ``execution.overwrite`` is false.
        HrpnError: the only slide cannot be predicted.

    Example:
        >>> predict_run(Path("demo/run"), [Path("slide.ome.tif")])  # doctest: +SKIP
        [PosixPath('demo/run/predictions/slide.ome.tif')]
    """
    if isinstance(network, Run | Path):
        network = run_candidates(open_run(network))
    candidates = network if isinstance(network, Candidates) else Candidates((network,))
    network = candidates.usual
    options, execution = options or PredictionOptions(), execution or Execution()
    config = _config(network, options)
    slides = slides_of(slides, execution.progress, config.data.z)
    asked = requests(slides, network, config, out, options)
    asked = anchored(asked, options.anchor, options.anchor_region)
    several = len(asked) > 1
    looked = _look_at_all(asked, candidates, config, options, execution)
    jobs = [found for found in looked if isinstance(found, SlideJob)]
    if options.with_inputs:
        refuse_existing_combined(jobs, execution.overwrite)
    failures: list[Failure] = [
        (request.slide, found)
        for request, found in zip(asked, looked, strict=True)
        if isinstance(found, Exception)
    ]
    done = [found.job for found in looked if isinstance(found, _Finished)]
    there = [job.out for job in done]
    if several and not jobs and failures and not (options.with_inputs and done):
        raise failures[0][1]
    if several and there:
        logger.warning(f"{len(there)} of {len(asked)} slides are predicted already")
        warn_of_unknown_input(there)
    elif there:
        execution.on_done(f"{there[0]}: predicted already")
    failures += _compute(jobs, there, candidates, execution, alone=not several)
    if options.with_inputs:
        failures += _combine([*jobs, *done], failures, execution)
    if failures and not several:
        raise failures[0][1]
    if failures:
        raise SomeSlidesFailedError(_report(failures, len(asked)))
    return [request.out for request in asked]


def _compute(
    jobs: Sequence[SlideJob],
    there: Sequence[Path],
    candidates: Candidates,
    execution: Execution,
    alone: bool,
) -> list[Failure]:
    """Predict slides, and warn about peculiarities; see :func:`predict_run`."""
    network = candidates.usual
    if caution := network.caution():
        logger.warning(caution)
    if not jobs:
        return []
    profile, no_profile = find_profile(network, network.contract())
    jobs = [replace(job, profile=profile) for job in jobs]
    _warn_of_resampling(jobs)
    jobs, choice = settled(jobs, candidates, execution)
    with _computing(jobs, execution, alone, choice) as predict:
        failures = predict_animals(jobs, {path.absolute() for path in there}, predict)
    if no_profile and len(failures) < len(jobs):
        logger.warning(no_profile)
    return failures


def _computing(
    jobs: Sequence[SlideJob], execution: Execution, alone: bool, choice: Choice | None
) -> AbstractContextManager[PredictsSlides]:
    """What predicts slides, here or on a cluster, which is open for the duration of the context."""
    if execution.in_this_process(len(jobs)):
        from hrpn_tf.workflows.predict.in_process import predict_here

        if execution.workers is None and len(jobs) > 1:
            logger.info(f"one slide after another; for several at once: {install_line('cluster')}")
        return nullcontext(
            partial(predict_here, execution=execution, stop_at_first=alone, choice=choice)
        )
    from hrpn_tf.workflows.predict.cluster.scheduling import on_cluster

    return on_cluster(jobs, execution)


def _combine(
    jobs: Sequence[SlideJob], failures: Sequence[Failure], execution: Execution
) -> list[Failure]:
    """Write the predicted slides with their inputs; see :func:`predict_run`."""
    failed = {slide.absolute() for slide, _ in failures}
    left = [job for job in jobs if job.slide not in failed and job.out.exists()]
    shown = {"shown": execution.progress, "delay": 2.0, "leave": False}
    written = write_combined(left, execution.overwrite)
    every = list(tracked(written, "with inputs", len(left), "slide", **shown))
    for job, error in every:
        if error is None:
            execution.on_done(f"{combined_path(job.out)}: {job.out.name} with its inputs")
    return [(job.slide, error) for job, error in every if error is not None]


def _config(network: Network, options: PredictionOptions) -> Config:
    for override in options.overrides:
        if not override.startswith("prediction."):
            raise UsageError(
                f"--set {override}: only prediction.* can be changed after the training"
            )
    config = network.config(options.overrides)
    data = config.data
    if options.z is None or options.z == data.z:
        return config
    if data.z is not None:
        logger.warning(
            f"--z {options.z}: the network of {network.folder} was trained with data.z={data.z}; "
            "other focus and brightness than it has seen may mislead it"
        )
    return config.model_copy(update={"data": data.model_copy(update={"z": options.z})})


def _refuse_other(
    request: Request, job: SlideJob, own: Mapping[str, str], network: Network
) -> None:
    """Refuse an existing result unless it is what the job would make.

    Raises:
        OutputExistsError: says what it is instead.
    """
    found = difference(job, request.out, own, network.contract())
    if found is None:
        return
    if found == OTHER_NETWORK:
        found = f"not by the network of {network.folder} as it is now"
    raise OutputExistsError(
        f"{request.out}: {found}; give --overwrite to replace it, or name another folder with --out"
    )


def _look_at_all(
    asked: Sequence[Request],
    candidates: Candidates,
    config: Config,
    options: PredictionOptions,
    execution: Execution,
) -> list["SlideJob | Exception | _Finished"]:
    """For each slide its job, also if it is predicted already, or the error that prevents it.

    The error of a single slide is raised instead.
    """
    network, several = candidates.usual, len(asked) > 1
    contract = network.contract()
    tile_is_given = any(text.startswith("prediction.tile=") for text in options.overrides)
    config = with_tile(config, contract, network, tile_is_given)
    skips = execution.skip_existing or several or options.with_inputs
    skips = skips and not execution.overwrite

    def look(request: Request) -> SlideJob | _Finished:
        there = skips and request.out.exists()
        job = check(request, network, contract, config, options, there or execution.overwrite)
        if not there:
            return job
        stated = read_provenance(request.out).get("model")
        made = candidates.made(stated if isinstance(stated, Mapping) else None)
        _refuse_other(request, job, (made or network).origin(), network)
        return _Finished(job)

    def look_safely(request: Request) -> SlideJob | Exception | _Finished:
        try:
            return look(request)
        except (HrpnError, OSError) as error:
            return error

    if not several:
        return [look(asked[0])]
    with ThreadPoolExecutor(_CHECKING_THREADS) as pool:
        found = pool.map(look_safely, asked)
        # no bar for a quick check
        shown = {"shown": execution.progress, "delay": 2.0, "leave": False}
        return list(tracked(found, "checking slides", len(asked), "slide", **shown))


def _warn_of_resampling(jobs: Sequence[SlideJob]) -> None:
    others = [job for job in jobs if not job.frame.is_own]
    if not others:
        return
    first = others[0]
    more = f", and {len(others) - 1} more alike" if len(others) > 1 else ""
    frame = first.frame
    how = f"as it is, {frame.pixel_size_um:g} um/px, which the network takes"
    if frame.ratio != 1:
        how = (
            f"resampled by {1 / frame.ratio:.3g}, to {frame.pixel_size_um:g} um/px, which the "
            "network expects"
        )
    logger.warning(f"{first.slide.name}: level {frame.level} is read {how}{more}")


def _report(failures: Sequence[Failure], slides: int) -> str:
    """Summary of the failures in one line; more than a few reasons are logged before it."""
    reasons = [_reason(slide, error) for slide, error in failures]
    others = "; the others are done" if len(failures) < slides else ""
    text = f"{len(failures)} of {slides} slides failed{others} (to try them again, run the same "
    if len(reasons) <= _REASONS:
        return f"{text}command again): {'; '.join(reasons)}"
    for reason in reasons:
        logger.warning(reason)
    return f"{text}command again), each for the reason above"


def _reason(slide: Path, error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if slide.name in text else f"{slide.name}: {text}"
