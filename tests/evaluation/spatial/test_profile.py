"""Penetration depths: planted ones are recovered within 5 %."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from scipy.optimize import brentq
from scipy.special import k0
from support.array_plane import ArrayPlane
from support.plane_in_memory import RANGE, measured

from hrpn_tf.config import SimulationConfig, SpatialConfig, load_config
from hrpn_tf.evaluation.spatial.bins import make_bins
from hrpn_tf.evaluation.spatial.limits import Limits
from hrpn_tf.evaluation.spatial.profile import DistanceProfile
from hrpn_tf.evaluation.spatial.resampling import Clusters
from hrpn_tf.evaluation.spatial.study import SpatialStudy
from hrpn_tf.evaluation.spatial.vessels import MaskOf, vessel_threshold
from hrpn_tf.simulation import optics
from hrpn_tf.simulation.phantom import Phantom, make_phantom
from hrpn_tf.simulation.tissue import grid_factor
from hrpn_tf.simulation.transport import Solver, make_grid, to_pixels

TENTH = float(np.log(10))
E = "depth_1_e", "depth_10_percent"


def profile_of(
    true: np.ndarray,
    pred: np.ndarray,
    vessels: np.ndarray,
    scratch: Path,
    pixel_um: float = 0.5,
    config: SpatialConfig | None = None,
) -> DistanceProfile:
    found = measured(true, pred, vessels, scratch / "slide", config, pixel_um)
    return SpatialStudy((found,), config or SpatialConfig(), RANGE).profile


def depths(profile: DistanceProfile) -> list[float]:
    return [profile.true.metrics[name]["value"] for name in E]


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    """A simulated slide whose vessels are dense enough to fill it, with uniform tissue."""
    choices = (
        "slides=1", "groups=1", "height=512", "width=512", "floor_draws=2", "tissue_share=1",
        "permeability.leaky_share=1", "permeability.spread_decades=0",
        "permeability.median_cm_per_s=3e-7", "vessels.length_density=150",
        "nuclei.density_per_mm2=0", "transport.group_spread=0",
    )  # fmt: skip
    return make_phantom(
        load_config(overrides=[f"simulation.{c}" for c in choices]).simulation, 0, 0
    )


@pytest.mark.parametrize("length_um", [8.0, 20.0])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_planted_exponential_around_simulated_vessels_is_recovered(
    phantom: Phantom, length_um: float, bits: int, tmp_path: Path
) -> None:
    distance = distance_transform_edt(phantom.vessels == 0) * 0.5
    config = SimulationConfig().optics.model_copy(update={"bits": bits})
    light = (3 + 40 * np.exp(-distance / length_um)).astype(np.float32)
    target = optics.record(light, config, np.random.default_rng(0))
    found = profile_of(target, target * 0.5, phantom.vessels, tmp_path)
    assert found.background == "fit"
    assert depths(found) == pytest.approx([length_um, TENTH * length_um], rel=0.05)
    assert found.true.metrics["decay_um"]["value"] == pytest.approx(length_um, rel=0.05)
    # the prediction falls in the same way at half the height
    assert found.difference["depth_1_e"]["value"] == pytest.approx(0, abs=1e-6)
    wall = found.true.metrics["wall"]["value"]
    assert found.pred.metrics["wall"]["value"] == pytest.approx(wall / 2)
    low, high = found.true.metrics["depth_1_e"]["interval"]
    assert low <= depths(found)[0] <= high


def test_transport_from_one_vessel_is_recovered_from_grey_levels_alone(tmp_path: Path) -> None:
    """Simulated transport and microscope; the vessel is found by threshold; K0 is the truth."""
    side, pixel, radius, diffusivity, uptake = 720, 0.5, 8.6, 0.6, 1e-3
    length = float(np.sqrt(diffusivity / uptake))
    place = (np.arange(side) + 0.8 - side / 2) * pixel
    from_axis = np.hypot(place[:, None], place[None, :]).astype(np.float32)
    lumen = np.clip(0.5 - (from_axis - radius) / pixel, 0, 1).astype(np.float32)
    factor = grid_factor(SimulationConfig())
    grid = make_grid(
        np.ones_like(lumen), lumen, np.zeros(lumen.shape, int), 1,
        np.full((side // factor,) * 2, diffusivity), pixel, factor,
    )  # fmt: skip
    tracer = to_pixels(grid, Solver(grid, uptake).solve(np.array([3e-3]), uptake)) * (1 - lumen)
    config, random = SimulationConfig().optics, np.random.default_rng(0)
    stain = 35 * np.exp(-(((from_axis - radius - 0.75) / 0.75) ** 2))
    images = [
        optics.record(optics.point_spread(light.astype(np.float32), pixel, config), config, random)
        for light in (stain + 6, 175 * tracer + 1.5)
    ]
    vessels = ArrayPlane(images[0])
    level = vessel_threshold(vessels, SpatialConfig())
    mask = MaskOf(vessels, level).read(0, 0, side, side)
    found = profile_of(images[1], images[1], mask, tmp_path)

    def falls_to(share: float) -> float:
        def excess(depth: float) -> float:
            return float(k0((radius + depth) / length) / k0(radius / length) - share)

        return float(brentq(excess, 0, 200))

    assert depths(found) == pytest.approx([falls_to(np.exp(-1)), falls_to(0.1)], rel=0.05)


def test_a_simulated_slide_has_the_depth_of_its_concentration(
    phantom: Phantom, tmp_path: Path
) -> None:
    """Noise, light, bleed-through and 8 bits move the depth by less than 5 %."""
    noise_free = 175 * phantom.concentration
    found = profile_of(phantom.image[..., 2], noise_free, phantom.vessels, tmp_path)
    assert found.true.metrics["depth_1_e"]["value"] == pytest.approx(
        found.pred.metrics["depth_1_e"]["value"], rel=0.05
    )


def test_bins_hold_what_their_edges_say() -> None:
    bins = make_bins(2.0, 7.0)
    distances = np.array([0.0, 0.5, 2.0, 2.1, 4.0, 6.0, 6.1, 7.0, np.inf])
    assert bins.index(distances).tolist() == [0, 1, 1, 2, 2, 3, 4, 4, 4]
    lower, upper = bins.edges_um()
    assert lower.tolist() == [0, 0, 2, 4, 6]
    assert upper.tolist() == [0, 2, 4, 6, np.inf]


def test_a_given_background_and_the_farthest_pixels(tmp_path: Path) -> None:
    vessels = np.zeros((200, 300), np.uint8)
    vessels[:, :20] = 1
    distance = np.maximum(np.arange(300) - 19.0, 0)
    image = np.tile(2 + 30 * np.exp(-distance / 25) + 10 * (distance > 270), (200, 1))
    given = SpatialConfig(background=2.0, max_distance_um=260.0)
    found = profile_of(image, image, vessels, tmp_path / "given", 1.0, given)
    assert depths(found) == pytest.approx([25, 25 * TENTH], rel=0.01)
    assert found.background == 2.0
    far = SpatialConfig(background="far", max_distance_um=260.0)
    found = profile_of(image, image, vessels, tmp_path / "far", 1.0, far)
    assert found.true.metrics["background"]["value"] == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("rises", [False, True])
def test_no_excess_gives_no_depth(rises: bool, tmp_path: Path) -> None:
    vessels = np.zeros((100, 150), np.uint8)
    vessels[40:60, 40:60] = 1
    distance = distance_transform_edt(vessels == 0)
    true = 5.0 + distance * (0.1 if rises else 0.0)
    found = profile_of(true, true + 1, vessels, tmp_path, 1.0)
    assert depths(found) == [None, None]
    assert "no excess" in found.undefined


def test_an_excess_that_is_gone_in_the_second_bin_has_a_depth_within_it(tmp_path: Path) -> None:
    vessels = np.zeros((100, 150), np.uint8)
    vessels[40:60, 40:60] = 1
    distance = distance_transform_edt(vessels == 0)
    true = 9.0 + 5.0 * (distance <= 2) - 0.5 * ((distance > 2) & (distance < 20))
    found = profile_of(true, true, vessels, tmp_path, 1.0)
    assert found.true.metrics["wall"]["value"] == pytest.approx(5.0, abs=0.3)
    assert 2 < depths(found)[0] < depths(found)[1] < 3.5


def test_a_depth_below_the_bin_width_cannot_be_resolved(tmp_path: Path) -> None:
    vessels = np.zeros((100, 300), np.uint8)
    vessels[:, :20] = 1
    distance = np.maximum(np.arange(300) - 19.0, 0)
    config = SpatialConfig(bin_um=5.0, block_um=40.0)
    for length, resolved in ((2.0, False), (25.0, True)):
        image = np.tile(2 + 30 * np.exp(-distance / length), (100, 1))
        found = profile_of(image, image, vessels, tmp_path / str(length), 1.0, config)
        depth = found.true.metrics["depth_1_e"]
        if resolved:
            assert depth["value"] == pytest.approx(length, rel=0.02)
            assert "below_um" not in depth
        else:
            assert depth["value"] is None
            assert depth["interval"] is None
            assert depth["below_um"] == 5.0
            assert depth["unresolved"] == "below the bin width of 5 um"
            assert found.difference["depth_1_e"]["value"] is None
            assert "below the bin width" in found.difference["depth_1_e"]["unresolved"]


def test_a_depth_beyond_the_profile_is_said_to_lie_there(tmp_path: Path) -> None:
    vessels = np.zeros((60, 120), np.uint8)
    vessels[:, :20] = 1
    image = np.tile(100 - 0.1 * np.maximum(np.arange(120) - 19.0, 0), (60, 1))
    config = SpatialConfig(background=0.0)
    depth = profile_of(image, image, vessels, tmp_path, 1.0, config).true.metrics["depth_1_e"]
    assert depth["value"] is None
    assert depth["above_um"] == pytest.approx(100, abs=2)


def limits(resamples: int) -> Limits:
    """Of ten slides, with as many resamples; lengths are known up to 100 um."""
    clusters = Clusters(np.ones((resamples, 10)), "")
    return Limits(2.0, 100.0, clusters, np.ones(10, bool))


def test_the_interval_of_a_depth_ends_above_the_profile_where_enough_resamples_do() -> None:
    """Of 1000 resamples, at 40.00 to 49.99 um: 4 % beyond the profile are no missing values."""
    depth = np.linspace(40.0, 50.0, 1000, endpoint=False)
    few, enough = depth.copy(), depth.copy()
    few[-20:], enough[-40:] = np.inf, np.inf
    found = limits(1000).metric("depth_1_e", 45.0, few)
    assert found["interval"] == pytest.approx([40.25, 49.74])
    assert "high_above_um" not in found
    found = limits(1000).metric("depth_1_e", 45.0, enough)
    assert found["interval"] == [pytest.approx(40.25), None]
    assert (found["high_above_um"], found["unresolved"]) == (100.0, "")
    undefined = np.where(np.isinf(enough), np.nan, enough)
    found = limits(1000).metric("depth_1_e", 45.0, undefined)
    assert found["interval"] == pytest.approx([40.24, 49.35]), "there is no excess in 4 %"
    nearly_all = np.full(1000, np.inf)
    nearly_all[:20] = 50.0
    found = limits(1000).metric("depth_1_e", 50.0, nearly_all)
    assert found["interval"] == [100.0, None]


def test_the_length_of_the_exponential_ends_above_the_longest_that_is_tried() -> None:
    lengths = np.full(1000, 80.0)
    lengths[:100], lengths[-100:] = 60.0, 200.0
    found = limits(1000).metric("decay_um", 80.0, lengths)
    assert (found["interval"], found["high_above_um"]) == ([60.0, None], 200.0)


@pytest.mark.parametrize(
    ("true_far", "pred_far", "interval", "bounds"),
    [
        (0, 0, [-9.75, 9.74], {}),
        (0, 40, [-9.75, None], {"high_above_um": 60.0}),
        (40, 0, [None, 9.74], {"low_below_um": -60.0}),
        (40, 40, None, {}),
    ],
)
def test_the_difference_of_depths_of_which_one_is_out_of_reach(
    true_far: int, pred_far: int, interval: list[float | None] | None, bounds: dict[str, float]
) -> None:
    """True 40, predicted 30 to 50 um; a depth above 100 um differs by more than 60 um."""
    true, pred = np.full(1000, 40.0), np.linspace(30.0, 50.0, 1000, endpoint=False)
    pred[480:520], true[500 : 500 + true_far] = 40.0, np.inf
    pred[500 - pred_far : 500] = np.inf
    known: dict[str, object] = {"value": 40.0}
    found = limits(1000).difference(known, known, (true, pred))
    if interval is None:
        assert found["interval"] is None
        assert found["unresolved"] == "out of reach in 80 of 1000 resamples"
        return
    assert {name: found[name] for name in found if name.endswith("_um")} == pytest.approx(
        bounds, abs=0.8
    )
    for end, expected in zip(found["interval"], interval, strict=True):
        assert end == (None if expected is None else pytest.approx(expected, abs=0.8))
