"""A run with four training slides and its profile, and slides like them and unlike them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hrpn_export import Contract
from scipy.ndimage import gaussian_filter

from hrpn_tf.config import DataConfig, TissueConfig, load_config, to_yaml
from hrpn_tf.data.slide_list import read_slide_list
from hrpn_tf.data.store import build_store
from hrpn_tf.slides import write_slide
from support.exported_run import command, save_network

ROLES = ("vessels", "nuclei", "qd")
GROUPS = {"a": "train", "b": "train", "c": "train", "d": "train", "e": "validation", "f": "test"}
SHAPE, PATCH = (256, 320), 64


def image(seed: int) -> np.ndarray:
    """Two channels of blobs in the middle, darkness around; the target is half of the first."""
    rng = np.random.default_rng(seed)
    planes = []
    for level, sigma in ((25, 2), (60, 4)):
        field = gaussian_filter(rng.standard_normal(SHAPE), sigma)
        planes.append(level * np.exp(0.4 * field / field.std() + 0.03 * rng.standard_normal()))
    rows, columns = np.indices(SHAPE) / np.array(SHAPE)[:, None, None] - 0.5
    tissue = gaussian_filter((np.maximum(abs(rows), abs(columns)) < 0.44).astype(float), 2)
    inputs = np.stack(planes, axis=-1) * tissue[..., None] + rng.uniform(0, 2, (*SHAPE, 2))
    target = inputs[..., :1] / 2
    return np.clip(np.concatenate([inputs, target], axis=-1), 0, 255).astype(np.uint8)


def make_slide(
    path: Path, seed: int, change: Callable[[np.ndarray], np.ndarray] = lambda slide: slide
) -> Path:
    write_slide(path, change(image(seed)), channels=ROLES, pixel_size_um=0.5, provenance={})
    return path


def make_run(folder: Path, tissue: str = "otsu", train: str = "abcd") -> Path:
    """What ``hrpn-tf fit`` leaves of it, but for the profile."""
    slides, run = folder / "slides", folder / "run"
    slides.mkdir(parents=True)
    run.mkdir()
    lines = ["slide,group"]
    for seed, group in enumerate(GROUPS):
        make_slide(slides / f"{group}.ome.tif", seed)
        lines.append(f"{group}.ome.tif,{group}")
    (slides / "slides.csv").write_text("\n".join(lines))
    config = DataConfig(patch=PATCH, stride=PATCH, tissue=TissueConfig(method=tissue))
    store = build_store(read_slide_list(slides / "slides.csv", config), config, folder / "store",
                        progress=False)  # fmt: skip
    save_network(run / "best.keras")
    contract = Contract(ROLES[:2], ("qd",), 0.5, 2, 13, True, 255.0)
    (run / "contract.json").write_text(contract.to_json())
    overrides = [f"data.tissue.method={tissue}", "prediction.tile=128"]
    (run / "hrpn.yaml").write_text(to_yaml(load_config(overrides=overrides)))
    (run / "store.json").write_text(json.dumps({"path": str(store.path)}))
    used = {group: "train" if group in train else "other" for group in GROUPS} | {
        "e": "validation",
        "f": "test",
    }
    split = {
        subset: {"groups": [g for g, s in used.items() if s == subset], "slides": []}
        for subset in ("train", "validation", "test")
    }
    (run / "split.json").write_text(json.dumps(split))
    return run


def profiled_run(folder: Path, **options: str) -> Path:
    run = make_run(folder, **options)
    assert command("describe-training", run) == 0
    return run
