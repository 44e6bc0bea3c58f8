"""Which layers stay float32 in int8, and that brighter slides do not collapse."""

from collections.abc import Collection

import numpy as np
import onnx
import pytest
from hrpn_export.formats.choice import MARGIN, Loss, choose_layers
from hrpn_export.formats.onnx.int8 import run_onnx, to_int8
from hrpn_export.formats.refit import Run
from hrpn_export.gains import with_gains
from hrpn_export.graphs.rewrite import constants
from support.format_networks import images, preset, preset_graph

NAMES = [f"layer-{i}" for i in range(6)]


def _choose(costs: dict[str, float], names: list[str] = NAMES) -> tuple[set[str], float]:
    """Choose for a network whose loss is the sum of the costs of its int8 layers."""

    def build(chosen: Collection[str]) -> Run:
        return lambda _: np.array(sum(costs.get(name, 0.0) for name in chosen))

    choice = choose_layers(names, build, lambda run: float(run(np.zeros(1))))
    return set(choice.floats), choice.score


def test_everything_is_int8_where_that_is_good_enough() -> None:
    assert _choose({"layer-1": MARGIN}) == (set(), MARGIN)


def test_only_what_costs_too_much_stays_float32() -> None:
    floats, score = _choose({"layer-1": 0.3, "layer-2": 3.0, "layer-4": 0.1})
    assert floats == {"layer-2"}
    assert score == pytest.approx(0.4)


def test_what_is_needless_in_the_end_is_int8_again() -> None:
    costs = {"layer-1": 0.3, "layer-2": 0.4, "layer-4": 0.45}
    assert _choose(costs)[0] in ({"layer-2", "layer-4"}, {"layer-1", "layer-4"})


def test_the_best_is_kept_where_no_choice_reaches_the_goal() -> None:
    floats, score = _choose(dict.fromkeys(NAMES, 2.0))
    assert len(floats) == len(NAMES) - 1
    assert score == 2.0


def test_what_is_not_finite_is_no_success() -> None:
    floats, score = _choose({"layer-3": np.nan})
    assert floats == {"layer-3"}
    assert score == 0.0


def test_without_layers_there_is_nothing_to_choose() -> None:
    assert _choose({}, []) == (set(), 0.0)


def test_many_layers_are_taken_in_blocks() -> None:
    names = [f"layer-{i}" for i in range(240)]
    floats, _ = _choose({"layer-15": 9.0}, names)
    assert floats == {f"layer-{i}" for i in range(10, 20)}


@pytest.fixture(scope="module")
def network() -> tuple[onnx.ModelProto, onnx.ModelProto, np.ndarray]:
    """hrpn-s in float32 and in int8, and patches that calibrated nothing."""
    _, contract = preset("hrpn-s")
    graph = onnx.ModelProto.FromString(preset_graph("hrpn-s"))
    dim = (images((8, 64, 64), seed=3) * 0.25).round()
    made, _ = to_int8(graph, dim, contract)
    return graph, made, (images((4, 64, 64), seed=5) * 0.25).round()


def test_three_times_as_bright_does_not_collapse(
    network: tuple[onnx.ModelProto, onnx.ModelProto, np.ndarray],
) -> None:
    graph, made, patches = network
    plain, int8 = run_onnx(graph), run_onnx(made)
    for gain in (1.0, 3.0):
        bright = np.minimum(patches * gain, 255).astype(np.float32)
        expected = plain(bright)
        apart = np.abs(int8(bright) - expected)
        assert apart.mean() < 1.0  # as the certificate allows on the patches
        assert np.square(apart).mean() < 0.02 * expected.var()


def test_parts_of_a_concatenation_share_a_scale(
    network: tuple[onnx.ModelProto, onnx.ModelProto, np.ndarray],
) -> None:
    _, made, _ = network
    known, nodes = constants(made), made.graph.node
    makers = {node.output[0]: node for node in nodes}
    joins = [node for node in nodes if node.op_type == "Concat"]
    scales = [
        {float(known[makers[name].input[1]]) for name in join.input if name in makers}
        for join in joins
        if all(makers[name].op_type == "DequantizeLinear" for name in join.input)
    ]
    assert scales
    assert all(len(each) == 1 for each in scales)


def test_the_loss_of_the_same_network_is_zero() -> None:
    patches = images((3, 16, 16))

    def run(patch: np.ndarray) -> np.ndarray:
        return patch[..., :1]

    loss = Loss(run, patches, patches[..., 1:], 1, 255.0)
    assert loss(run) == pytest.approx(0.0, abs=1e-9)
    assert loss(lambda patch: patch[..., 1:]) > 1


def test_brighter_patches_end_at_the_largest_grey_level() -> None:
    patches = images((4, 8, 8))
    assert with_gains(patches, 255.0).max() == 255.0
    assert len(with_gains(patches, 255.0)) == 4 + 3 * 2
