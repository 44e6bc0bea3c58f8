"""The clusters of the bootstrap: animals, slides, or blocks of a single slide; never pixels."""

from dataclasses import dataclass

import numpy as np

from hrpn_tf.evaluation.bootstrap import (
    EXACT,
    SEED,
    Groups,
    percentile_bounds,
    resample_counts,
)
from hrpn_tf.text import counted

RESAMPLES = 2000


@dataclass(frozen=True)
class Clusters:
    """Groups of pixels that are drawn together.

    Attributes:
        counts: (resamples, clusters) float64, how often each cluster is in each resample.
        description: a sentence on the resamples behind the intervals.
        what: the clusters are, in the plural.
    """

    counts: np.ndarray
    description: str
    what: str = "slides"

    def __len__(self) -> int:
        return self.counts.shape[1]

    def interval(
        self, values: np.ndarray, filled: np.ndarray, most: np.ndarray | None = None
    ) -> tuple[tuple[float, float] | None, str]:
        """The 95 % interval of resampled values, or None and why it cannot be resolved.

        Args:
            values: (resamples,), NaN where undefined.
            filled: (clusters,) bool: which hold anything that the values are computed from.
            most: (resamples,) upper bounds, where ``values`` are the lower ones of values that
                are not known.
        """
        return percentile_bounds(values, int(filled.sum()), self.what, most)


def group_clusters(groups: Groups) -> Clusters:
    """The bootstrap over the groups of several slides; all resamples where there are few."""
    text = f"bootstrap over {groups.what}; {groups.describe()}"
    if len(groups) <= EXACT:
        return Clusters(resample_counts(len(groups)), text, groups.what)
    text = text.replace("10000 random", f"{RESAMPLES} random")
    return Clusters(_random_counts(len(groups)), text, groups.what)


def block_clusters(blocks: int, side_um: float) -> Clusters:
    """The bootstrap over the blocks of one slide that hold pixels."""
    return Clusters(
        _random_counts(blocks),
        f"one slide: bootstrap over {counted(blocks, 'block')} of {side_um:g} um, which shows how "
        "much the place on the slide matters, not how much slides differ",
        "blocks",
    )


def _random_counts(clusters: int) -> np.ndarray:
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=RESAMPLES)
    return drawn.astype(np.float64)
