"""Every shipped network, trained in every precision, exports and agrees at every size and batch."""

from pathlib import Path

import numpy as np
import pytest
from export_samples import ROLES, command
from hrpn_export import open_bundle, open_session

from hrpn_tf.config import DataConfig, TissueConfig, load_config
from hrpn_tf.data.slide_list import read_slide_list
from hrpn_tf.data.store import PatchStore, build_store
from hrpn_tf.slides import write_slide

PRESETS = ("hrpn-s", "hrpn-m", "hrpn-published", "ganda")
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
SIZES = ((64, 64), (96, 128), (160, 64))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PatchStore:
    folder = tmp_path_factory.mktemp("presets")
    rng = np.random.default_rng(0)
    lines = ["slide,group"]
    for group in "abc":
        image = rng.integers(1, 200, (192, 128, 3)).astype(np.uint8)
        write_slide(
            folder / f"{group}.ome.tif", image, channels=ROLES, pixel_size_um=0.5, provenance={}
        )
        lines.append(f"{group}.ome.tif,{group}")
    (folder / "slides.csv").write_text("\n".join(lines))
    config = DataConfig(patch=64, stride=64, tissue=TissueConfig(method="all"))
    entries = read_slide_list(folder / "slides.csv", config)
    return build_store(entries, config, folder / "store", progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_trained_network_exports(
    store: PatchStore, tmp_path: Path, preset: str, precision: str
) -> None:
    from hrpn_tf.training.fit import fit

    overrides = [f"model.preset={preset}", f"training.precision={precision}"]
    overrides += ["training.epochs=1", "training.steps_per_epoch=1", "training.batch_size=1"]
    overrides += ["training.crop=null", "data.split.validation=[b]", "data.split.test=[c]"]
    overrides += ["data.tissue.method=all"]
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    fit(store.path, run, load_config(overrides=overrides))
    formats = ["--saved-model", "--onnx", "--tflite", "--precision", "fp32"]
    assert command("export", run, "--out", bundle, *formats) == 0
    opened = open_bundle(bundle)
    reference = open_session(opened, "keras")
    sessions = [open_session(opened, format) for format in ("saved_model", "onnx", "tflite")]
    rng = np.random.default_rng(1)
    for batch in (1, 3):
        for height, width in SIZES:
            images = rng.integers(0, 200, (batch, height, width, 2)).astype(np.uint8)
            expected = reference(images)
            assert np.ptp(expected) > 0
            for session in sessions:
                difference = np.abs(session(images) - expected)
                assert difference.max() <= 0.01, (session, images.shape)
