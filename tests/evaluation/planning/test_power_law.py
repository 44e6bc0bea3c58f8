import numpy as np
import pytest
from scipy.optimize import curve_fit

from hrpn_tf.evaluation.planning import fit_power_law

SIZES = np.array([1.0, 2, 4, 8, 16])


@pytest.mark.parametrize(
    ("floor", "scale", "exponent"), [(3, 8, 0.7), (0, 5, 0.5), (100, 1, 1.0), (0.02, 0.3, 2.2)]
)
def test_a_power_law_is_found_again(floor: float, scale: float, exponent: float) -> None:
    law = fit_power_law(SIZES, floor + scale * SIZES**-exponent)
    np.testing.assert_allclose(law.at(SIZES), floor + scale * SIZES**-exponent, rtol=1e-5)
    # beyond the points, where floor and exponent matter most
    assert law.at(64) == pytest.approx(floor + scale * 64.0**-exponent, rel=2e-3)


def test_it_fits_noisy_errors_as_well_as_scipy_from_a_good_start() -> None:
    random = np.random.default_rng(0)
    groups = np.repeat(SIZES, 3)
    errors = (3 + 8 * groups**-0.7) * np.exp(0.1 * random.standard_normal(len(groups)))
    law = fit_power_law(groups, errors)
    means = np.repeat(errors.reshape(-1, 3).mean(axis=1), 3)
    best, _ = curve_fit(
        lambda n, a, b, c: a + b * n**-c,
        groups,
        errors,
        p0=(3, 8, 0.7),
        sigma=means,
        bounds=([0, 0, 0.1], [np.inf, np.inf, 3]),
    )

    def rest(predicted: np.ndarray) -> float:
        return float(np.sum(((predicted - errors) / means) ** 2))

    theirs = best[0] + best[1] * groups ** -best[2]
    assert rest(law.at(groups)) <= rest(theirs) * (1 + 1e-6)


def test_errors_that_scatter_do_not_pull_it_down() -> None:
    """Relative to each error itself the law would be 10 % of their mean here."""
    groups = np.repeat(SIZES, 2)
    law = fit_power_law(groups, np.tile([1.0, 19.0], len(SIZES)))
    np.testing.assert_allclose(law.at(SIZES), 10.0)


def test_errors_that_rise_have_a_flat_law() -> None:
    law = fit_power_law(SIZES, np.array([1, 1.1, 1.2, 1.3, 1.4]))
    assert law.at(16) == pytest.approx(law.at(1))
    assert law.floor >= 0
    assert law.scale >= 0
