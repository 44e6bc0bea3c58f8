"""What the result of a job states of its origin, and how it is anchored."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from hrpn_tf.workflows.networks.auto import runtime_text
from hrpn_tf.workflows.predict.anchor import area_of, statement, tissue_blocks
from hrpn_tf.workflows.predict.job import SlideJob, region_of
from hrpn_tf.workflows.predict.normalisation import Normalisation

if TYPE_CHECKING:
    from hrpn_tf.prediction.anchor import AnchorTask
    from hrpn_tf.slides import Slide, SlideInfo


def anchor_statement(
    job: SlideJob, info: "SlideInfo", size: tuple[int, int]
) -> Mapping[str, object] | None:
    """What the result of a job states of its anchor; None without one.

    Args:
        job: checked job.
        info: its slide.
        size: (height, width) of the slide on the grid of the prediction, px.
    """
    if job.anchor is None:
        return None
    target = "" if job.target is None else info.channels[job.target]
    return statement(job.anchor, area_of(job.anchor, info, job.frame, size), target)


def anchor_task(
    job: SlideJob, info: "SlideInfo", slide: "Slide", size: tuple[int, int]
) -> "AnchorTask | None":
    """How the prediction of a job is anchored; None without an anchor.

    Args:
        job: checked job.
        info: its slide as stored.
        slide: the open slide on the grid of the prediction, not normalised.
        size: height and width of ``slide``, px.
    """
    from hrpn_tf.prediction.anchor import AnchorTask

    if job.anchor is None:
        return None
    config, area = job.config, area_of(job.anchor, info, job.frame, size)
    look = partial(
        tissue_blocks,
        slide,
        job.channels,
        config.data.tissue,
        job.frame.pixel_size_um,
        config.prediction.io_timeout,
    )
    return AnchorTask(
        job.anchor.mean,
        find_tissue=look if area is None else None,
        area=area,
        target=job.target,
        others=job.others,
        hold=job.hold,
    )


def origin_of(
    job: SlideJob,
    info: "SlideInfo",
    size: tuple[int, int],
    normalisation: Normalisation | None,
) -> Mapping[str, object]:
    """The provenance of the prediction of a job; reads all files of the slide.

    Args:
        job: checked job.
        info: its slide as stored.
        size: (height, width) of the slide on the grid of the prediction, px.
        normalisation: of its inputs; None if they are taken as stored.
    """
    from hrpn_tf.files import sha256
    from hrpn_tf.prediction import prediction_provenance
    from hrpn_tf.prediction.anchor import STATED

    stated = anchor_statement(job, info, size)
    origin = prediction_provenance(
        slide=job.slide,
        files=info.files,
        model={**job.network.origin(), "runtime": runtime_text(job.network)},
        config=job.config,
        channels=job.channel_names,
        level=job.frame.level,
        region=region_of(job),
        mask=None if job.mask is None else {"file": job.mask.name, "sha256": sha256(job.mask)},
        seconds=job.config.prediction.io_timeout,
        depth=info.depth,
    )
    if normalisation is not None:
        origin |= normalisation.to_json()
    return origin if stated is None else {**origin, STATED: stated}
