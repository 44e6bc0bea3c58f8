"""Contribution of each input: predict again with the information of the input removed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hrpn_tf.config import Config
from hrpn_tf.errors import UsageError
from hrpn_tf.evaluation.spatial.ablated_slide import SEED, AblatedSlide
from hrpn_tf.runs import Run
from hrpn_tf.runs.slides import RunSlide, prediction_path
from hrpn_tf.slides import open_slide, read_provenance
from hrpn_tf.slides.checks import recorded_pixel_size
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.predict.existing_results import expected_input
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.one_slide import plan_slides, predict_slide
from hrpn_tf.workflows.predict.requests import Request

if TYPE_CHECKING:
    from hrpn_tf.prediction import SlidePrediction

How = Literal["mean", "shuffle"]
FEWEST_BLOCKS = 4  # per slide; fewer cannot be shuffled meaningfully


def check_ablations(
    run: Run, config: Config, slides: Sequence[RunSlide], roles: Sequence[str], how: How
) -> None:
    """Check before the computation that the inputs can be ablated.

    Raises:
        UsageError: the network has no such input, or a slide has too few blocks to shuffle.
        RunError: no network, or the mean intensities of its training are missing.
    """
    side = config.spatial.shuffle_um
    for role in roles:
        if role not in config.data.inputs:
            raise UsageError(
                f"--ablate {role}: the network has no such input; its inputs are "
                f"{', '.join(config.data.inputs)}"
            )
        ablation_of(run, role, how, side)
    if roles:
        RunNetwork(run).origin()
    for slide in slides if roles and how == "shuffle" else ():
        with open_slide(slide.path, z=config.data.z) as opened:
            info = opened.info
        pixels = side / recorded_pixel_size(info, slide.pixel_size_um)
        if int(info.height / pixels) * int(info.width / pixels) < FEWEST_BLOCKS:
            raise UsageError(
                f"{slide.path}: holds fewer than {FEWEST_BLOCKS} blocks of {side:g} um to "
                "shuffle; choose smaller ones with --set spatial.shuffle_um=SIDE, or --ablate-by "
                "mean"
            )


def predict_without(
    run: Run,
    slide: RunSlide,
    role: str,
    how: How,
    folder: Path,
    *,
    shuffle_um: float,
    progress: bool,
    symmetries: bool = False,
) -> Path:
    """Predict a slide with one input ablated; an existing result of the same network is reused.

    Args:
        run: run folder of the network.
        slide: slide to predict.
        role: the input.
        how: "mean" for its mean intensity over the training slides, "shuffle" for its blocks in
            random order.
        folder: folder of the predictions; the result goes to ``FOLDER/ablated/ROLE-HOW``.
        shuffle_um: side of the shuffled blocks, um.
        progress: report the progress; see ``hrpn_tf.progress``.
        symmetries: average the orientations of each tile, as the whole slide's prediction does.

    Raises:
        RunError: no network, or the mean intensities of its training are missing.
        HrpnError: as raised by ``predict_run``.
    """
    network = RunNetwork(run)
    out = prediction_path(folder / "ablated" / f"{role}-{how}", slide.name)
    change = ablation_of(run, role, how, shuffle_um)
    request = Request(slide.path, out, slide.channels, slide.pixel_size_um)
    job = plan_slides(network, [request], settings={"symmetries": symmetries})[0]
    if out.exists() and _is_done(out, job, network, change):
        return out
    channel = job.channels[network.contract().inputs.index(role)]
    side = max(1, round(shuffle_um / job.frame.pixel_size_um))

    def ablated(prediction: "SlidePrediction") -> "SlidePrediction":
        return replace(
            prediction,
            slide=AblatedSlide(prediction.slide, channel, change["grey_level"], side),
            origin=lambda: {**prediction.origin(), "ablation": change},
        )

    predict_slide(job, overwrite=out.exists(), progress=progress, change=ablated)
    return out


def _is_done(out: Path, job: SlideJob, network: RunNetwork, change: Mapping[str, Any]) -> bool:
    """Whether a predicted slide is of this slide, by this network, with this ablation."""
    from hrpn_tf.prediction.provenance_match import has_symmetries, mismatch

    if has_symmetries(read_provenance(out)) != job.config.prediction.symmetries:
        return False
    with open_slide(job.slide, z=job.config.data.z) as slide:
        wanted = replace(expected_input(job, slide.info), ablation=change)
    return mismatch(out, wanted, network.origin()) is None


def ablation_of(run: Run, role: str, how: How, shuffle_um: float) -> dict[str, Any]:
    """Description of the ablation in the metadata of a predicted slide.

    Raises:
        RunError: the mean intensities of the training are missing.
    """
    if how == "shuffle":
        return {"input": role, "how": how, "grey_level": None, "block_um": shuffle_um, "seed": SEED}
    return {"input": role, "how": how, "grey_level": run.input_means[role]}
