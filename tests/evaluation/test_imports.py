"""Evaluating needs no network, so it must not pay for TensorFlow."""

import subprocess
import sys

MODULES = (
    "hrpn_tf.evaluation",
    "hrpn_tf.cli.analyse",
    "hrpn_tf.cli.evaluate",
    "hrpn_tf.cli.napari",
    "hrpn_tf.cli.permeability",
    "hrpn_tf.cli.predict",
    "hrpn_tf.cli.report",
    "hrpn_tf.cli.serve",
    "hrpn_tf.cli.twin",
    "hrpn_tf.service.app",
    "hrpn_tf.service.server",
    "hrpn_tf.workflows.analyse.analyse",
    "hrpn_tf.workflows.evaluate.evaluate",
    "hrpn_tf.workflows.predict.predict",
    "hrpn_tf.workflows.report.report",
)
HEAVY = {"tensorflow", "keras", "matplotlib", "skimage", "cv2", "sklearn"}


def test_heavy_libraries_are_not_loaded_on_import() -> None:
    """One process imports them in turn and names the first that brings something heavy."""
    code = "\n".join(
        f"import {module}; print({module!r}, *sorted({HEAVY!r} & set(sys.modules)))"
        for module in MODULES
    )
    command = [sys.executable, "-c", f"import sys\n{code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == list(MODULES)
