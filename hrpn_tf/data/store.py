"""The patch store: Zarr v3 arrays of patches with a manifest, built once and read at random."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TypedDict

import numpy as np
import zarr

from hrpn_tf.data.levels import Line, mapped
from hrpn_tf.data.manifest import (
    DatasetManifest,
    SlideRecord,
    patch_table,
    slide_folder,
)
from hrpn_tf.data.moments import pool
from hrpn_tf.data.normalisation import is_normalised, lines_of
from hrpn_tf.data.shards import whole
from hrpn_tf.data.simulated import SlidePlan, patches_folder, read_dataset
from hrpn_tf.errors import StoreError
from hrpn_tf.slides.normalised import normalised


class Scaling(TypedDict):
    """Scaling of grey levels, learnt from tissue pixels."""

    input_mean: tuple[float, ...]
    input_std: tuple[float, ...]
    target_scale: float
    input_peak: tuple[float, ...]
    target_peak: float


class PatchStore:
    """Read access to a finished store; see :func:`open_store`. Safe to share between threads.

    Attributes:
        path: folder of the store.
        manifest: everything the store says about itself.
        table: structured array, one row per patch: ``slide``, ``group``, ``y``, ``x`` (px),
            ``share`` (of tissue).
        simulated: the planned slides, where they are simulated; some may still be missing. None
            where the dataset was made of given slides.
    """

    def __init__(
        self,
        path: Path,
        manifest: DatasetManifest,
        arrays: Sequence[zarr.Array],
        simulated: SlidePlan | None = None,
    ) -> None:
        self.path = path
        self.manifest = manifest
        self.simulated = simulated
        self.table = patch_table(manifest.slides)
        self._arrays = arrays
        self._ends = np.cumsum([array.shape[0] for array in arrays])

    def __len__(self) -> int:
        return len(self.table)

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles of the channels of a patch: the inputs in order, then the target."""
        return self.manifest.roles

    @property
    def dtype(self) -> np.dtype:
        """Type of the grey levels of a patch: of the slides, or float32 if they are normalised."""
        return np.dtype(np.float32 if is_normalised(self.manifest) else self.manifest.dtype)

    @cached_property
    def _lines(self) -> list[list[Line]] | None:
        """Gain and offset of each input of each slide; None where inputs are not normalised."""
        return lines_of(self.path, self.manifest) if is_normalised(self.manifest) else None

    @property
    def patch(self) -> int:
        """Side of a patch, px."""
        return self.manifest.patch

    @property
    def pixel_size_um(self) -> float:
        """Micrometres per pixel: the median of the slides, which differ by 10 % at most."""
        return self.manifest.pixel_size_um

    @property
    def groups(self) -> tuple[str, ...]:
        """All groups, sorted."""
        if self.simulated is not None:
            return self.simulated.groups
        return tuple(sorted({slide.group for slide in self.manifest.slides}))

    def slides(self, groups: Sequence[str]) -> tuple[SlideRecord, ...]:
        """The slides of these groups; of simulated ones, those that are made.

        Raises:
            StoreError: a group is not in the store.
        """
        if self.simulated is None and (unknown := sorted(set(groups) - set(self.groups))):
            raise StoreError(
                f"{self.path}: no group {unknown[0]}; the groups are {', '.join(self.groups)}"
            )
        return tuple(slide for slide in self.manifest.slides if slide.group in groups)

    @cached_property
    def bright_levels(self) -> tuple[float, ...]:
        """Mean + 2 standard deviations of each input over the tissue of the first slide.

        Of one slide, so that it stays the same while slides are added to the dataset.
        """
        slide = self.manifest.slides[0]
        found = [slide.moments[role] for role in self.roles[:-1]]
        if self._lines is not None:
            found = [mapped(each, line) for each, line in zip(found, self._lines[0], strict=True)]
        return tuple(max(each.mean + 2 * each.std, 1e-6) for each in found)

    def indices(self, groups: Sequence[str]) -> np.ndarray:
        """Numbers (int64, rising) of the patches of these groups."""
        self.slides(groups)
        return np.flatnonzero(np.isin(self.table["group"], list(groups)))

    def read(self, index: int) -> np.ndarray:
        """One patch (patch, patch, C), grey levels, of :attr:`dtype`; inputs are normalised.

        Raises:
            StoreError: the file that holds it is damaged.
        """
        slide = int(np.searchsorted(self._ends, index, side="right"))
        try:
            # counted from the end of the slide's patches
            patch = np.asarray(self._arrays[slide][index - self._ends[slide]])
        except (RuntimeError, ValueError, OSError) as error:
            raise StoreError(
                f"{self.path}: patch {index} cannot be read ({error}); run hrpn-tf prepare again "
                "with --overwrite"
            ) from error
        if self._lines is None:
            return patch
        return normalised(patch, [*self._lines[slide], (1.0, 0.0)])

    def statistics(self, groups: Sequence[str]) -> Scaling:
        """Mean, standard deviation and peak of the inputs; the latter two of the target.

        Pooled over the tissue pixels of the slides of these groups, each pixel counted once,
        however many patches hold it. Grey levels.

        Raises:
            StoreError: a group is not in the store.
        """
        slides = self.slides(groups)
        pooled = [pool(slide.moments[role] for slide in slides) for role in self.roles]
        if self._lines is not None:
            lines = {s.name: own for s, own in zip(self.manifest.slides, self._lines, strict=True)}
            for number, role in enumerate(self.roles[:-1]):
                pooled[number] = pool(
                    mapped(s.moments[role], lines[s.name][number]) for s in slides
                )
        *inputs, target = pooled
        return Scaling(
            input_mean=tuple(moments.mean for moments in inputs),
            input_std=tuple(moments.std for moments in inputs),
            target_scale=target.std,
            input_peak=tuple(moments.largest for moments in inputs),
            target_peak=target.largest,
        )


def open_store(path: Path) -> PatchStore:
    """Open a finished store for reading.

    Raises:
        StoreError: missing, unfinished, damaged, or written by another schema.
    """
    manifest, simulated = read_dataset(path)
    arrays = []
    for index, slide in enumerate(manifest.slides):
        folder = patches_folder(path, slide.name) if simulated else slide_folder(path, index)
        arrays.append(open_patches(folder, slide))
    return PatchStore(path, manifest, arrays, simulated)


def open_patches(folder: Path, slide: SlideRecord) -> zarr.Array:
    """The patches of one slide, (N, patch, patch, C), that lie in its folder.

    Raises:
        StoreError: missing or damaged.
    """
    folder = folder / "patches"
    try:
        array = zarr.open_array(str(folder), mode="r")
    except (OSError, ValueError, KeyError):
        raise StoreError(f"{folder}: missing or damaged; run hrpn-tf prepare again") from None
    if array.shape[0] != len(slide.corners) or not whole(folder, array):
        raise StoreError(f"{folder}: patches are missing; run hrpn-tf prepare again")
    return array
