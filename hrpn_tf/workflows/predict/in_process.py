"""Predict slides one after another in this process."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from hrpn_export.errors import BundleError

from hrpn_tf.errors import HrpnError
from hrpn_tf.workflows.predict.jobs import SlideJob
from hrpn_tf.workflows.predict.one_slide import predict_slide
from hrpn_tf.workflows.predict.out_of_distribution import warn
from hrpn_tf.workflows.predict.summary import describe

Failure = tuple[Path, Exception]


def predict_here(
    jobs: Sequence[SlideJob],
    overwrite: bool,
    progress: bool,
    on_done: Callable[[str], object],
    stop_at_first: bool,
) -> list[Failure]:
    """Predict slides; see ``predict_run``.

    Args:
        jobs: checked.
        overwrite, progress, on_done: see ``predict_run``.
        stop_at_first: raise the first error rather than go on with the other slides.

    Returns:
        The slides that failed, and why.
    """
    failures: list[Failure] = []
    for job in jobs:
        try:
            summary = predict_slide(
                job,
                overwrite=overwrite,
                progress=progress,
                on_begun=partial(warn, job.slide.name),
            )
            on_done(describe(summary))
        except (HrpnError, BundleError, OSError) as error:
            if stop_at_first:
                raise
            failures.append((job.slide, error))
    return failures
