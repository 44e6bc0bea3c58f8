"""Which networks of a bundle there are to choose from."""

from typing import Any

import pytest
from support.small_bundle import small_bundle

from hrpn_tf.workflows.networks import auto
from hrpn_tf.workflows.networks.bundle import BundleNetwork
from hrpn_tf.workflows.networks.choosing import bundle_candidates


def test_candidates_are_the_certified_fp32_formats_of_a_bundle() -> None:
    found = bundle_candidates(small_bundle())
    names = [auto.name_of(each) for each in found.networks]
    assert names == [
        "onnxruntime (onnx fp32)",
        "openvino (onnx fp32)",
        "tensorflow (saved_model fp32)",
        "keras (keras fp32)",
    ]


@pytest.mark.parametrize(
    ("options", "format", "precision", "runtime"),
    [
        ({"runtime": "openvino"}, "onnx", "fp32", "openvino"),
        ({"runtime": "keras"}, "keras", "fp32", "keras"),
        ({"runtime": "tensorflow"}, "saved_model", "fp32", "tensorflow"),
        ({"format": "keras"}, "keras", "fp32", "keras"),
        ({"device": "cuda"}, "onnx", "fp32", "onnxruntime"),
        ({"uncertified": True}, "onnx", "fp32", "onnxruntime"),
        ({"precision": "int8"}, "onnx", "int8", "onnxruntime"),
        ({"precision": "bf16"}, "onnx", "bf16", "openvino"),
    ],
)
def test_what_is_asked_for_is_taken(
    options: dict[str, Any], format: str, precision: str, runtime: str
) -> None:
    (found,) = bundle_candidates(small_bundle(), **options).networks
    assert isinstance(found, BundleNetwork)
    assert (found.format, found.precision, found.ran_by()) == (format, precision, runtime)
