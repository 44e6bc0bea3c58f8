"""Whether an existing result is what a job would make."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.files import sha256
from hrpn_tf.prediction.provenance_match import ExpectedInput, ExpectedSettings, mismatch
from hrpn_tf.workflows.predict.job import SlideJob, region_of
from hrpn_tf.workflows.predict.network_view import seen_slide
from hrpn_tf.workflows.predict.origin import anchor_statement

if TYPE_CHECKING:
    from hrpn_export import Contract

    from hrpn_tf.slides import SlideInfo


def difference(
    job: SlideJob, prediction: Path, own: Mapping[str, str], contract: "Contract"
) -> str | None:
    """What tells an existing prediction from that of a job, in words; None if it is the same.

    Args:
        job: checked job.
        prediction: the predicted slide.
        own: origin of the network; see ``Network``.
        contract: contract of the network.
    """
    with seen_slide(job) as slide:
        info = slide.original.info
        wanted = expected_input(job, info)
        anchor = anchor_statement(job, info, slide.size)
    settings = replace(_expected_settings(job, contract), anchor=anchor)
    return mismatch(prediction, wanted, own, settings)


def expected_input(job: SlideJob, info: "SlideInfo") -> ExpectedInput:
    """The slide of a job, as its prediction should state it."""
    seconds = job.config.prediction.io_timeout
    return ExpectedInput(
        job.slide, info.files, job.channel_names, seconds=seconds, depth=info.depth
    )


def _expected_settings(job: SlideJob, contract: "Contract") -> ExpectedSettings:
    config = job.config
    return ExpectedSettings(
        prediction=config.prediction.model_dump(mode="json"),
        tissue=config.data.tissue.model_dump(mode="json"),
        level=job.frame.level,
        pixel_size_um=job.frame.pixel_size_um,
        region=region_of(job),
        mask=None if job.mask is None else sha256(job.mask),
        tile_matters=contract.receptive_field is None or not contract.tile_exact,
    )
