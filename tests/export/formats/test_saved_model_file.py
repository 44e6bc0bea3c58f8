import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hrpn_export.errors import DamagedBundleError
from hrpn_export.formats import Source
from hrpn_export.formats.saved_model import export
from hrpn_export.runtimes.saved_model import SavedModelSession
from support.format_networks import PRESETS, SHAPES, answer, images, preset, tiny


@pytest.mark.parametrize("name", PRESETS)
def test_presets_give_what_the_keras_model_gives(tmp_path, name):
    model, contract = preset(name)
    path = export(Source(model, contract), "fp32", tmp_path)
    session = SavedModelSession(path, contract, "cpu", None)
    for shape in SHAPES:
        assert np.abs(session(images(shape)) - answer(name, shape)).max() < 0.01


@pytest.mark.slow
def test_saved_model_cli_reads_the_signature(tmp_path):
    model, contract = tiny()
    path = export(Source(model, contract), "fp32", tmp_path)
    # TensorFlow Serving wants a folder with one folder for each version, named by a number
    assert [each.name for each in path.iterdir()] == ["1"]
    command = [Path(sys.executable).parent / "saved_model_cli", "show", "--dir", path / "1"]
    options = ["--tag_set", "serve", "--signature_def", "serving_default"]
    run = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    shown = run.stdout
    given, result = shown.split("The given SavedModel SignatureDef contains the following output")
    assert "inputs['grey_levels']" in given
    assert "outputs['prediction']" in result
    assert "shape: (-1, -1, -1, 2)" in given
    assert "shape: (-1, -1, -1, 1)" in result
    assert given.count("dtype: DT_FLOAT") == result.count("dtype: DT_FLOAT") == 1


def test_the_weights_are_variables_of_the_file(tmp_path):
    import tensorflow as tf

    model, contract = tiny()
    loaded = tf.saved_model.load(str(export(Source(model, contract), "fp32", tmp_path) / "1"))
    assert len(loaded.signatures["serving_default"].variables) == len(model.variables)


def test_a_folder_without_a_version_is_no_saved_model(tmp_path):
    _, contract = tiny()
    with pytest.raises(DamagedBundleError, match="no version"):
        SavedModelSession(tmp_path, contract, "cpu", None)
    (tmp_path / "1").mkdir()
    with pytest.raises(DamagedBundleError, match="no SavedModel"):
        SavedModelSession(tmp_path, contract, "cpu", None)
