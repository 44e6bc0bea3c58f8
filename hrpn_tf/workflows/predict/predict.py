"""Predict slides with the best network of a run."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from hrpn_tf.config import Config
from hrpn_tf.errors import HrpnError, OutputExistsError, SomeSlidesFailedError, UsageError
from hrpn_tf.progress import tracked
from hrpn_tf.runs import Run, open_run
from hrpn_tf.workflows.networks.network import Network
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.predict.jobs import PredictionOptions, SlideJob, check, with_tile
from hrpn_tf.workflows.predict.out_of_distribution import find_profile
from hrpn_tf.workflows.predict.requests import Request, made_by, requests

logger = logging.getLogger(__name__)

Failure = tuple[Path, Exception]
# Slides are looked at by so many threads at once: most of the time goes into waiting for a drive.
_CHECKING_THREADS = 8
# So many reasons of failure are still readable in one line.
_REASONS = 5


def predict_run(
    network: Network | Run | Path,
    *,
    slides: Sequence[Path] = (),
    groups: Sequence[str] = (),
    out: Path | None = None,
    channels: Mapping[str, str | int] | None = None,
    overrides: Sequence[str] = (),
    choice: PredictionOptions | None = None,
    overwrite: bool = False,
    skip_existing: bool = False,
    workers: int | None = 0,
    scheduler: str | None = None,
    progress: bool = True,
    on_done: Callable[[str], object] = logger.info,
) -> list[Path]:
    """Predict slides by tiles; everything that can be refused is refused before the first.

    Of several slides, those that cannot be predicted do not keep the others from it.

    Args:
        network: of a run or a bundle; or a run, open or its folder.
        slides: slides, and slide lists (CSV, YAML), of which the groups that the run neither
            trained nor picked its checkpoint with are predicted; empty for the run's test slides.
        groups: of a slide list: only these.
        out: folder of the results, or one file ``*.tif`` or folder ``*.zarr`` for one slide;
            ``RUN/predictions`` if None; a bundle needs one.
        channels: role of an input: name or index of its channel in the file, where that is not
            as in the run's configuration.
        overrides: of the run's configuration, ``prediction.key=value``.
        choice: region, mask, level, pixel size.
        overwrite: replace existing predictions, and what was begun with other settings.
        skip_existing: leave out slides that this very network has predicted already; of several
            slides they are left out in any case.
        workers: processes of a Dask cluster on this machine; 0 for none, in this process; None for
            as many as fit, unless there is one slide.
        scheduler: address of a running Dask cluster instead, ``tcp://...``.
        progress: report the progress; see ``hrpn_tf.progress``.
        on_done: called with one line per finished slide; logs it by default.

    Returns:
        The predicted slides, those that were left out among them.

    Raises:
        RunError: no run there, or no network in it yet.
        UsageError: there is nothing to predict, or two results would get one name.
        SomeSlidesFailedError: some of several slides failed; says which, and why.
        OutputExistsError: a prediction exists, and ``overwrite`` is false.
        HrpnError: others: the only slide cannot be predicted.
    """
    if isinstance(network, Run | Path):
        network = RunNetwork(open_run(network))
    config = _config(network, overrides)
    asked = requests(slides, network, config, out, groups, channels or {})
    contract = network.contract()
    several = len(asked) > 1
    tile_is_asked_for = any(text.startswith("prediction.tile=") for text in overrides)
    config = with_tile(config, contract, network, tile_is_asked_for)
    own = network.origin() if (skip_existing or several) and not overwrite else None

    def look(request: Request) -> SlideJob | None:
        if own is not None and _is_done(request, own, network):
            return None
        return check(request, network, contract, config, choice or PredictionOptions(), overwrite)

    looked = _look_at_all(asked, look, progress) if several else [look(asked[0])]
    jobs = [found for found in looked if isinstance(found, SlideJob)]
    profile, no_profile = find_profile(network, contract) if jobs else (None, None)
    jobs = [replace(job, profile=profile) for job in jobs]
    failures: list[Failure] = [
        (request.slide, found)
        for request, found in zip(asked, looked, strict=True)
        if isinstance(found, Exception)
    ]
    if several and not jobs and failures:
        raise failures[0][1]
    if several and None in looked:
        logger.warning(f"{looked.count(None)} of {len(asked)} slides are predicted already")
    _warn_of_resampling(jobs)
    if caution := network.caution():
        logger.warning(caution)
    if scheduler is None and (workers == 0 or (workers is None and len(jobs) <= 1)):
        from hrpn_tf.workflows.predict.in_process import predict_here

        failures += predict_here(jobs, overwrite, progress, on_done, stop_at_first=not several)
    elif jobs:
        from hrpn_tf.workflows.predict.cluster.scheduling import predict_on_cluster

        failures += predict_on_cluster(jobs, workers, scheduler, overwrite, progress, on_done)
    if no_profile and len(failures) < len(asked):
        logger.warning(no_profile)
    if failures and not several:
        raise failures[0][1]
    if failures:
        raise SomeSlidesFailedError(_report(failures, len(asked)))
    return [request.out for request in asked]


def _config(network: Network, overrides: Sequence[str]) -> Config:
    for override in overrides:
        if not override.startswith("prediction."):
            raise UsageError(
                f"--set {override}: only prediction.* can be changed after the training"
            )
    return network.config(overrides)


def _is_done(request: Request, own: Mapping[str, str], network: Network) -> bool:
    """Whether this very network has predicted a slide already."""
    if made_by(request.out, own):
        return True
    if request.out.exists():
        raise OutputExistsError(
            f"{request.out}: not by the network of {network.folder} as it is now; replace it "
            f"with: {network.command} --overwrite"
        )
    return False


def _look_at_all(
    asked: Sequence[Request], look: Callable[[Request], SlideJob | None], progress: bool
) -> list[SlideJob | Exception | None]:
    """What is found of each slide: how it can be predicted, None if it is, or why it cannot be."""

    def one(request: Request) -> SlideJob | Exception | None:
        try:
            return look(request)
        except (HrpnError, OSError) as error:
            return error

    with ThreadPoolExecutor(_CHECKING_THREADS) as pool:
        found = pool.map(one, asked)
        # no bar if it is quick
        options = {"shown": progress, "delay": 2.0, "leave": False}
        return list(tracked(found, "checking slides", len(asked), "slide", **options))


def _warn_of_resampling(jobs: Sequence[SlideJob]) -> None:
    others = [job for job in jobs if not job.frame.is_own]
    if not others:
        return
    first = others[0]
    more = f", and {len(others) - 1} more slides alike" if len(others) > 1 else ""
    how = "as it is" if first.frame.ratio == 1 else f"resampled by {1 / first.frame.ratio:.3g}"
    logger.warning(
        f"{first.slide.name}: level {first.frame.level} is read {how}, to "
        f"{first.frame.pixel_size_um:g} um/px, which the network expects{more}"
    )


def _report(failures: Sequence[Failure], slides: int) -> str:
    """One line; the reasons of more than a few slides are said before it, a line for each."""
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
