"""A run with four training slides and its profile, and slides like them and unlike them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from hrpn_export import Contract
from scipy.ndimage import gaussian_filter

from hrpn_tf.slides import write_slide
from support.command import hrpn_tf
from support.exported_run import save_network
from support.run_folder import ROLES, make_run, write_slides
from support.stores import make_store

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


def unprofiled_run(folder: Path, tissue: str = "otsu", train: str = "abcd") -> Path:
    """A run with its slides and patches, but without its profile; groups of ``train`` train it."""
    slides = write_slides(folder / "slides", GROUPS, image)
    store = make_store(slides, folder / "store", PATCH, tissue)
    save_network(folder / "best.keras")
    left_out = {group: "none" for group in "abcd" if group not in train}
    return make_run(
        folder / "run",
        folder / "best.keras",
        Contract(ROLES[:2], ("qd",), 0.5, 2, 13, True, 255.0),
        groups=GROUPS | left_out,
        store=store.path,
        overrides=[f"data.tissue.method={tissue}", "prediction.tile=128"],
    )


def profiled_run(folder: Path, **options: str) -> Path:
    """The same with its profile."""
    run = unprofiled_run(folder, **options)
    assert hrpn_tf("describe-training", run).exit_code == 0
    return run
