"""Some windows of a slide, as its network would see them, without predicting it."""

from typing import TYPE_CHECKING

from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.network_view import seen_slide
from hrpn_tf.workflows.predict.out_of_distribution import (
    coarse_tissue,
    read_windows,
    window_corners,
)
from hrpn_tf.workflows.predict.slide_assessment import tissue_map

if TYPE_CHECKING:
    import numpy as np


def sample_windows(job: SlideJob, side: int) -> "list[np.ndarray]":
    """The windows of a slide by which it is compared with training slides.

    Args:
        job: planned job; see ``plan_slides``.
        side: of a window, px on the grid of the prediction.

    Returns:
        Evenly spread windows full of tissue, each (h, w, inputs) grey levels, normalised where the
        network takes normalised inputs; h and w are ``side`` except in a smaller slide.

    Raises:
        HrpnError: the slide cannot be read, or has no tissue to normalise by.
    """
    from hrpn_tf.prediction import Region
    from hrpn_tf.prediction.reading import TimedReads

    timeout, tissue = job.config.prediction.io_timeout, job.config.data.tissue
    with seen_slide(job) as slide:
        coarse = None
        if tissue.method != "all":
            means: list[np.ndarray] = []
            fine = tissue_map(slide.original, job, slide.size, means, slide.normalisation)
            coarse = coarse_tissue(means.pop(), fine.scale, job.frame.pixel_size_um, tissue)
        area = Region(0, 0, *slide.size)
        corners = window_corners(area, side, coarse)
        return list(
            read_windows(TimedReads(slide.seen, timeout), corners, side, area, job.channels)
        )
