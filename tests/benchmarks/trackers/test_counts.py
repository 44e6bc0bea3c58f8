"""Parameters and operations of ONNX graphs against closed forms.

The presets are checked in ``tests/export/formats/test_onnx_file.py``, where their files are made.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from hrpn_benchmarks.errors import InstrumentError
from hrpn_benchmarks.trackers.counts import Counts, count_onnx, try_to_count
from onnx import helper, numpy_helper


def graph(text: str, **constants: tuple[int, ...]) -> onnx.ModelProto:
    """A model of ONNX's own notation, with constants of these shapes."""
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 18]> g (float[n, h, w, 2] x) => (float[a, b, c, d] y)'
        f"{{{text}}}"
    )
    for name, shape in constants.items():
        values = np.ones(shape, np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    return model


FIRST = "c = Transpose<perm = [0, 3, 1, 2]>(x)"


def test_a_convolution_with_stride_and_bias() -> None:
    model = graph(
        f"{FIRST} y = Conv<strides = [2, 2], pads = [1, 1, 1, 1]>(c, w, b)", w=(8, 2, 3, 3), b=(8,)
    )
    assert count_onnx(model, 32) == Counts(8 * 2 * 9 + 8, 16 * 16 * 8 * 2 * 9)


def test_a_depthwise_convolution() -> None:
    model = graph(f"{FIRST} y = Conv<group = 2, pads = [1, 1, 1, 1]>(c, w)", w=(2, 1, 3, 3))
    assert count_onnx(model, 10) == Counts(18, 10 * 10 * 2 * 9)


def test_a_transposed_convolution_spreads_its_input() -> None:
    model = graph(f"{FIRST} y = ConvTranspose<strides = [2, 2]>(c, w)", w=(2, 5, 2, 2))
    assert count_onnx(model, 10) == Counts(2 * 5 * 4, 10 * 10 * 2 * 5 * 4)


def test_a_product_of_matrices_counts_and_work_by_pixel_does_not() -> None:
    model = graph("m = MatMul(x, w) r = Relu(m) y = Add(r, s)", w=(2, 7), s=(7,))
    assert count_onnx(model, 6) == Counts(14, 6 * 6 * 2 * 7)


def test_weights_that_are_shared_count_once_and_their_work_twice() -> None:
    text = f"{FIRST} d = Conv(c, w) y = Conv(d, w)"
    assert count_onnx(graph(text, w=(2, 2, 1, 1)), 4) == Counts(4, 2 * 16 * 4)


def test_weights_in_int8_are_constants() -> None:
    model = graph(f"{FIRST} w = DequantizeLinear(q, s) y = Conv(c, w)", s=())
    q = numpy_helper.from_array(np.ones((3, 2, 1, 1), np.int8), "q")
    model.graph.initializer.append(q)
    assert count_onnx(model, 4) == Counts(6, 16 * 6)


def test_a_shape_that_cannot_be_told_is_no_figure() -> None:
    model = graph("m = NonZero(x) f = Cast<to = 1>(m) y = MatMul(f, w)", w=(4, 4))
    model.graph.input.append(helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, (4, 4)))
    with pytest.raises(InstrumentError, match=r"the shape of \w+ in the ONNX graph"):
        count_onnx(model, 8)


def holding(folder: Path, **paths: str) -> Any:
    """As much of a bundle as is looked at: its folder, and its ONNX files by precision."""
    there = [SimpleNamespace(format="onnx", precision=p, path=path) for p, path in paths.items()]
    there.append(SimpleNamespace(format="tflite", precision="fp32", path="other"))
    return SimpleNamespace(path=folder, manifest=SimpleNamespace(artefacts=there))


def test_a_bundle_is_counted_by_its_onnx_file(tmp_path: Path) -> None:
    onnx.save(graph(f"{FIRST} y = Conv(c, w)", w=(3, 2, 1, 1)), tmp_path / "half.onnx")
    assert try_to_count(holding(tmp_path, fp16="half.onnx", int8="gone"), 4) == Counts(6, 16 * 6)


def test_a_network_that_cannot_be_counted_says_why(tmp_path: Path) -> None:
    why = [try_to_count(each, 4) for each in (None, holding(tmp_path), holding(tmp_path, fp32="x"))]
    assert why[0] == "its process did not count them"
    assert why[1] == "counted in ONNX files, and the bundle holds none"
    assert str(why[2]).startswith("x cannot be counted: ")
