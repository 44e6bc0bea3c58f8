"""Bundles that a stranger or an accident has changed."""

import json
import os
import shutil

import pytest
from hrpn_export import BundleError, open_bundle, open_session
from hrpn_export.errors import CertificateError, DamagedBundleError, FormatError
from hrpn_export.paths import files_below
from hypothesis import event, given
from hypothesis import strategies as st
from support.bundles import CONTRACT, change_json, change_manifest, copied, exported, vouch

SAVED = "saved_model/fp32/model/1"


@pytest.fixture
def bundle(tmp_path):
    return copied(tmp_path)


def refused(bundle, match, error=DamagedBundleError):
    with pytest.raises(error, match=match) as refusal:
        open_bundle(bundle)
    assert str(refusal.value).isprintable()


def test_a_changed_byte_in_any_file_is_noticed(bundle):
    names = [name for name in files_below(bundle) if name != "bundle.json"]
    assert len(names) >= 11
    for name in names:
        path = bundle / name
        before = path.read_bytes()
        place = len(before) // 2
        path.write_bytes(before[:place] + bytes([before[place] ^ 1]) + before[place + 1 :])
        refused(bundle, f"{name} is not as it was exported")
        path.write_bytes(before)
    open_bundle(bundle)


def test_any_missing_file_is_named(bundle, tmp_path):
    for name in files_below(bundle):
        (bundle / name).rename(tmp_path / "aside")
        refused(bundle, rf"{name}( is missing|\))" if name != "bundle.json" else "no bundle")
        (tmp_path / "aside").rename(bundle / name)


@pytest.mark.parametrize("name", ["onnx/fp32/model.onnx.data", f"{SAVED}/assets/x", "keras/fp32/y"])
def test_an_extra_file_beside_a_format_is_refused(bundle, name):
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("")
    refused(bundle, f"{name} is not listed")


def test_a_note_of_ones_own_at_the_top_is_left_alone(bundle):
    (bundle / "notes.txt").write_text("mine")
    open_bundle(bundle)


@pytest.mark.parametrize(
    "name",
    ["../outside", "/etc/passwd", "a/../../b", "C:\\a", "..\\a", "a\nb", ".hidden", "nul", ""],
)
@pytest.mark.parametrize("place", ["files", "artefacts"])
def test_names_that_lead_out_are_refused(bundle, name, place):
    def change(values):
        if place == "files":
            values["files"][name] = "0" * 64
        else:
            values["artefacts"][0]["path"] = name

    change_manifest(bundle, change)
    refused(bundle, "is no name of a file")


def test_a_link_to_a_file_or_folder_is_refused(bundle, tmp_path):
    outside = tmp_path / "outside.onnx"
    (bundle / "onnx/fp32/model.onnx").rename(outside)
    (bundle / "onnx/fp32/model.onnx").symlink_to(outside)
    refused(bundle, "is a link")
    (bundle / "onnx/fp32/model.onnx").unlink()
    outside.rename(bundle / "onnx/fp32/model.onnx")
    (bundle / "saved_model").rename(tmp_path / "outside")
    (bundle / "saved_model").symlink_to(tmp_path / "outside", target_is_directory=True)
    refused(bundle, "is a link")


@pytest.mark.timeout(10)
def test_a_pipe_in_the_place_of_a_file_does_not_wait_for_ever(bundle):
    (bundle / "README.md").unlink()
    os.mkfifo(bundle / "README.md")
    refused(bundle, "README.md is no file")


@pytest.mark.parametrize(
    ("format", "path", "match"),
    [
        # Keras chooses its reader, and with what care, by the suffix
        ("keras", "keras/fp32/model.h5", "no keras of a bundle"),
        ("keras", "keras/fp32/model", "no keras of a bundle"),
        ("onnx", "onnx/fp32/model.ort", "no onnx of a bundle"),
        ("saved_model", "saved_model/fp32/saved_model.pb", "no saved_model of a bundle"),
        ("onnx", "README.md", "does not lie in onnx/fp32"),
        ("onnx", "keras/fp32/model.keras", "does not lie in onnx/fp32"),
    ],
)
def test_a_format_under_another_name_is_refused(bundle, format, path, match):
    (bundle / path).parent.mkdir(exist_ok=True, parents=True)
    if not (bundle / path).exists():
        shutil.copyfile(bundle / "keras/fp32/model.keras", bundle / path)
    vouch(bundle, path)
    change_manifest(
        bundle,
        lambda v: next(a for a in v["artefacts"] if a["format"] == format).update(path=path),
    )
    refused(bundle, match)


def test_a_folder_in_the_place_of_a_keras_file_is_refused(bundle):
    folder = bundle / "keras/fp32/model.keras"
    folder.unlink()
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    change_manifest(bundle, lambda v: v["files"].pop("keras/fp32/model.keras"))
    vouch(bundle, "keras/fp32/model.keras/config.json")
    refused(bundle, "no keras of a bundle")


def test_a_format_that_is_there_twice_is_refused(bundle):
    change_manifest(bundle, lambda v: v["artefacts"].append(v["artefacts"][0]))
    refused(bundle, "twice")


