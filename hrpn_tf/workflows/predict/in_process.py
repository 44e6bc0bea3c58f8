"""Predict slides one after another in this process."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_export.errors import BundleError

from hrpn_tf.errors import HrpnError
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.one_slide import predict_slide
from hrpn_tf.workflows.predict.options import Execution
from hrpn_tf.workflows.predict.out_of_distribution import warn
from hrpn_tf.workflows.predict.summary import describe, warn_of_lost_values

if TYPE_CHECKING:
    from hrpn_tf.workflows.networks.auto import Choice

Failure = tuple[Path, Exception]


def predict_here(
    jobs: Sequence[SlideJob],
    execution: Execution,
    stop_at_first: bool,
    choice: "Choice | None" = None,
) -> list[Failure]:
    """Predict slides; see ``predict_run``.

    Args:
        jobs: checked jobs.
        execution: handling of existing results, and reports.
        stop_at_first: raise the first error instead of continuing with the other slides.
        choice: of the network, which is measured again where a prediction shows it to be wrong.

    Returns:
        The failed slides with their errors.
    """
    failures: list[Failure] = []
    for job in jobs:
        try:
            summary = predict_slide(
                job,
                overwrite=execution.overwrite,
                bytes_per_px=None if choice is None else choice.bytes_per_px(job.network),
                progress=execution.progress,
                # one that was held before has been warned of
                on_begun=(lambda begun: None) if job.others else partial(warn, job.slide.name),
            )
            if choice is not None:
                choice.compare(job.network, summary)
            if not job.hold:
                execution.on_done(describe(summary))
                warn_of_lost_values(summary, job.config.prediction.dtype)
        except (HrpnError, BundleError, OSError) as error:
            if stop_at_first:
                raise
            failures.append((job.slide, error))
    return failures
