"""What changed from one report to the next, against scipy's bootstrap and what must be so."""

import numpy as np
import pytest
from hrpn_benchmarks.measures import Samples
from hrpn_benchmarks.report.compare import change_of, compare
from scipy.stats import bootstrap
from support.instruments import cell
from support.reports import report, row


def times(values: np.ndarray, rounds: tuple[int, ...] = ()) -> Samples:
    return Samples(unit="s", values=tuple(map(float, values)), rounds=rounds)


def test_with_one_round_the_interval_is_that_of_scipy() -> None:
    random = np.random.default_rng(0)
    before, now = random.lognormal(0, 0.1, 60), random.lognormal(0.1, 0.1, 50)

    def ratio(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(np.median(other, axis=axis) / np.median(one, axis=axis))

    theirs = bootstrap(
        (before, now), ratio, method="percentile", n_resamples=4000, rng=random
    ).confidence_interval
    ours = change_of(cell(), "latency", times(before), times(now))
    assert ours.ratio == np.median(now) / np.median(before)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_rounds_that_differ_widen_the_interval() -> None:
    random = np.random.default_rng(0)
    drifting = np.concatenate([random.lognormal(shift, 0.01, 20) for shift in (0, 0.2, 0.4)])
    known = change_of(cell(), "m", times(drifting, (20, 20, 20)), times(drifting, (20, 20, 20)))
    unknown = change_of(cell(), "m", times(drifting), times(drifting))
    assert known.high - known.low > 1.5 * (unknown.high - unknown.low)


def test_rounds_of_other_lengths_give_only_what_they_have() -> None:
    values = np.array([1.0, 1.0, 1.0, 1.0, 5.0, 5.0])
    change = change_of(cell(), "m", times(np.ones(3)), times(values, (4, 1, 1)))
    assert change.ratio == 1
    assert (change.low, change.high) == (1, 5)


def test_a_measure_that_is_nothing_has_no_ratio() -> None:
    nothing = {"memory growth": Samples(unit="byte", values=(0.0,))}
    both = report(row(more=nothing)), report(row())
    for old, new in (both, both[::-1]):
        assert {change.measure for change in compare(old, new)} == {"latency", "peak memory"}
