"""Predict slides of one animal, which one measured mean scales together.

The factor follows from all slides of the animal. So they are computed first, and stay unfinished;
then each is scaled and written. A slide whose result is there already gives its sums from its
metadata.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from hrpn_tf.errors import AnchorError
from hrpn_tf.workflows.predict.job import SlideJob

Failure = tuple[Path, Exception]
PredictsSlides = Callable[[Sequence[SlideJob]], list[Failure]]


def predict_animals(
    jobs: Sequence[SlideJob],
    done: Collection[Path],
    predict: PredictsSlides,
) -> list[Failure]:
    """Predict slides, those of one animal together.

    Args:
        jobs: checked jobs.
        done: results that are there already, and are what their jobs would make.
        predict: predicts slides and returns the failed ones with their errors; see ``predict_run``.

    Returns:
        The failed slides with their errors.
    """
    shared = [job for job in jobs if _is_shared(job)]
    failures = predict([replace(job, hold=True) if _is_shared(job) else job for job in jobs])
    failed = {slide for slide, _ in failures}
    held = [job for job in shared if job.slide not in failed]
    ready: list[SlideJob] = []
    for job in held:
        try:
            ready.append(_with_others(job, {each.out for each in held}, done))
        except AnchorError as error:
            failures.append((job.slide, error))
    return failures + (predict(ready) if ready else [])


def _is_shared(job: SlideJob) -> bool:
    return job.anchor is not None and job.anchor.is_shared


def _with_others(job: SlideJob, held: set[Path], done: Collection[Path]) -> SlideJob:
    """The job with the sums of the other slides of its animal.

    Args:
        job: one that is computed and unfinished.
        held: results that are computed and unfinished.
        done: see :func:`predict_animals`.

    Raises:
        AnchorError: another slide of the animal is not predicted.
    """
    from hrpn_tf.prediction.anchor import sums_of
    from hrpn_tf.prediction.unfinished import Unfinished
    from hrpn_tf.slides import read_provenance

    assert job.anchor is not None
    others = []
    for out in job.anchor.outs:
        if out == job.out:
            continue
        sums = None
        if out in held:
            sums = Unfinished(out).sums()
        elif out in done:
            sums = sums_of(read_provenance(out))
        if sums is None:
            raise AnchorError(
                f"{job.slide.name}: waits for {out.name} of the same animal, which is not "
                "predicted; what is computed is kept"
            )
        others.append(sums)
    return replace(job, others=tuple(others))
