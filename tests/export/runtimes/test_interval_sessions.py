"""Contracts, sessions and sums of networks with prediction intervals; numbers in ONNX graphs."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from hrpn_export import Contract, ContractError
from hrpn_export.formats.refit import convolution_of_prediction
from hrpn_export.graphs.scalars import widen_scalars
from hrpn_export.intervals import Coverage, WithoutIntervals
from onnx import helper, numpy_helper

PLAIN = Contract(("vessels", "nuclei"), ("qd",), 0.5, 4, 41, True, 255.0)
WIDE = Contract(("vessels",), ("qd", "lower", "upper"), 0.5, 4, 41, True, 255.0, 0.9)


def test_a_contract_says_which_outputs_are_predictions() -> None:
    assert (PLAIN.points, WIDE.points) == (1, 1)
    assert WIDE.without_intervals().outputs == ("qd",)
    assert WIDE.without_intervals().coverage is None
    assert Contract.from_json(WIDE.to_json()) == WIDE
    assert "coverage" not in json.loads(PLAIN.to_json())  # as before there were intervals


@pytest.mark.parametrize("coverage", [0, 1, 1.5, True, "0.9", float("nan")])
def test_a_coverage_that_is_none(coverage: object) -> None:
    with pytest.raises(ContractError, match="coverage must be"):
        Contract(("a",), ("b", "c", "d"), None, 1, 1, True, 255.0, coverage)  # type: ignore[arg-type]


def test_intervals_have_three_outputs() -> None:
    with pytest.raises(ContractError, match="three outputs"):
        Contract(("a",), ("b",), None, 1, 1, True, 255.0, 0.9)


def test_a_session_without_its_bounds() -> None:
    class Session:
        contract = WIDE
        largest_side = 512

        def __call__(self, batch: np.ndarray) -> np.ndarray:
            return np.concatenate([batch, batch - 1, batch + 1], axis=-1)

    session = WithoutIntervals(Session())
    batch = np.ones((1, 4, 8, 1), np.float32)
    np.testing.assert_array_equal(session(batch), batch)
    assert session.contract.outputs == ("qd",)
    assert session.largest_side == 512


def test_coverage_adds_up_and_nan_covers_nothing() -> None:
    truth = np.array([1.0, 2.0, 3.0, 4.0])[:, None]
    bounds = np.array([[0, 1, 2], [0, 3, 9], [0, np.nan, 9], [0, 0, 4]], float)
    counted = Coverage()
    for part in (slice(0, 1), slice(1, 4)):
        counted.add(bounds[part], truth[part])
    assert (counted.pixels, counted.within, counted.share) == (4, 2, 0.5)


def test_the_convolution_of_the_prediction_is_found_by_what_it_moves() -> None:
    patch = np.zeros((2, 2, 1), np.float32)

    def run(moved: str):  # type: ignore[no-untyped-def]
        one, two = float(moved == "mean"), float(moved == "spread")
        return lambda x: np.concatenate([x + one, x + one - two], axis=-1)

    assert convolution_of_prediction(["spread", "mean"], run, patch, run("")) == "mean"
    both = ["mean", "mean"]  # two convolutions that are added up
    assert convolution_of_prediction(both, run, patch, run("")) is None


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "GreaterOrEqual", "Max"])
@pytest.mark.parametrize("first", [True, False])
def test_numbers_are_as_wide_as_what_they_meet(kind: str, first: bool) -> None:
    image = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, None, None, 1])
    boolean = kind == "GreaterOrEqual"
    element = onnx.TensorProto.BOOL if boolean else onnx.TensorProto.FLOAT
    result = helper.make_tensor_value_info("y", element, [None, None, None, 1])
    names = ["c", "x"] if first else ["x", "c"]
    number = numpy_helper.from_array(np.float32(1.5), "c")
    graph = helper.make_graph([helper.make_node(kind, names, ["y"])], "g", [image], [result])
    graph.initializer.append(number)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    x = np.random.default_rng(0).normal(size=(1, 3, 4, 1)).astype(np.float32)
    before = _run(model, x)
    widen_scalars(model)
    after = _run(model, x)
    np.testing.assert_array_equal(before, after)
    (node,) = model.graph.node
    dims = {each.name: list(each.dims) for each in model.graph.initializer}
    assert dims[node.input[0 if first else 1]] == [1, 1, 1, 1]


def _run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: np.ndarray = session.run(None, {"x": x})[0]
    return found
