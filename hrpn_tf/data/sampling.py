"""Patches and places drawn by how much target they hold, with the weights that undo the bias."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from hrpn_tf.data.store import PatchStore
from hrpn_tf.data.window import Window

CANDIDATES = 8  # places in a patch of which one is taken
PATCHES_AT_ONCE = 4  # that are read


@dataclass(frozen=True)
class Sampling:
    """The content of the patches that are drawn from.

    A patch with mean target t is drawn with a probability proportional to t + the mean over all
    patches. So an empty patch is drawn half as often as an average one.

    Attributes:
        indices: (n,) int64, numbers of the patches in the store.
        scores: (n,) float64, mean target of each + the mean of all, grey levels.
    """

    indices: np.ndarray
    scores: np.ndarray

    @property
    def floor(self) -> float:
        """Mean target of all patches, grey levels."""
        return float(self.scores.mean()) / 2

    def weight(self, index: int) -> float:
        """The inverse of how often a patch is drawn; 1 on average over what is drawn."""
        place = np.searchsorted(self.indices, index)
        return float(self.scores.mean() / self.scores[place])

    def one_pass(self, key: tuple[int, ...]) -> np.ndarray:
        """As many draws as there are patches, in random order: (n, 2) of patch number, repeat.

        Systematic: each patch comes as often as its probability says, give or take one. ``repeat``
        counts the uses of one patch from 0.
        """
        random, n = np.random.default_rng(key), len(self.indices)
        order = random.permutation(n)
        ends = np.cumsum(self.scores[order] / self.scores.sum()) * n
        picks = np.searchsorted(ends, random.random() + np.arange(n), side="right")
        picks = np.minimum(picks, n - 1)  # the last end may be rounded down
        repeats = np.arange(n) - np.searchsorted(picks, picks, side="left")
        chosen = np.stack([self.indices[order[picks]], repeats], axis=1)
        return random.permutation(chosen)

    def place(
        self, target: np.ndarray, window: Window, key: tuple[int, ...]
    ) -> tuple[np.ndarray, float]:
        """One of some random places of a core in a patch, by what each holds.

        Args:
            target: (patch, patch), grey levels.
            window: of the training.
            key: names this use of the patch; equal keys give equal places.

        Returns:
            First row and column of the core, (2,) int, and its weight: the inverse of how much more
            likely it was than the others, relative to the mean of the places.
        """
        random = np.random.default_rng((*key, 1))
        cores = random.integers(0, len(target) - window.core + 1, size=(CANDIDATES, 2))
        held = [_mean(target[y : y + window.core, x : x + window.core]) for y, x in cores]
        scores = np.array(held) + self.floor
        chosen = random.choice(CANDIDATES, p=scores / scores.sum())
        return cores[chosen], float(scores.mean() / scores[chosen])


def learn_sampling(store: PatchStore, groups: Sequence[str]) -> Sampling | None:
    """Read the target of every patch of these groups once; None if all of it is zero.

    Raises:
        StoreError: a patch is damaged.
    """
    indices = store.indices(groups)
    with ThreadPoolExecutor(PATCHES_AT_ONCE) as pool:
        held = np.array(list(pool.map(lambda i: _mean(store.read(int(i))[..., -1]), indices)))
    return Sampling(indices, held + held.mean()) if held.any() else None


def _mean(target: np.ndarray) -> float:
    """Negative levels, which some instruments write, count as none."""
    return max(float(target.mean(dtype=np.float64)), 0.0)