def test_a_format_of_a_newer_program_is_no_reason_to_refuse_the_others(bundle):
    def change(values):
        values["artefacts"][2] |= {"format": "coreml", "path": "coreml/fp32/model"}

    (bundle / "onnx").rename(bundle / "coreml")
    (bundle / "coreml/fp32/model.onnx").rename(bundle / "coreml/fp32/model")
    change_manifest(bundle, change)
    change_manifest(bundle, lambda v: v["files"].pop("onnx/fp32/model.onnx"))
    vouch(bundle, "coreml/fp32/model")
    opened = open_bundle(bundle)
    with pytest.raises(FormatError, match="no format coreml"):
        open_session(opened, "coreml")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stride_multiple", 0), ("stride_multiple", -2), ("stride_multiple", "2"),
        ("stride_multiple", 2.5), ("stride_multiple", True), ("stride_multiple", 10**9),
        ("receptive_field", 0), ("receptive_field", "9"), ("pixel_size_um", -0.5),
        ("pixel_size_um", "0.5"), ("pixel_size_um", 1e999), ("tile_exact", 1), ("tile_exact", None),
        ("grey_max", 0), ("grey_max", "255"), ("inputs", []), ("inputs", "vessels"),
        ("inputs", [5]), ("inputs", ["a", "a"]), ("inputs", ["a\nimport os"]), ("inputs", [""]),
        ("inputs", [["a"]]), ("outputs", {"qd": 1}), ("outputs", ["other"]), ("surprise", 1),
    ],
)  # fmt: skip
def test_a_contract_of_wrong_types_is_refused(bundle, field, value):
    change_manifest(bundle, lambda values: values["contract"].update({field: value}))
    text = (bundle / "bundle.json").read_text()
    (bundle / "bundle.json").write_text(text.replace("Infinity", "1e999"))
    refused(bundle, field if field != "outputs" else "outputs")


def test_an_incomplete_contract_is_refused(bundle):
    change_manifest(bundle, lambda values: values["contract"].pop("grey_max"))
    refused(bundle, "grey_max")


def test_grey_levels_that_contradict_the_contract_are_refused(bundle):
    change_manifest(bundle, lambda values: values["grey_levels"].update(maximum=65535.0))
    refused(bundle, "grey_levels are not those of the contract")


def forge(bundle, change):
    change_json(bundle / "certificate.json", change)
    vouch(bundle, "certificate.json")


def entry(values, format):
    return next(e for e in values["entries"] if e["format"] == format)


@pytest.mark.parametrize("largest", [5.0, "NaN", "Infinity"])
def test_a_problem_removed_by_hand_is_found_in_the_figures(bundle, largest):
    def change(values):
        entry(values, "onnx")["problem"] = None
        entry(values, "onnx")["measured"][1]["largest"] = largest

    forge(bundle, change)
    opened = open_bundle(bundle)
    with pytest.raises(CertificateError, match="onnx fp32 is not certified"):
        open_session(opened, "onnx")
    open_session(opened, "onnx", certified=False)


def test_a_range_that_would_widen_the_limits_is_refused(bundle):
    forge(bundle, lambda values: values.update(grey_max=1e9))
    refused(bundle, "grey_max of certificate.json is not that of the contract")


def test_a_certificate_must_be_listed_and_be_one(bundle):
    (bundle / "certificate.json").write_text("[]")
    vouch(bundle, "certificate.json")
    refused(bundle, "no JSON object")
    change_manifest(bundle, lambda values: values["files"].pop("certificate.json"))
    refused(bundle, "certificate.json is not listed")


@pytest.mark.parametrize("content", ["pickle", "text", "empty", "vector", "words"])
def test_an_example_that_is_no_array_of_numbers_is_refused(bundle, content):
    import numpy as np

    path = bundle / "test_input.npy"
    arrays = {
        "pickle": np.array([[[[print]]]]),
        "vector": np.zeros(3),
        "words": np.full((1, 1, 1, 1), "a"),
    }
    if content in arrays:
        np.save(path, arrays[content], allow_pickle=True)
    else:
        path.write_text("" if content == "empty" else "text")
    vouch(bundle, "test_input.npy")
    with pytest.raises(DamagedBundleError, match=r"test_input.npy: no array"):
        open_bundle(bundle).example()


@pytest.mark.parametrize("path", ["nothing", ".", "bundle.json"])
def test_what_is_no_bundle_is_refused(tmp_path, path):
    (tmp_path / "bundle.json").write_text(json.dumps({"schema_version": 1}))
    with pytest.raises(BundleError):
        open_bundle(tmp_path / path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return copied(tmp_path_factory.mktemp("fuzz"))


@given(st.data())
@pytest.mark.parametrize("name", ["bundle.json", "certificate.json"])
def test_any_other_value_anywhere_is_refused_by_name_or_harmless(shared, name, data):
    """No error of another kind, whatever stands in the place of one value."""
    original = (exported() / name).read_text()
    values = json.loads(original)
    place = values
    while True:
        key = data.draw(
            st.sampled_from(range(len(place)) if isinstance(place, list) else list(place))
        )
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        place = inner
    place[key] = data.draw(JSON)
    (shared / "bundle.json").write_text((exported() / "bundle.json").read_text())
    (shared / name).write_text(json.dumps(values))
    if name != "bundle.json":
        vouch(shared, name)
    try:
        bundle = open_bundle(shared)
        for format in ("keras", "saved_model", "onnx"):
            bundle.certificate.problem(format, "fp32")
    except DamagedBundleError as error:
        event("refused" if str(error).isprintable() else pytest.fail("more than one line"))
    finally:
        (shared / name).write_text(original)


def test_a_file_that_cannot_be_read_is_an_error_of_one_line(bundle, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("hrpn_export.bundle.sha256_of", refuse)
    refused(bundle, "cannot be read: .* Permission denied")


def test_the_sample_itself_is_fine():
    assert open_bundle(exported()).contract == CONTRACT


def test_what_does_not_print_stands_as_a_blank():
    """A letter that this Python does not know, an escape code, a line's end."""
    assert str(DamagedBundleError("a\uaaf7b\x1b[31mc\nd")) == "a b [31mc d"
