"""The clusters of the bootstrap: slides, or blocks of a single slide, never single pixels."""

from dataclasses import dataclass

import numpy as np

from hrpn_tf.evaluation.bootstrap import (
    EXACT,
    SEED,
    describe_resamples,
    percentile_bounds,
    resample_counts,
)

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
        self, values: np.ndarray, filled: np.ndarray
    ) -> tuple[tuple[float, float] | None, str]:
        """The 95 % interval of resampled values, or None and why it cannot be resolved.

        Args:
            values: (resamples,), NaN where undefined.
            filled: (clusters,) bool: which hold anything that the values are computed from.
        """
        return percentile_bounds(values, int(filled.sum()), self.what)


def slide_clusters(slides: int) -> Clusters:
    """The bootstrap over slides; all resamples where there are few of them."""
    text = f"bootstrap over slides; {describe_resamples(slides)}"
    if slides <= EXACT:
        return Clusters(resample_counts(slides), text)
    return Clusters(_random_counts(slides), text.replace("10000 random", f"{RESAMPLES} random"))


def block_clusters(blocks: int, side_um: float) -> Clusters:
    """The bootstrap over the blocks of one slide that hold pixels."""
    return Clusters(
        _random_counts(blocks),
        f"one slide: bootstrap over its {blocks} blocks of {side_um:g} um, which tells how much "
        "the place matters, not how much slides differ",
        "blocks",
    )


def _random_counts(clusters: int) -> np.ndarray:
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=RESAMPLES)
    return drawn.astype(np.float64)
