"""The clusters of the bootstrap: slides, or blocks of a single slide, never single pixels."""

from dataclasses import dataclass

import numpy as np

from hrpn_tf.evaluation.bootstrap import EXACT, LEVEL, SEED, describe_resamples, resample_counts

RESAMPLES = 2000


@dataclass(frozen=True)
class Clusters:
    """Groups of pixels that are drawn together.

    Attributes:
        counts: (resamples, clusters) float64, how often each cluster is in each resample.
        description: a sentence on the resamples behind the intervals.
    """

    counts: np.ndarray
    description: str

    def __len__(self) -> int:
        return self.counts.shape[1]


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
    )


def percentile_interval(values: np.ndarray) -> tuple[float, float] | None:
    """The 95 % percentile interval of resampled values (resamples,); None if most are undefined."""
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, high = np.percentile(values, [50 * (1 - LEVEL), 50 * (1 + LEVEL)], method="inverted_cdf")
    return float(low), float(high)


def _random_counts(clusters: int) -> np.ndarray:
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=RESAMPLES)
    return drawn.astype(np.float64)
