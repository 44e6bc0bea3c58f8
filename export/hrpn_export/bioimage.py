"""The bundle as a bioimage.io model: ``rdf.yaml`` with its test input and output."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hrpn_export.manifest import Manifest

if TYPE_CHECKING:
    from hrpn_export.export import About


def write(
    folder: Path, manifest: Manifest, about: "About", sample: np.ndarray, expected: np.ndarray
) -> None:
    """Write ``rdf.yaml``, ``test_input.npy`` and ``test_output.npy``.

    Args:
        folder: of the bundle.
        manifest: of the bundle, without checksums.
        about: what is known of the model.
        sample: (1, H, W, inputs) float32 grey levels.
        expected: (1, H, W, outputs) float32 grey levels, by the Keras model.
    """
    np.save(folder / "test_input.npy", sample)
    np.save(folder / "test_output.npy", expected)
