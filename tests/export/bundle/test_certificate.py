import json
import math

import pytest
from hrpn_export.certificate import (
    Certificate,
    CertificateEntry,
    Measured,
    Stress,
    read_certificate,
    robust_gain,
)
from hrpn_export.errors import DamagedBundleError
from hypothesis import given
from hypothesis import strategies as st

GOOD = {
    "what": "patches", "pixels": 100, "largest": 0.001, "mean": 0.0001, "mismatching": 0.0,
    "mse": 25.0, "r2": 0.9, "psnr": 34.0, "mse_change": 1e-6, "r2_change": 0.0, "psnr_change": 0.0,
}  # fmt: skip


def certificate(precision="fp32", problem=None, measured=(GOOD,), **changes):
    entry = CertificateEntry(
        format="onnx", precision=precision, runtime="onnxruntime", version="1", device="cpu",
        measured=tuple(Measured(**(values | changes)) for values in measured), problem=problem,
    )  # fmt: skip
    return Certificate(evidence="", grey_max=255.0, entries=(entry,))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "dynamic", "int8"])
def test_good_figures_are_certified(precision):
    assert certificate(precision).problem("onnx", precision) is None


@pytest.mark.parametrize(
    ("precision", "changes", "reason"),
    [
        ("fp32", {"largest": 0.011}, "up to 0.011 grey levels on patches, where 0.01 are"),
        ("fp32", {"largest": math.nan}, "nan grey levels"),
        ("fp32", {"largest": math.inf}, "inf grey levels"),
        ("fp32", {"mse": math.nan}, "not finite"),
        ("fp16", {"largest": 0.26}, "0.25 are allowed"),
        ("fp16", {"mse_change": 0.0011}, "0.110%"),
        ("int8", {"largest": 10.1}, "10.1 grey levels on patches, where 10 are"),
        ("int8", {"mean": 1.1}, "1.1 grey levels in the mean"),
        ("dynamic", {"largest": 21.0, "mse_change": -0.1}, "21 grey levels"),
        ("int8", {"mse_change": 0.011}, "1.100%"),
        ("int8", {"mse_change": math.nan}, "nan%"),
        ("int8", {"mse": math.inf}, "not finite"),
        ("dynamic", {"mse_change": math.inf}, "inf%"),
        ("int4", {}, "no limit"),
    ],
)
def test_figures_beyond_the_limit_are_refused_whatever_the_file_says(precision, changes, reason):
    problem = certificate(precision, **changes).problem("onnx", precision)
    assert problem is not None
    assert reason in problem
    assert "--uncertified" in problem


@pytest.mark.parametrize("precision", ["fp16", "dynamic", "int8"])
def test_a_smaller_error_is_no_fault(precision):
    assert certificate(precision, mse_change=-0.3).problem("onnx", precision) is None


@pytest.mark.parametrize(
    ("precision", "seam", "fine"),
    [
        ("fp32", 0.009, True), ("fp32", 66.3, False), ("fp32", math.nan, False),
        ("fp16", 0.3, False), ("int8", 0.2, True), ("int8", 0.3, False),
        ("dynamic", 0.64, True), ("dynamic", 1.1, False), ("fp32", None, True),
    ],
)  # fmt: skip
def test_the_seam_error_has_a_limit(precision, seam, fine):
    made = certificate(precision)
    entry = made.entries[0].model_copy(update={"seam_error": seam})
    made = made.model_copy(update={"entries": (entry,)})
    problem = made.problem("onnx", precision)
    assert (problem is None) == fine
    assert fine or "seam error" in (problem or "")


def test_each_runtime_has_an_entry_of_its_own():
    usual = certificate().entries[0]
    other = usual.model_copy(update={"runtime": "openvino", "problem": "differs"})
    both = certificate().model_copy(update={"entries": (usual, other)})
    assert both.problem("onnx", "fp32") is None
    assert both.problem("onnx", "fp32", "onnxruntime") is None
    assert "is not certified in openvino: differs" in (
        both.problem("onnx", "fp32", "openvino") or ""
    )
    assert "measured in onnxruntime only" in (
        certificate().problem("onnx", "fp32", "openvino") or ""
    )


@pytest.mark.parametrize(
    ("differences", "gain"),
    [([0.5, 0.9], 3.0), ([0.5, 21.0], 1.5), ([11.0, 0.5], 1.0), ([math.nan, 0.5], 1.0), ([], None)],
)
def test_a_format_is_robust_up_to_the_gain_before_the_first_miss(differences, gain):
    tried = tuple(
        Stress(what=f"gain {factor}", gain=factor, largest=largest, mean=0.1)
        for factor, largest in zip((1.5, 3.0), differences, strict=False)
    )
    entry = certificate("int8").entries[0].model_copy(update={"stress": tried})
    assert robust_gain(entry, 255.0) == gain


def test_limits_scale_with_the_range():
    wide = certificate(largest=2.0).model_copy(update={"grey_max": 65535.0})
    assert wide.problem("onnx", "fp32") is None
    assert certificate(largest=2.0).problem("onnx", "fp32") is not None


def test_the_worst_image_counts():
    two = certificate(measured=(GOOD, GOOD | {"what": "slide 7", "largest": 3.0}))
    assert "slide 7" in (two.problem("onnx", "fp32") or "")


def test_a_noted_problem_counts_even_if_it_says_nothing():
    assert certificate(problem="").problem("onnx", "fp32") is not None
    noted = certificate(problem="two\nlines").problem("onnx", "fp32")
    assert noted is not None
    assert noted.isprintable()


def test_what_was_never_measured_is_not_certified():
    assert "was not measured" in (certificate(measured=()).problem("onnx", "fp32") or "")
    assert "never measured" in (certificate().problem("tflite", "fp32") or "")


@given(st.floats(), st.floats(min_value=0) | st.just(math.nan))
def test_every_figure_survives_the_file(tmp_path_factory, change, distance):
    path = tmp_path_factory.mktemp("c") / "certificate.json"
    written = certificate(largest=distance, mse_change=change)
    written.write(path)
    json.loads(path.read_text(), parse_constant=pytest.fail)
    assert repr(read_certificate(path)) == repr(written)


@pytest.mark.parametrize(
    "change",
    [
        {"largest": -1.0},
        {"pixels": 0},
        {"mse": "small"},
        {"what": 5},
        {"surprise": 1},
    ],
)
def test_impossible_figures_are_refused(tmp_path, change):
    values = certificate().model_dump(mode="json")
    values["entries"][0]["measured"][0].update(change)
    (tmp_path / "certificate.json").write_text(json.dumps(values))
    with pytest.raises(DamagedBundleError, match="no certificate: entries"):
        read_certificate(tmp_path / "certificate.json")


@pytest.mark.parametrize("value", [0.0, -255.0, "Infinity", "NaN"])
def test_an_impossible_range_is_refused(tmp_path, value):
    values = certificate().model_dump(mode="json") | {"grey_max": value}
    (tmp_path / "certificate.json").write_text(json.dumps(values))
    with pytest.raises(DamagedBundleError, match="grey_max"):
        read_certificate(tmp_path / "certificate.json")


def test_two_entries_for_one_format_are_refused(tmp_path):
    values = certificate().model_dump(mode="json")
    values["entries"] *= 2
    (tmp_path / "certificate.json").write_text(json.dumps(values))
    with pytest.raises(DamagedBundleError, match="twice"):
        read_certificate(tmp_path / "certificate.json")
