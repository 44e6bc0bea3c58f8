"""Make one simulated slide and cut it into patches."""

import os
import time
from dataclasses import replace
from pathlib import Path

from hrpn_tf._version import __version__
from hrpn_tf.data.cutting import cut_slide
from hrpn_tf.data.manifest import write_json
from hrpn_tf.data.plan import plan_slides
from hrpn_tf.data.simulated import (
    Recipe,
    SimulatedSlide,
    SlidePlan,
    is_made,
    kept_slide,
    patches_folder,
    read_recipe,
    work_folder,
)
from hrpn_tf.data.slide_list import SlideEntry
from hrpn_tf.errors import RunBusyError
from hrpn_tf.files import disk_full_as_named_error, held_folder, remove, sync
from hrpn_tf.simulation.phantom import make_image
from hrpn_tf.slides import write_slide

_POLL_S = 0.5


def make_missing(dataset: Path, plan: SlidePlan, keep: bool) -> None:
    """Make the slides of a plan that are missing, in order; return when all are there.

    Several processes may do this at the same time: each slide is made by one of them.

    Raises:
        HrpnError: a slide gives no patches, or the disk is full.
    """
    recipe = read_recipe(dataset)
    while missing := [slide for slide in plan.slides if not is_made(dataset, slide.name)]:
        if not any(_made_here(dataset, recipe, slide, plan, keep) for slide in missing):
            time.sleep(_POLL_S)  # others are making all that are left


def _made_here(
    dataset: Path, recipe: Recipe, slide: SimulatedSlide, plan: SlidePlan, keep: bool
) -> bool:
    """Make a slide unless another process does."""
    try:
        with held_folder(work_folder(dataset, slide.name)):
            kept = keep or slide.group in plan.validation_groups
            make_patches(dataset, recipe, slide, kept)
    except RunBusyError:
        return False
    return True


def make_patches(dataset: Path, recipe: Recipe, slide: SimulatedSlide, keep: bool) -> None:
    """Simulate a slide, cut it, and add its patches to a dataset, unless they are there.

    The caller holds the slide's folder of work, which is gone afterwards.

    Raises:
        SlideTooSmallError, NoTissueError, UnknownChannelError: it gives no patches.
        DiskFullError: the disk filled up.
    """
    work, data = work_folder(dataset, slide.name), recipe.data
    for left in work.iterdir():  # of a process that was killed
        remove(left)
    path, cut = work / f"{slide.name}.ome.tif", work / "cut"
    with disk_full_as_named_error(dataset):
        if not is_made(dataset, slide.name):
            _simulate(recipe, slide, path)
            roles = (*data.inputs, data.target)
            channels = {role: data.channels.get(role, role) for role in roles}
            planned = plan_slides([SlideEntry(slide.name, path, slide.group, channels)], data)
            cut.mkdir()
            record = cut_slide(planned[0], data, cut, progress=False)
            kept = kept_slide(dataset, slide.name)
            write_json(cut / "slide.json", replace(record, path=str(kept.resolve())))
            if keep:
                kept.parent.mkdir(exist_ok=True)
                path.replace(kept)
            final = patches_folder(dataset, slide.name)
            final.parent.mkdir(exist_ok=True)
            os.rename(cut, final)
            sync(final.parent)
        remove(work)


def _simulate(recipe: Recipe, slide: SimulatedSlide, path: Path) -> None:
    config = recipe.simulation
    provenance = {
        "made_by": f"hrpn-tf {__version__} fit --simulate",
        "slide": slide.name,
        "group": slide.group,
        "configuration": config.model_dump(mode="json"),
    }
    write_slide(
        path,
        make_image(config, slide.number, slide.group_number),
        channels=(config.channels.vessels, config.channels.nuclei, config.channels.target),
        pixel_size_um=config.pixel_size_um,
        provenance=provenance,
        overwrite=True,
    )
