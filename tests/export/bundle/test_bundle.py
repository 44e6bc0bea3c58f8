import numpy as np
import pytest
from hrpn_export import Session, open_bundle, open_session
from hrpn_export.errors import FormatError
from support.bundles import CONTRACT, exported


@pytest.fixture(scope="module")
def bundle():
    return open_bundle(exported())


def test_it_says_what_was_exported(bundle):
    assert bundle.contract == CONTRACT
    assert [a.format for a in bundle.manifest.artefacts] == ["keras", "saved_model", "onnx"]
    assert all(e.problem is None for e in bundle.certificate.entries)
    assert {"README.md", "rdf.yaml", "certificate.json"} <= bundle.manifest.files.keys()


def test_the_example_is_an_input_and_the_keras_models_output(bundle):
    image, expected = bundle.example()
    assert (image.shape, expected.shape) == ((1, 32, 32, 2), (1, 32, 32, 1))
    assert image.dtype == expected.dtype == np.float32


@pytest.mark.parametrize("format", ["keras", "saved_model", "onnx"])
@pytest.mark.parametrize("opened", [True, False])
def test_every_format_gives_the_example(bundle, format, opened):
    session: Session = open_session(bundle if opened else str(exported()), format)
    image, expected = bundle.example()
    np.testing.assert_allclose(session(image), expected, atol=0.01)
    assert session(image.astype(np.uint8)).dtype == np.float32


@pytest.mark.parametrize(
    ("choice", "match"),
    [
        ({"format": "pickle"}, "no format pickle"),
        ({"format": "onnx", "precision": "int4"}, "has no precision int4"),
        ({"format": "onnx", "precision": "fp16"}, "no onnx in fp16; it holds keras fp32"),
        ({"format": "onnx", "runtime": "keras"}, "keras does not run onnx"),
        ({"format": "onnx", "device": "tpu"}, "not on tpu"),
        ({"format": "onnx", "threads": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_chosen_is_explained(bundle, choice, match):
    with pytest.raises(FormatError, match=match):
        open_session(bundle, **choice)
