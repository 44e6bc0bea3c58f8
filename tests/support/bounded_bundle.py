"""Writes a bundle that predicts bounds, too; run as a program with the folder to make."""

import sys
from dataclasses import replace
from pathlib import Path


def export_bounded(folder: Path) -> None:
    import keras
    import numpy as np
    from hrpn_export import About, Evidence, export_bundle

    from support.bundles import CONTRACT, network

    plain = network()
    bounds = [keras.layers.Rescaling(factor)(plain.output) for factor in (1.0, 0.8, 1.25)]
    model = keras.Model(plain.input, keras.layers.Concatenate()(bounds))
    patches = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 2)).astype(np.float32)
    export_bundle(
        model,
        replace(CONTRACT, outputs=("qd", "qd_lower", "qd_upper"), coverage=0.9),
        folder,
        artefacts=[("onnx", "fp32")],
        evidence=Evidence(patches, np.asarray(plain(patches)) + 1, origin="random pixels"),
        about=About("tiny"),
    )


if __name__ == "__main__":
    export_bounded(Path(sys.argv[1]))
