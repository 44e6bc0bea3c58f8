import math
import re
import subprocess
import sys

import pytest
import tensorflow as tf
from hrpn_export import About, export_bundle, readme
from hrpn_export.certificate import Certificate, CertificateEntry, read_certificate
from hrpn_export.formats.keras_file import own_layers
from hrpn_export.manifest import Artefact, Manifest, Output, read_manifest
from support.bundles import CONTRACT, copied, evidence, exported, network

# Run before a snippet: whatever it imports, it is not this project.
BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"hrpn_tf", "hrpn_export", "hrpn_benchmarks"}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Block())
"""


def snippets(text):
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def run(folder, code):
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED + code], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [float(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """With a TFLite file, whichever formats this installation exports."""
    folder = copied(tmp_path_factory.mktemp("readme"))
    manifest = read_manifest(folder)
    path = folder / "tflite/fp32/model.tflite"
    path.parent.mkdir(parents=True)
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(network()).convert())
    names = ("tflite", "fp32", "tflite/fp32/model.tflite")
    more = Artefact(format=names[0], precision=names[1], path=names[2])
    manifest = manifest.model_copy(update={"artefacts": (*manifest.artefacts, more)})
    readme.write(folder, manifest, read_certificate(folder / "certificate.json"))
    return folder


def test_every_snippet_runs_where_this_project_is_not_installed(bundle):
    codes = snippets((bundle / "README.md").read_text())
    formats = ["keras/", "saved_model/", "onnx/", "tflite/"]
    assert [any(f'"{f}' in code for code in codes) for f in formats] == [True] * 4
    for code in codes:
        assert len([line for line in code.splitlines() if line]) <= 15
        assert "hrpn" not in code
    # one process for all: loading TensorFlow is what takes the time
    differences = run(bundle, "\n".join(codes))
    assert len(differences) == 4
    assert max(differences) < 0.01


def test_a_snippet_pads_what_is_no_multiple_and_crops(bundle):
    (code,) = [c for c in snippets((bundle / "README.md").read_text()) if '"onnx/' in c]
    odd = code.replace('np.load("test_input.npy")', 'np.load("test_input.npy")[:, :31, :29]')
    whole = 'np.load("test_output.npy")'
    odd = odd.replace(f"np.abs(prediction - {whole})", f"np.abs(prediction - {whole}[:, :31, :29])")
    # the reflected border differs from what was there: away from it nothing may
    odd = odd.replace(").max()", ")[:, :20, :20].max()")
    assert odd.count("31") == 2
    assert max(run(bundle, odd)) < 0.01


def test_it_says_what_goes_in_and_out():
    text = (exported() / "README.md").read_text()
    for part in (
        "# tiny", "vessels, nuclei", "0 to 255 (uint8)", "qd (grey level)", "0.5 micrometres",
        "any multiple of 2", "lose 4 pixels", "CC-BY-4.0", "TensorFlow Serving", "random pixels",
        "| onnx | fp32 | onnxruntime",
    ):  # fmt: skip
        assert part in text, part


def test_layers_that_keras_does_not_bring_are_said_plainly(tmp_path):
    import keras

    @keras.saving.register_keras_serializable("elsewhere")
    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2 * x[..., :1]

    Twice.__module__ = "elsewhere.layers"
    image = keras.Input((None, None, 2))
    model = keras.Model(image, Twice()(image))
    export_bundle(
        model, CONTRACT, tmp_path / "b", artefacts=[], evidence=evidence(model), about=About("own")
    )
    text = (tmp_path / "b/README.md").read_text()
    assert "needs more than its runtime" in text
    assert "`Twice`" in text
    assert "pip install keras tensorflow elsewhere" in text
    assert snippets(text)[0].startswith("import elsewhere.layers\nimport keras\n")
    assert own_layers(tmp_path / "b/keras/fp32/model.keras") == {"Twice": "elsewhere.layers"}
    assert own_layers(exported() / "keras/fp32/model.keras") == {}


def written(folder, certificate=None, **changes):
    manifest = read_manifest(exported())
    values = manifest.model_dump() | {"artefacts": []} | changes
    manifest = Manifest.model_validate(values)
    readme.write(
        folder, manifest, certificate or Certificate(evidence="", grey_max=255, entries=())
    )
    return (folder / "README.md").read_text()


def test_a_model_that_needs_the_whole_image_says_so(tmp_path):
    contract = CONTRACT.__dict__ | {"tile_exact": False, "receptive_field": None}
    contract |= {"pixel_size_um": None, "stride_multiple": 1}
    text = written(tmp_path, contract=contract)
    assert "predict them whole" in text
    assert "Pixel size | not stated" in text
    assert "any multiple of 1 |" in text


def test_an_engine_is_pointed_to(tmp_path):
    engine = {"format": "tensorrt", "precision": "fp16", "path": "tensorrt/fp16/model.engine"}
    text = written(tmp_path, artefacts=[engine])
    assert "### TensorRT, fp16: `tensorrt/fp16/model.engine` (an engine)" in text
    assert "`onnx/fp16/model.onnx`" in text


def test_the_table_says_why_something_is_not_certified(tmp_path):
    measured = read_certificate(exported() / "certificate.json").entries[0].measured[0]
    bad = measured.model_copy(update={"largest": math.nan, "mse_change": math.inf})
    entry = CertificateEntry(
        format="onnx", precision="fp16", runtime="onnxruntime", version="1", device="cpu",
        measured=(measured, bad),
    )  # fmt: skip
    unmeasured = CertificateEntry(
        format="tensorrt", precision="fp32", runtime="tensorrt", version="", device="cuda",
        problem="it could not be measured here: no | GPU\nat all",
    )  # fmt: skip
    text = written(tmp_path, Certificate(evidence="", grey_max=255, entries=(entry, unmeasured)))
    assert "| onnx | fp16 | onnxruntime 1 | nan | +inf % |" in text
    assert "| no: differs from the Keras model by up to nan grey levels" in text
    assert "| not measured | no: it could not be measured here: no GPU at all |" in text


def test_no_text_of_a_model_becomes_a_mark_or_a_program(tmp_path):
    nasty = "x` |\n```python\nimport os\n```<script>[a](b)"
    text = written(tmp_path, licence=nasty, program=nasty, outputs=[Output(name="qd", unit=nasty)])
    assert snippets(text) == []
    assert "<script>" not in text
    assert text.count("\n| Output |") == 1
