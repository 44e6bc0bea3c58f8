"""Look at a slide before it is predicted: its tissue, and how like the training slides it is."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from hrpn_tf.workflows.predict.job import SlideJob, size_of
from hrpn_tf.workflows.predict.normalisation import Normalisation

if TYPE_CHECKING:
    import numpy as np
    from hrpn_export import Session

    from hrpn_tf.prediction import TissueMap
    from hrpn_tf.slides import Slide


def tissue_map(
    slide: "Slide",
    job: SlideJob,
    size: tuple[int, int],
    looked: "list[np.ndarray]",
    normalisation: Normalisation | None,
) -> "TissueMap":
    """Tissue map by the rule that selected training patches.

    Where Otsu's method would split tissue, all is tissue: in a field of view within tissue, and in
    a slide that is too small to tell that it is not one.

    Args:
        slide, job: see ``opened``.
        size: (height, width) of the slide on the grid of the prediction, px.
        looked: receives the mean intensities that the map is made from, (h, w, inputs).
        normalisation: of the slide; its background is given as the network sees it.
    """
    from hrpn_tf.config import TissueConfig
    from hrpn_tf.data.tissue import (
        block_side,
        channel_mean,
        is_small,
        is_tissue,
        lies_within_tissue,
    )
    from hrpn_tf.prediction import find_tissue
    from hrpn_tf.prediction.reading import TimedReads

    rule = job.config.data.tissue
    block = block_side(rule.scale_um, job.frame.pixel_size_um)

    def classify(means: "np.ndarray", side: float) -> "np.ndarray":
        looked.append(means)
        grey = channel_mean(means)
        blocks = side / block
        if rule.method == "otsu" and (is_small(grey, blocks) or lies_within_tissue(grey, blocks)):
            return is_tissue(grey, TissueConfig(method="all"))
        return is_tissue(grey, rule, blocks)

    slow = TimedReads(slide, job.config.prediction.io_timeout)
    found = find_tissue(slow, job.channels, size, classify, block)
    if normalisation is None:
        return found
    lines = normalisation.lines()
    pairs = zip(found.background, (lines[i] for i in job.channels), strict=True)
    return replace(found, background=tuple(g * level + o for level, (g, o) in pairs))


def assess_slide(
    job: SlideJob,
    session: "Session",
    slide: "Slide",
    look: "Callable[[], TissueMap]",
    looked: "list[np.ndarray]",
    tissue: "TissueMap | None",
) -> Mapping[str, object]:
    """Compare the slide with the training slides.

    Args:
        job, session: see ``opened``.
        slide: the slide on the grid of the prediction.
        look: makes the tissue map.
        looked: mean intensities that the tissue map was made from.
        tissue: the tissue map, if it is made already.
    """
    from hrpn_tf.prediction import Region
    from hrpn_tf.prediction.reading import TimedReads
    from hrpn_tf.workflows.predict.out_of_distribution import (
        AROUND,
        KEY,
        around,
        assess,
        coarse_tissue,
    )

    assert job.profile is not None
    coarse = None
    if job.config.data.tissue.method != "all":
        tissue = tissue or look()
        coarse = coarse_tissue(
            looked.pop(), tissue.scale, job.frame.pixel_size_um, job.config.data.tissue
        )
    timed = TimedReads(slide, job.config.prediction.io_timeout)
    size = size_of(slide.info)
    area = Region(0, 0, *size)
    if job.region is not None:
        area = around(job.region, AROUND * job.profile.window_px, size)
    found = assess(job.profile, session, timed, job.channels, area, coarse, not job.frame.is_own)
    if job.reference_levels is not None and job.profile.has_limits:
        # normalisation evens out any factor of brightness
        found[KEY] = {k: v for k, v in found[KEY].items() if k not in ("unnoticed", "caution")}
    return found
