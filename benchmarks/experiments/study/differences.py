"""Tests of the difference between two networks, paired over slides, with their seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import wilcoxon

from experiments.study.record import Record

RESAMPLES = 10_000
FEWEST_SLIDES = 4  # fewer have too few distinct resamples for a 95 % interval
FEWEST_FOR_WILCOXON = 6  # fewer cannot have a two-sided p below 0.05


@dataclass(frozen=True)
class Difference:
    """The mean squared error of one network over that of another, on the same test slides.

    Attributes:
        ratio: of the pooled errors, each the mean over seeds.
        interval: 95 %, of a bootstrap over slides and seeds; None with too few slides.
        p: of Wilcoxon's signed-rank test over slides, two-sided, of the errors' mean over seeds;
            None with too few slides.
        slides: number of test slides.
        seeds: number of seeds of each.
    """

    ratio: float
    interval: tuple[float, float] | None
    p: float | None
    slides: int
    seeds: tuple[int, int]


def compare(first: Sequence[Record], second: Sequence[Record], seed: int = 0) -> Difference:
    """Compare the seeds of two networks.

    The bootstrap is hierarchical: a resample draws slides, the same for both networks since they
    share them, and seeds, of each network for itself. With one seed of a network, the interval
    holds no spread between seeds of it. Slides are drawn one by one, since each slide of the study
    is a group of its own (``study.yaml``, ``slides.py``).

    Args:
        first, second: one record for each seed.
        seed: of the resamples.

    Raises:
        ValueError: they tested different slides.
    """
    names = sorted(first[0].slides)
    if any(sorted(each.slides) != names for each in (*first, *second)):
        raise ValueError("the records are of different test slides")
    errors = [_errors(records, names) for records in (first, second)]
    pixels = np.array([first[0].slides[name]["raw"]["pixels"] for name in names], float)
    a, b = (table.mean(axis=0) @ pixels for table in errors)
    return Difference(
        ratio=float(a / b),
        interval=_bootstrap(errors, pixels, seed) if len(names) >= FEWEST_SLIDES else None,
        p=_wilcoxon(errors) if len(names) >= FEWEST_FOR_WILCOXON else None,
        slides=len(names),
        seeds=(len(first), len(second)),
    )


def _errors(records: Sequence[Record], names: Sequence[str]) -> np.ndarray:
    """MSE (seeds, slides)."""
    return np.array([[each.slides[name]["raw"]["mse"] for name in names] for each in records])


def _bootstrap(errors: list[np.ndarray], pixels: np.ndarray, seed: int) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    slides = len(pixels)
    drawn = random.integers(slides, size=(RESAMPLES, slides))
    counts = np.stack([np.bincount(row, minlength=slides) for row in drawn]) * pixels
    sums = []
    for table in errors:
        seeds = random.integers(len(table), size=(RESAMPLES, len(table)))
        means = table[seeds].mean(axis=1)  # (resamples, slides)
        sums.append((means * counts).sum(axis=1))
    low, high = np.percentile(sums[0] / sums[1], [2.5, 97.5])
    return float(low), float(high)


def _wilcoxon(errors: list[np.ndarray]) -> float | None:
    difference = np.log(errors[0].mean(axis=0)) - np.log(errors[1].mean(axis=0))
    return float(wilcoxon(difference).pvalue) if np.any(difference) else None
