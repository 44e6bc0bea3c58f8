import os

import pytest
from hrpn_export.errors import DamagedBundleError
from hrpn_export.manifest import read_manifest
from support.bundles import change_manifest, copied


@pytest.fixture
def bundle(tmp_path):
    return copied(tmp_path)


def refused(bundle, match):
    with pytest.raises(DamagedBundleError, match=match) as refusal:
        read_manifest(bundle)
    assert str(refusal.value).isprintable()


def test_what_is_written_is_read(bundle):
    manifest = read_manifest(bundle)
    before = (bundle / "bundle.json").read_bytes()
    manifest.write(bundle)
    assert (bundle / "bundle.json").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "cannot be read"),
        ("not JSON", "cannot be read"),
        ("[]", "no JSON object"),
        ("5", "no JSON object"),
        ('"text"', "no JSON object"),
        ("null", "no JSON object"),
        ("[" * 100_000, "cannot be read"),
        ('{"a":' * 100_000, "cannot be read"),
        ('{"schema_version": 1, "schema_version": 1}', "a key is there twice"),
        ('{"schema_version": NaN}', "NaN is no number"),
        ('{"schema_version": ' + "9" * 5000 + "}", "cannot be read"),
        ('{"schema_version": 2}', "schema 2, and this program knows up to 1; update"),
        ('{"schema_version": 0}', "schema_version"),
        ('{"schema_version": "1"}', "schema_version"),
        ("{}", "name"),
    ],
)
def test_what_is_no_manifest_is_refused(bundle, text, match):
    (bundle / "bundle.json").write_text(text)
    refused(bundle, match)


def test_bytes_that_are_no_text_are_refused(bundle):
    (bundle / "bundle.json").write_bytes(b"\xff\xfe{}")
    refused(bundle, "cannot be read")


def test_a_large_manifest_is_not_read(bundle):
    with (bundle / "bundle.json").open("wb") as file:
        file.truncate(2**40)
    refused(bundle, "larger than")


@pytest.mark.timeout(10)
def test_a_pipe_in_its_place_does_not_wait_for_ever(bundle):
    (bundle / "bundle.json").unlink()
    os.mkfifo(bundle / "bundle.json")
    refused(bundle, "no file")


def test_a_link_in_its_place_is_not_followed(bundle, tmp_path):
    (bundle / "bundle.json").rename(tmp_path / "elsewhere.json")
    (bundle / "bundle.json").symlink_to(tmp_path / "elsewhere.json")
    refused(bundle, "a link")


def test_a_missing_manifest_is_named(tmp_path):
    refused(tmp_path, "bundle.json is missing")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("extra", 1),
        ("extra\nline\x1b[2J", 1),
        ("name", 5),
        ("name", "x" * 20_000),
        ("name", "../tiny"),
        ("grey_levels", {"type": "float64", "minimum": 0, "maximum": 255}),
        ("grey_levels", {"type": "uint8", "minimum": "Infinity", "maximum": 255}),
        ("outputs", "qd"),
        ("licence", None),
        ("provenance", []),
        ("artefacts", [{"format": "onnx"}]),
        ("files", {"README.md": "short"}),
        ("files", {"README.md": "A" * 64}),
        ("files", ["README.md"]),
    ],
)
def test_wrong_fields_are_refused(bundle, field, value):
    change_manifest(bundle, lambda values: values.update({field: value}))
    refused(bundle, None)
