"""Patches of simulated slides for a training that goes on while slides are still being made.

Epoch e draws from the first n(e) training slides, and waits for them if they are not there yet. So
the batches of a training depend on its configuration alone, not on the speed of the simulation.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import zarr

from hrpn_tf.data.manifest import SlideRecord
from hrpn_tf.data.simulated import SlidePlan, is_made, patches_folder, read_made, read_recipe
from hrpn_tf.data.store import PatchStore, open_patches
from hrpn_tf.progress import Progress

_POLL_S = 0.2
# Passes over the patches are numbered from this many on in each epoch: a patch is never changed
# in the same way in two epochs.
_PASSES = 2**20


def slides_at(epoch: int, epochs: int, plan: SlidePlan) -> int:
    """Training slides that an epoch, from 0, may use; grows linearly from ``first`` to all.

    >>> [slides_at(epoch, 5, SlidePlan(training=40, validation=2, first=8)) for epoch in range(5)]
    [8, 16, 24, 32, 40]
    """
    if epoch >= epochs - 1:
        return plan.training
    return plan.first + (plan.training - plan.first) * epoch // (epochs - 1)


def fresh_uses(new: np.ndarray, old: np.ndarray, count: int, seed: int, epoch: int) -> np.ndarray:
    """Which patches an epoch uses, in order.

    Patches of new slides come once each, as far as the epoch has room; patches of earlier slides,
    chosen at random, fill it up. No patch comes twice before all have come once.

    Args:
        new: numbers of the patches of slides that no epoch has used before.
        old: those of all other slides.
        count: patches of the epoch.
        seed, epoch: of the random numbers.

    Returns:
        (count, 2) int64: pass over the patches, patch number; for ``make_dataset``.
    """
    rng = np.random.default_rng((seed, epoch, len(new), len(old)))
    parts = [np.concatenate([rng.permutation(new), rng.permutation(old)])]
    everything = parts[0]
    while sum(map(len, parts)) < count:
        parts.append(rng.permutation(everything))
    passes = [np.full(len(part), epoch * _PASSES + k) for k, part in enumerate(parts)]
    uses = np.stack([np.concatenate(passes), np.concatenate(parts)], axis=1)[:count]
    return rng.permutation(uses).astype(np.int64)


class GrowingPatches:
    """The patches of a :class:`SlidePlan`, as far as they are made.

    Attributes:
        path: folder of the dataset.
        plan: the slides of the training.
    """

    def __init__(self, path: Path, plan: SlidePlan, check: Callable[[], None]) -> None:
        """Reads what is there.

        Args:
            path: folder of the dataset, whose recipe is there.
            plan: the slides.
            check: called while slides are waited for; raises if nothing makes them any more.

        Raises:
            StoreError: the recipe is damaged.
        """
        self.path, self.plan, self._check = path, plan, check
        self._recipe = read_recipe(path)
        self._validation = plan.slides[: plan.validation]
        self._training = plan.training_slides
        self._opened: dict[str, tuple[SlideRecord, zarr.Array]] = {}
        self._sizes: dict[str, tuple[int, int]] = {}

    def first(self) -> PatchStore:
        """The patches that statistics, limits and the length of an epoch come from.

        Waits for them. These are the patches of validation and of the first training slides.
        """
        self.wait(self.plan.first, shown=True)
        return self._view(self.plan.first)

    def wait(
        self,
        training: int,
        stopped: Callable[[], bool] = lambda: False,
        shown: bool = False,
    ) -> bool:
        """Wait until all validation slides and so many training slides are made.

        Args:
            training: number of training slides.
            stopped: whether to give up.
            shown: report the progress; see ``hrpn_tf.progress``.

        Returns:
            False if it gave up.

        Raises:
            HrpnError: no more slides are made.
        """
        wanted = [slide.name for slide in (*self._validation, *self._training[:training])]
        missing = [name for name in wanted if not is_made(self.path, name)]
        if not missing:
            return True
        done = len(wanted) - len(missing)
        with Progress("simulate", len(wanted), "slide", initial=done, shown=shown) as bar:
            while missing:
                if stopped():
                    return False
                self._check()
                time.sleep(_POLL_S)
                left = [name for name in missing if not is_made(self.path, name)]
                bar.update(len(missing) - len(left))
                missing = left
        return True

    def epoch(
        self, number: int, epochs: int, count: int, seed: int
    ) -> tuple[PatchStore, np.ndarray]:
        """The patches of an epoch, which must be made, and which of them it uses in which order.

        Args:
            number: of the epoch, from 0.
            epochs: of the training.
            count: patches of the epoch.
            seed: of the order.

        Returns:
            The dataset, and the uses as :func:`fresh_uses` gives them.
        """
        slides = slides_at(number, epochs, self.plan)
        before = slides_at(number - 1, epochs, self.plan) if number else 0
        store = self._view(slides)
        ends = np.cumsum([0, *(len(slide.corners) for slide in store.manifest.slides)])
        start, middle, end = ends[[self.plan.validation, self.plan.validation + before, -1]]
        uses = fresh_uses(np.arange(middle, end), np.arange(start, middle), count, seed, number)
        return store, uses

    def progress_line(self, number: int, epochs: int) -> str:
        """How far the simulation is, and how far ahead of an epoch, in one line."""
        made = [slide.name for slide in self._training if is_made(self.path, slide.name)]
        sizes = [self._size(name) for name in (*(s.name for s in self._validation), *made)]
        patches, size = (sum(column) for column in zip(*sizes, strict=True))
        used = slides_at(number, epochs, self.plan)
        return (
            f"epoch {number + 1} draws from {used} simulated slides; made so far: {len(made)} of "
            f"{self.plan.training} ({len(made) - used} ahead), with {self.plan.validation} for "
            f"validation {patches:,} patches, {size / 1e6:,.1f} MB"
        )

    def _view(self, training: int) -> PatchStore:
        """The patches of all validation slides and of the first training slides."""
        slides = (*self._validation, *self._training[:training])
        opened = [self._open(slide.name) for slide in slides]
        manifest = self._recipe.manifest(tuple(record for record, _ in opened))
        return PatchStore(self.path, manifest, [array for _, array in opened], self.plan)

    def _open(self, name: str) -> tuple[SlideRecord, zarr.Array]:
        if name not in self._opened:
            record = read_made(self.path, name)
            self._opened[name] = record, open_patches(patches_folder(self.path, name), record)
        return self._opened[name]

    def _size(self, name: str) -> tuple[int, int]:
        """Patches of a finished slide, and their bytes on disk."""
        if name not in self._sizes:
            files = patches_folder(self.path, name).rglob("*")
            size = sum(file.stat().st_size for file in files if file.is_file())
            self._sizes[name] = len(read_made(self.path, name).corners), size
        return self._sizes[name]
