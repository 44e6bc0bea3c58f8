"""The transport solver backwards: gradients, columns, and known flows found again."""

import numpy as np
import pytest
from support.leaky_section import BACKGROUND, FLOWS, LENGTH_UM, LeakySection, leaky_section

from hrpn_tf.simulation.inversion.columns import Diffusion, colour_vessels, vessel_columns
from hrpn_tf.simulation.inversion.fit import fit_flows
from hrpn_tf.simulation.inversion.length import fit_length
from hrpn_tf.simulation.inversion.misfit import Misfit
from hrpn_tf.simulation.inversion.observed import observe
from hrpn_tf.simulation.inversion.pieces import cut_vessels
from hrpn_tf.simulation.inversion.strengths import interval, strengths


@pytest.fixture(scope="module")
def section() -> LeakySection:
    return leaky_section()


def test_the_adjoint_gives_the_gradient_of_finite_differences(section: LeakySection) -> None:
    diffusion = Diffusion(section.observed.grid, LENGTH_UM)
    rng = np.random.default_rng(0)
    flow, target = rng.random(len(FLOWS)), section.observed.image

    def loss(flow: np.ndarray) -> float:
        return 0.5 * float(((diffusion.tracer(flow) - target) ** 2).sum())

    gradient = diffusion.gradient(diffusion.tracer(flow) - target)
    for vessel in range(3):
        step = np.zeros(len(flow))
        step[vessel] = 0.1  # the loss is quadratic: central differences are exact
        numeric = (loss(flow + step) - loss(flow - step)) / 0.2
        assert gradient[vessel] == pytest.approx(numeric, rel=1e-4)


def test_the_derivative_by_length_is_that_of_finite_differences(section: LeakySection) -> None:
    grid, flow = section.observed.grid, np.array(FLOWS)
    diffusion = Diffusion(grid, LENGTH_UM)
    derivative = diffusion.by_length(diffusion.tracer(flow))
    ends = [Diffusion(grid, LENGTH_UM * np.exp(s)).tracer(flow) for s in (-0.01, 0.01)]
    numeric = (ends[1] - ends[0]) / 0.02
    np.testing.assert_allclose(derivative, numeric, atol=2e-3 * np.abs(numeric).max())


def test_columns_of_colours_are_the_fields_of_single_vessels(section: LeakySection) -> None:
    grid = section.observed.grid
    diffusion = Diffusion(grid, LENGTH_UM)
    colours = colour_vessels(grid, LENGTH_UM)
    assert 1 < len(colours.vessels) < len(FLOWS)  # far vessels share a solution
    columns = vessel_columns(diffusion, colours)
    for vessel in range(len(FLOWS)):
        alone = diffusion.tracer(np.eye(len(FLOWS))[vessel])
        error = np.abs(columns[:, [vessel]].toarray().ravel() - alone)
        assert error.max() < 0.02 * alone.max()


def test_known_flows_and_length_are_found_again(section: LeakySection) -> None:
    tissue = np.ones(section.labels.shape, bool)
    observed = observe(section.target, [], tissue, section.labels, 1.0, 4, 1e3)
    length = fit_length([observed], 35.0, False, 200.0)
    assert length.converged
    assert length.um == pytest.approx(LENGTH_UM, rel=0.05)
    weight = length.misfit.weight(observed.image, observed.compared)
    fit = fit_flows(observed, length.um, weight, length.misfit.variance(observed.image))
    found = strengths(observed, fit, length.misfit)
    true = np.array(FLOWS)
    leaky = true > 0
    np.testing.assert_allclose(found.strength[leaky], true[leaky], rtol=0.15)
    assert (found.strength[~leaky] < 0.02).all()
    assert (found.lower <= true).all()
    assert (found.upper >= true).all()
    assert (found.lower[leaky] > 0).all()
    assert found.identifiable.all()
    assert fit.nuisance[0] == pytest.approx(BACKGROUND, rel=0.05)


def test_the_solution_is_optimal_for_the_whole_problem(section: LeakySection) -> None:
    observed = section.observed
    weight = Misfit(0.01, 0.1).weight(observed.image, observed.compared)
    fit = fit_flows(observed, LENGTH_UM, weight)
    scale = np.sqrt(np.diag(fit.normal)) * np.sqrt(weight @ observed.image**2)
    free = np.append(fit.flow, fit.nuisance) > 0
    assert np.abs(fit.gradient / scale)[free].max() < 1e-5
    assert (fit.gradient / scale)[~free].max(initial=-1.0) < 1e-5


def test_vessels_that_no_image_tells_apart_are_flagged() -> None:
    labels = np.zeros((120, 120), int)
    labels[50:70, 40:58], labels[50:70, 62:80] = 1, 2
    tissue = labels > 0
    tissue[:30] = True
    tissue[30:50, 56:64] = True  # one narrow bridge reaches both
    image = np.where(tissue, 1.0, 0.0)
    observed = observe(image, [], tissue, labels, 1.0, 4, 1e3)
    weight = observed.compared.astype(float)
    fit = fit_flows(observed, 60.0, weight, np.ones(len(weight)))
    found = strengths(observed, fit, Misfit(1.0, 0.1))
    assert not found.identifiable.all()


def test_long_vessels_are_cut_and_short_ones_are_not() -> None:
    labels = np.zeros((60, 200), int)
    labels[10:20, 10:190], labels[40:50, 20:30] = 1, 2
    pieces = cut_vessels(labels, 25.0)
    assert (pieces.vessel == 2).sum() == 1
    assert 4 <= (pieces.vessel == 1).sum() <= 9
    assert set(pieces.vessel[pieces.owner[labels == 1]]) == {1}


def test_an_interval_is_around_its_value_and_holds_0_where_leakage_is_not_shown() -> None:
    lower, upper = interval(np.array([0.0, 1.0, 1.0]), np.array([0.1, 1.0, 0.01]))
    assert lower[:2].tolist() == [0.0, 0.0]
    assert upper[0] == pytest.approx(0.196, rel=1e-3)
    assert 0.35 < lower[2] < 0.45 < 2.2 < upper[2] < 2.8
