"""Data to calibrate and certify an export: patches of the patch dataset, and a whole slide."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.errors import RunError, UsageError
from hrpn_tf.prediction.tiling import Region
from hrpn_tf.runs import Run, RunSlide
from hrpn_tf.workflows.networks.ensemble import EnsembleNetwork
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.one_slide import EXACT, plan_slides, predict_slide
from hrpn_tf.workflows.predict.options import PredictionOptions
from hrpn_tf.workflows.predict.requests import Request

if TYPE_CHECKING:
    from hrpn_export import Session

    from hrpn_tf.data.store import PatchStore
# This many pixels determine a format's error well, in seconds on two cores.
_PIXELS = 2**22
# Rows compared at once, px.
_BAND = 512


def sample_patches(
    store: "PatchStore", groups: Sequence[str], pixels: int = _PIXELS
) -> tuple[np.ndarray, np.ndarray]:
    """Patches of the given groups, evenly spread.

    Args:
        store: patch dataset.
        groups: names of groups.
        pixels: largest number of pixels; at least one patch is read.

    Returns:
        Inputs (N, side, side, inputs) and targets (N, side, side, 1), float32 intensities.

    Raises:
        RunError: these groups have no patches.
        StoreError: the patch dataset is damaged, or has no such group.
    """
    indices = store.indices(groups)
    if not len(indices):
        raise RunError(f"{store.path}: no patches of the groups {', '.join(groups) or '(none)'}")
    count = min(len(indices), max(1, pixels // store.patch**2))
    chosen = indices[np.linspace(0, len(indices) - 1, count).round().astype(int)]
    patches = np.stack([store.read(int(index)) for index in chosen]).astype(np.float32)
    return patches[..., :-1], patches[..., -1:]


@dataclass(frozen=True)
class HeldOutGroups:
    """The groups that the formats are measured on.

    Attributes:
        subset: what they are, in a word or a few.
        groups: their names.
        caution: what to know of the figures; empty if there is nothing.
    """

    subset: str
    groups: tuple[str, ...]
    caution: str = ""


def held_out(network: RunNetwork | EnsembleNetwork, store: "PatchStore") -> HeldOutGroups:
    """The test groups, or else the validation groups.

    Of a mean of networks these are the groups that no member trained on. If there are none, as for
    the folds of a cross-validation, they are those that at least one member did not train on.
    The agreement with the Keras model is as good to measure there; the errors against the measured
    target are too small, which ``caution`` says.

    Raises:
        RunError: there is nothing to measure on.
    """
    used = network.subsets()
    if isinstance(network, RunNetwork):
        split = network.run.split  # as it is: patches that are missing are an error
        subset = "test" if split.test else "validation"
        return HeldOutGroups(subset, tuple(getattr(split, subset)))
    there = set(store.groups)
    for subset in ("test", "validation"):
        groups = tuple(g for g, its in used.items() if its == subset and g in there)
        if groups:
            return HeldOutGroups(subset, groups)
    groups = tuple(group for group in network.tested() if group in there)
    if not groups:
        raise RunError(
            f"{store.path}: each of its groups trained all of the networks, or picked their "
            "checkpoints, so the formats cannot be measured; fit with a test group"
        )
    return HeldOutGroups(
        "test",
        groups,
        "each of these groups trained some of the networks, so the errors against the measured "
        "target are too small; the differences between formats are not affected",
    )


@dataclass
class HeldOutSlide:
    """A slide of the run that is predicted by tiles, as by ``hrpn-tf predict``.

    A :class:`hrpn_export.evidence.WholeSlide`. The reference session's prediction is kept in the
    scratch folder, since every format is compared with it.

    Attributes:
        name: of the slide, and that it is a part of it.
        height, width: size of the prediction, px.
        job: the prediction.
        target_channel: index of the target in the file.
        scratch: folder for predictions; the caller removes it.
        kept: a session and its prediction.
    """

    name: str
    height: int
    width: int
    job: SlideJob
    target_channel: int
    scratch: Path
    kept: dict[int, tuple["Session", Path]] = field(default_factory=dict)

    def predict(self, session: "Session") -> Iterator[np.ndarray]:
        """Bands (rows, width, outputs) of the prediction, float32 intensities."""
        from hrpn_tf.files import remove
        from hrpn_tf.slides import open_slide

        first = not self.kept
        path = self.kept[id(session)][1] if id(session) in self.kept else self._predict(session)
        if first:
            self.kept[id(session)] = (session, path)
        with open_slide(path) as slide:
            channels = range(len(slide.info.channels))
            for y in range(0, self.height, _BAND):
                rows = min(_BAND, self.height - y)
                yield slide.read(y, 0, rows, self.width, channels)
        if id(session) not in self.kept:
            remove(path)

    def target(self) -> Iterator[np.ndarray]:
        """Bands (rows, width, 1) of the measured target, intensities."""
        from hrpn_tf.prediction import open_frame
        from hrpn_tf.slides import open_slide

        x, y0 = (self.job.region.x, self.job.region.y) if self.job.region else (0, 0)
        with open_slide(self.job.slide, z=self.job.config.data.z) as slide:
            seen = open_frame(slide, self.job.frame)
            for y in range(0, self.height, _BAND):
                rows = min(_BAND, self.height - y)
                yield seen.read(y0 + y, x, rows, self.width, [self.target_channel])

    def _predict(self, session: "Session") -> Path:
        out = self.scratch / f"{len(list(self.scratch.iterdir()))}.ome.zarr"
        return predict_slide(self.job, session, out=out).path


def held_out_slide(
    run: Run,
    slides: Sequence[RunSlide],
    scratch: Path,
    region: Region | None = None,
) -> HeldOutSlide:
    """The smallest slide, or a region of it, for predictions by any session.

    Args:
        run: the open run.
        slides: candidates; slides that were not used for training.
        scratch: empty folder.
        region: region in px at full resolution; None for the whole slide.

    Raises:
        UsageError: no slide is available.
        HrpnError: the slide cannot be predicted.
    """
    from hrpn_tf.prediction import open_frame
    from hrpn_tf.slides import open_slide
    from hrpn_tf.slides.checks import role_channels

    smallest = _smallest(run, slides)
    request = Request(
        smallest.path, scratch / "0.ome.zarr", smallest.channels, smallest.pixel_size_um
    )
    options = PredictionOptions(region=region)
    job = plan_slides(RunNetwork(run), [request], options=options, settings=EXACT)[0]
    data = run.config.data
    with open_slide(smallest.path, z=data.z) as image:
        *_, channel = role_channels(image.info, (*data.inputs, data.target), smallest.channels)
        seen = open_frame(image, job.frame).info
    area = job.region or Region(0, 0, seen.height, seen.width)
    part = "" if region is None else "a part of "
    return HeldOutSlide(f"{part}{smallest.name}", area.height, area.width, job, channel, scratch)


def _smallest(run: Run, slides: Sequence[RunSlide]) -> RunSlide:
    from hrpn_tf.slides import open_slide

    there = [slide for slide in slides if slide.path.exists()]
    if not there:
        raise UsageError(
            f"{run}: none of its held-out slides is where it was, so the formats cannot be "
            "measured on one; name a slide list with --slides"
        )
    pixels = {}
    for slide in there:
        with open_slide(slide.path, z=run.config.data.z) as image:
            pixels[slide.name] = image.info.height * image.info.width
    return min(there, key=lambda slide: (pixels[slide.name], slide.name))
