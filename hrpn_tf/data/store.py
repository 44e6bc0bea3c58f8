"""The patch store: Zarr v3 arrays of patches with a manifest, built once and read at random."""

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TypedDict

import numpy as np
import zarr

from hrpn_tf._version import __version__
from hrpn_tf.config import DataConfig
from hrpn_tf.data.cutting import cut_slide
from hrpn_tf.data.levels import Line, mapped
from hrpn_tf.data.manifest import (
    MANIFEST,
    Manifest,
    SlideRecord,
    patch_table,
    read_slide_record,
    slide_folder,
    write_json,
)
from hrpn_tf.data.moments import pool
from hrpn_tf.data.normalisation import is_normalised, lines_of, normalisation_of
from hrpn_tf.data.plan import PlannedSlide, fingerprint, owned_settings, plan_slides
from hrpn_tf.data.shards import whole
from hrpn_tf.data.simulated import SlidePlan, patches_folder, read_dataset
from hrpn_tf.data.slide_list import SlideEntry
from hrpn_tf.errors import HrpnError, StoreError
from hrpn_tf.files import (
    atomic_path,
    disk_full_as_named_error,
    held_folder,
    move,
    refuse_existing,
    refuse_lost_inputs,
    remove,
)
from hrpn_tf.slides.normalised import normalised
from hrpn_tf.text import printable
from hrpn_tf.untrusted import read_text

_NAMED = 3  # slides in a warning

logger = logging.getLogger(__name__)


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
        manifest: Manifest,
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


def build_store(
    entries: Sequence[SlideEntry],
    config: DataConfig,
    path: Path,
    overwrite: bool = False,
    progress: bool = True,
) -> PatchStore:
    """Cut slides into a store of patches.

    The store is built beside its final name (``NAME.partial``) and renamed when complete. An
    interrupted build resumes at its first unfinished slide.

    Args:
        entries: the slides; see :func:`hrpn_tf.data.slide_list.read_slide_list`.
        config: patches, grid and tissue.
        path: folder to create.
        overwrite: replace an existing store, and an unfinished one of another configuration.
        progress: show a bar per slide on standard error.

    Raises:
        OutputExistsError: the store exists.
        RunBusyError: another process is preparing the same store.
        StoreError: an unfinished store of other slides or another configuration is there.
        DiskFullError: the disk filled up; what is finished is kept for the next attempt.
        HrpnError: see :func:`hrpn_tf.data.plan.plan_slides`,
            :func:`hrpn_tf.data.cutting.cut_slide`.
    """
    refuse_existing(path, overwrite)
    refuse_lost_inputs(path, (entry.path for entry in entries))
    _warn_of_unused(entries, config)
    plans = plan_slides(entries, config)
    partial = path.with_name(path.name + ".partial")
    identity = fingerprint(plans, config)
    with disk_full_as_named_error(path), held_folder(partial):
        _begin(partial, identity, overwrite)
        try:
            records = [_cut(plan, config, partial, i, progress) for i, plan in enumerate(plans)]
        except HrpnError:  # the remedy changes a slide or the configuration: nothing to resume
            remove(partial)
            raise
        settings = owned_settings(config)
        if config.normalisation == "slide":
            settings |= normalisation_of(records, config, plans[0].info.dtype)
        manifest = Manifest(
            roles=(*config.inputs, config.target),
            dtype=plans[0].info.dtype.name,
            patch=config.patch,
            stride=config.stride,
            pixel_size_um=float(np.median([plan.pixel_size_um for plan in plans])),
            fingerprint=identity,
            program=f"hrpn-tf {__version__}",
            slides=tuple(records),
            settings=settings,
        )
        write_json(partial / MANIFEST, manifest)
        move(partial, path, overwrite)  # in place of an older one, if there is one
    _warn_of_fields(records)
    return open_store(path)


def _warn_of_fields(records: Sequence[SlideRecord]) -> None:
    """Warn where Otsu's method split tissue, since there is no background to tell it from."""
    fields = [record for record in records if record.within_tissue]
    if not fields:
        return
    shares = sorted(record.tissue_share for record in fields)
    names = ", ".join(printable(record.name) for record in fields[:_NAMED])
    more = f" and {len(fields) - _NAMED} more" if len(fields) > _NAMED else ""
    logger.warning(
        f"{len(fields)} of {len(records)} slides ({names}{more}) look like fields of view within "
        f"tissue, of which otsu takes {shares[0]:.0%} to {shares[-1]:.0%}; look at picture.png of "
        "each slide in the patch dataset, and if so prepare again with --set "
        "data.tissue.method=all"
    )


def _warn_of_unused(entries: Sequence[SlideEntry], config: DataConfig) -> None:
    """Say of what was given, and has no effect on patches."""
    if any(entry.anchor is not None for entry in entries):
        logger.warning(
            "column 'anchor': patches do not keep it; give this list to hrpn-tf predict to scale "
            "predictions by it"
        )
    if config.reference and config.normalisation == "none":
        logger.warning("data.reference: has no effect without data.normalisation=slide")


def _begin(partial: Path, identity: str, overwrite: bool) -> None:
    """Take up an unfinished store, or begin a new one in the folder, which is there."""
    mark = partial / "fingerprint"
    if mark.is_file():
        if read_text(mark, StoreError) == identity:
            return
        if not overwrite:
            raise StoreError(
                f"{partial}: an unfinished patch dataset of other slides or another configuration; "
                "give --overwrite to begin anew"
            )
        mark.unlink()  # first: what remains belongs to no configuration
    for entry in list(partial.iterdir()):
        remove(entry)
    with atomic_path(mark, overwrite=True) as temporary:
        temporary.write_text(identity, encoding="utf-8")


def _cut(
    plan: PlannedSlide, config: DataConfig, partial: Path, index: int, progress: bool
) -> SlideRecord:
    """Cut one slide, unless an earlier attempt finished it."""
    folder = slide_folder(partial, index)
    done = folder / "slide.json"
    if done.is_file():
        return read_slide_record(done)
    remove(folder)
    folder.mkdir(parents=True)
    record = cut_slide(plan, config, folder, progress)
    write_json(done, record)
    return record
