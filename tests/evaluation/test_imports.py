"""Evaluating needs no network, so it must not pay for TensorFlow."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "hrpn_tf.evaluation",
        "hrpn_tf.cli.evaluate",
        "hrpn_tf.cli.predict",
        "hrpn_tf.cli.report",
        "hrpn_tf.workflows.evaluate.evaluate",
        "hrpn_tf.workflows.predict.predict",
        "hrpn_tf.workflows.report.report",
    ],
)
def test_heavy_libraries_are_not_loaded_on_import(module: str) -> None:
    code = f"import sys, {module}; print([m for m in sys.modules if '.' not in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.replace("'", "").strip("[]\n").split(", "))
    assert "numpy" in loaded or "click" in loaded
    assert not loaded & {"tensorflow", "keras", "matplotlib", "skimage", "cv2", "sklearn"}
