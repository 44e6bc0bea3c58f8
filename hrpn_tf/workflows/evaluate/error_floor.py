"""``hrpn-tf evaluate --error-floor``: bounds of the irreducible error of the evaluated slides."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np

from hrpn_tf.config import Config
from hrpn_tf.errors import StoreError, UsageError
from hrpn_tf.evaluation.baselines.baselines import MODEL, WITHOUT_ANCHOR
from hrpn_tf.evaluation.error_floor.estimate import FEWEST, ErrorFloor, Sample, estimate_floor
from hrpn_tf.evaluation.error_floor.noise import noise_variance
from hrpn_tf.evaluation.error_floor.surroundings import Scale, scale_of, surroundings
from hrpn_tf.evaluation.evaluation import POOLED, Evaluation
from hrpn_tf.evaluation.measured import MeasuredSlide
from hrpn_tf.evaluation.planes import draw_pixels, spread_windows
from hrpn_tf.progress import tracked
from hrpn_tf.runs import Run
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides import open_slide
from hrpn_tf.workflows.evaluate.measured_slides import measured_slide

PIXELS, WINDOW, WINDOWS = 4000, 512, 16  # of a slide: pixels, side of a window, windows


def floor_slides(
    everything: Sequence[RunSlide], evaluated: Sequence[RunSlide], run: Run
) -> list[RunSlide]:
    """Those evaluated, and then the others that the regression may learn from.

    Raises:
        UsageError: they are of one animal.
    """
    others = list(everything)
    with suppress(StoreError):  # where the patch dataset is gone, the list is what there is
        others += run.slides() if run.has_slides else []
    own = {slide.path.resolve() for slide in evaluated}
    found = {slide.path.resolve(): slide for slide in others if slide.path.exists()}
    slides = [*evaluated, *(slide for path, slide in found.items() if path not in own)]
    if len(groups := {slide.group for slide in slides}) < FEWEST:
        raise UsageError(
            f"--error-floor: takes measured slides of {FEWEST} animals, and there is "
            f"{len(groups)}; name more in a slide list"
        )
    return slides


def measure_floor(
    slides: Sequence[RunSlide],
    evaluated: Mapping[str, Path],
    config: Config,
    evaluation: Evaluation,
    progress: bool,
) -> ErrorFloor:
    """Bounds of the irreducible error of the evaluated slides.

    Args:
        slides: see :func:`floor_slides`; those evaluated come first.
        evaluated: predictions of the evaluated slides by name.
        config: of the run.
        evaluation: of the network.
        progress: report the progress.
    """
    with ExitStack() as stack:
        opened, asked = [], slides[: len(evaluated)]
        for number, slide in enumerate(slides):
            info = None
            if number < len(asked):
                info = stack.enter_context(open_slide(evaluated[slide.name])).info
            opened.append(stack.enter_context(measured_slide(slide, config, info))[0])
        scales = [scale_of([each.inputs[role] for each in opened]) for role in config.data.inputs]
        bar = tracked(opened, "error floor", len(opened), "slide", shown=progress)
        samples = [sample_pixels(each, scales, n < len(asked), n) for n, each in enumerate(bar)]
        targets = [each.target for each in opened[: len(asked)]]
        noise = [noise_variance(target) for target in targets]
        sizes = [target.height * target.width for target in targets]
    unseen = all(slide.subset != "train" for slide in asked)  # else its error bounds nothing
    network, variance = _pooled(evaluation)
    return estimate_floor(
        samples,
        float(np.average(noise, weights=sizes)),
        network if unseen else None,
        variance,
    )


def sample_pixels(
    slide: MeasuredSlide, scales: Sequence[Scale], evaluated: bool, seed: int
) -> Sample:
    """Pixels of a slide, drawn at random from windows spread over it."""
    windows = spread_windows(slide.target, WINDOW, WINDOWS)
    random, tables, target = np.random.default_rng(seed), [], []
    inputs = list(slide.inputs.values())
    for window, chosen in draw_pixels(windows, PIXELS, random):
        table = surroundings(inputs, scales, slide.pixel_size_um, window)
        tables.append(table.reshape(-1, table.shape[-1])[chosen])
        target.append(window.read(slide.target).ravel()[chosen].astype(np.float64))
    grey = np.concatenate(target)
    weight = slide.target.height * slide.target.width / len(grey)
    return Sample(slide.group, np.concatenate(tables), grey, evaluated, weight)


def _pooled(evaluation: Evaluation) -> tuple[float | None, float | None]:
    """Error of the network and variance of the target over all pixels of all slides.

    An anchor is read off the measured target, so the error of an anchored prediction bounds
    nothing: that of the network before it does.
    """
    known = evaluation.slides[0].predictors
    network = WITHOUT_ANCHOR if WITHOUT_ANCHOR in known else MODEL
    for row in evaluation.rows():
        place = row.slide, row.predictor, row.view, row.region
        if place == (POOLED, network, "float", "whole"):
            spread = row.metrics.true.get("sd")
            return row.metrics.values["mse"], None if spread is None else spread**2
    return None, None
